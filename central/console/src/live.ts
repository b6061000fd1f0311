// The one WebSocket of the tab: opens it, judges it by its beat, opens a new one with back-off, and tells the views
// whether what they show is live. Nothing is ever kept here for sending later.

import { effect, signal } from "@preact/signals";
import { BASE, endSession, OVER, session, signedIn } from "./api";
import { backOff, CHECK_EVERY_MS, Heartbeat } from "./heartbeat";
import { forget, receive } from "./store";
import type { Frame } from "./types";

/** With this code the centre closes a connection whose session is over. */
const SESSION_OVER = 4401;

/** True while values are the present and commands may be given. */
export const live = signal(false);
/** Seconds since the last sign of life, for the banner. */
export const silentForS = signal(0);
/** Why the last connection ended, in words. */
export const lastEnd = signal("not connected yet");
/** Steady clock of the page, in milliseconds, moved once a second: whatever shows an age reads this. */
export const tick = signal(performance.now());
/** The server's time at its last beat. */
const serverTime = signal<{ time: number; at: number } | null>(null);

/** The server's time now, carried on from its last beat; the browser's own clock is never asked. */
export function serverNow(): number | null {
  const last = serverTime.value;
  return last ? last.time + Math.max(0, tick.value - last.at) : null;
}

export const lastBeat = (): number | null => serverTime.value?.time ?? null;

let socket: WebSocket | null = null;
let heart = new Heartbeat(performance.now());
let lastLifeAt = performance.now();
let attempt = 0;
let retry: ReturnType<typeof setTimeout> | null = null;
let running = false;

export function start(): void {
  if (running) return;
  running = true;
  lastLifeAt = performance.now();
  connect();
  setInterval(judge, CHECK_EVERY_MS);
  setInterval(() => (tick.value = performance.now()), 1000);
  document.addEventListener("visibilitychange", judge);
  effect(() => {
    if (session.value === false) stop();
  });
}

/** Without a session there is no connection, and no number of the last one stays. */
function stop(): void {
  const old = socket;
  socket = null;
  old?.close();
  if (retry !== null) clearTimeout(retry);
  retry = null;
  live.value = false;
  serverTime.value = null;
  lastEnd.value = "not connected yet";
  forget();
}

function connect(): void {
  retry = null;
  const url = new URL(`${BASE}/live`, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  heart = new Heartbeat(performance.now());
  const ws = new WebSocket(url);
  socket = ws;
  ws.onmessage = (event) => {
    if (ws === socket) frameArrived(event.data);
  };
  ws.onclose = (event) => {
    if (ws !== socket) return;
    if (event.code === SESSION_OVER) endSession(OVER);
    else ended("the centre closed the connection");
  };
}

function frameArrived(data: unknown): void {
  const now = performance.now();
  let frame: Frame;
  try {
    frame = JSON.parse(String(data)) as Frame;
  } catch {
    return ended("the centre sent a frame that is no JSON; are the console and the centre of the same version?");
  }
  switch (frame.type) {
    case "beat":
      heart.beatArrived(frame.seq, now);
      serverTime.value = { time: Date.parse(frame.time), at: now };
      break;
    case "snapshot":
      heart.snapshotArrived(now);
      lastEnd.value = "the connection stands, but nothing comes";
      receive(frame, now, requestAnimationFrame);
      break;
    case "update":
      receive(frame, now, requestAnimationFrame);
      break;
  }
  judge();
}

function judge(): void {
  const now = performance.now();
  const alive = socket !== null && heart.alive(now);
  if (alive) {
    attempt = 0;
    lastLifeAt = now - heart.age(now);
  } else if (socket !== null && heart.givenUp(now)) {
    ended("no beat from the centre");
  }
  live.value = alive;
  silentForS.value = Math.floor((now - lastLifeAt) / 1000);
}

/** Lets go of the socket and plans the next one. */
function ended(why: string): void {
  const old = socket;
  socket = null;
  lastEnd.value = why;
  old?.close();
  live.value = false;
  if (retry === null && session.value) retry = setTimeout(askThenConnect, backOff(attempt++, Math.random()));
}

/** A browser does not say why a handshake failed, so a session that has ended is found by an ordinary request first. */
async function askThenConnect(): Promise<void> {
  await signedIn();
  retry = null;
  if (session.value && socket === null) connect();
}

/** After a sign-in: the next connection at once, not after the back-off. */
export function hurry(): void {
  if (socket !== null) return;
  if (retry !== null) clearTimeout(retry);
  attempt = 0;
  lastLifeAt = performance.now();
  connect();
}
