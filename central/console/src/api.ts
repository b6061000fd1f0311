// Calls of the API. Each has a time limit, and none is repeated by itself: what did not get through is told to the person.

import { signal } from "@preact/signals";
import type { Explanation, Horizon } from "./horizon";
import type { CommandResult, Entry, HistorySample, Mimic, Order, Runbook, SubAgent } from "./types";

export const BASE = "/api/v1";
const TIMEOUT_MS = 4000;
/** An explanation is a number of solves, made when somebody asks: on a large fleet it takes longer than any other answer. */
const EXPLAINED_WITHIN_MS = 60_000;
export const OVER = "Your session is over. Sign in again.";

/** Whether a session is open: `null` until it was asked. */
export const session = signal<boolean | null>(null);
/** Why there is no session any more, for the sign-in form; empty before the first one. */
export const sessionEnd = signal("");

/** The session is over: nothing of the plants may stay on the page. */
export function endSession(why: string): void {
  if (session.value) sessionEnd.value = why;
  session.value = false;
}

/** A call that the server refused or that had no answer, with a sentence for the operator. */
export class CallError extends Error {
  /** True when the server answered; false when it is not known whether it acted. */
  readonly answered: boolean;
  /** The HTTP status; 0 without an answer. */
  readonly status: number;
  /** Where the replica is that could have answered, if this one only follows. */
  readonly leader: string | null;
  constructor(message: string, answered: boolean, status = 0, leader: string | null = null) {
    super(message);
    this.answered = answered;
    this.status = status;
    this.leader = leader;
  }
}

async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}, limitMs = TIMEOUT_MS): Promise<unknown> {
  let response: Response;
  try {
    const init: RequestInit = { method, headers, credentials: "same-origin", cache: "no-store", signal: AbortSignal.timeout(limitMs) };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers = { ...headers, "Content-Type": "application/json" };
    }
    response = await fetch(BASE + path, init);
  } catch {
    throw new CallError(`The centre did not answer within ${limitMs / 1000} s.`, false);
  }
  const answer: unknown = await response.json().catch(() => null);
  if (!response.ok) {
    if (response.status === 401 && !(method === "POST" && path === "/session")) endSession(OVER);
    throw new CallError(problem(response.status, answer), true, response.status, (answer as { leader?: string } | null)?.leader ?? null);
  }
  return answer;
}

/** The sentence of an RFC 9457 problem, with its code where it has one. */
function problem(status: number, answer: unknown): string {
  const p = (answer ?? {}) as { code?: string; title?: string; detail?: string };
  const text = p.detail ?? p.title ?? `The centre answered ${status}.`;
  return p.code ? `${text} (${p.code})` : text;
}

export async function signIn(user: string, password: string): Promise<void> {
  await call("POST", "/session", { user, password });
  sessionEnd.value = "";
  session.value = true;
}

/** Ends the session on the server. Without its answer the session may be open still, so the page does not pretend. */
export async function signOut(): Promise<void> {
  await call("DELETE", "/session");
  endSession("Signed out.");
}

/** Asks whether the session still holds. No answer leaves what was known: an outage is not a sign-out. */
export async function signedIn(): Promise<void> {
  try {
    await call("GET", "/fleet");
    session.value = true;
  } catch {
    session.value ??= false;
  }
}

export async function sendCommand(plant: string, setpoint: string, value: number, reason: string, key: string): Promise<string> {
  const answer = (await call("POST", "/commands", { plant, setpoint, value, reason }, { "Idempotency-Key": key })) as { id: string };
  return answer.id;
}

/** Takes note of an alarm as it was seen; one that was raised anew since is refused. */
export const acknowledge = (id: string, raised: string): Promise<unknown> => call("POST", `/alarms/${encodeURIComponent(id)}/acknowledge`, { raised });

export async function commandResult(id: string): Promise<CommandResult> {
  return (await call("GET", `/commands/${encodeURIComponent(id)}`)) as CommandResult;
}

/** A fresh key. `randomUUID` exists only on secure origins, and a console on a plant's own network may be plain HTTP. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

const query = (parts: Record<string, string | number | undefined>): string => {
  const known = Object.entries(parts).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
  return new URLSearchParams(known).toString();
};

export const mimicOf = async (plant: string): Promise<Mimic> => (await call("GET", `/plants/${encodeURIComponent(plant)}/mimic`)) as Mimic;

/** Samples of a tag from `from` (included) to `to` (excluded), milliseconds, thinned to `points` at most. */
export async function historyOf(tag: string, from: number, to: number, points: number): Promise<{ unit: string | null; samples: HistorySample[] }> {
  const span = query({ tag, from: new Date(from).toISOString(), to: new Date(to).toISOString(), points });
  return (await call("GET", `/history?${span}`)) as { unit: string | null; samples: HistorySample[] };
}

export const journalHead = async (): Promise<{ seq: number; hash: string }> => (await call("GET", "/journal/head")) as { seq: number; hash: string };
export const journalFrom = async (from: number, limit: number): Promise<Entry[]> => (await call("GET", `/journal?${query({ from, limit })}`)) as Entry[];

/** The latest orders, newest first. */
export async function ordersFor(plant: string, setpoint: string | undefined, limit: number): Promise<Order[]> {
  return ((await call("GET", `/commands?${query({ plant, setpoint, limit })}`)) as { commands: Order[] }).commands;
}

/** The horizon behind the schedule in force, and why it is so. Only the replica that leads has them. */
export const dispatchPlan = async (): Promise<Horizon> => (await call("GET", "/dispatch/plan")) as Horizon;
export const dispatchExplanation = async (): Promise<Explanation> =>
  (await call("GET", "/dispatch/explanation", undefined, {}, EXPLAINED_WITHIN_MS)) as Explanation;

/** The page that an alarm names. */
export const runbookOf = async (id: string): Promise<Runbook> => (await call("GET", `/runbooks/${encodeURIComponent(id)}`)) as Runbook;

/** The registry of sub-agents. */
export async function subAgents(): Promise<SubAgent[]> {
  return ((await call("GET", "/subagents")) as { subagents: SubAgent[] }).subagents;
}

/** What the centre says of its own parts. It answers with 503 when one is not well, and that is an answer too. */
export async function readiness(): Promise<Record<string, { ok: boolean; detail: string }>> {
  const response = await fetch(`${BASE}/health/ready`, { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
  return ((await response.json()) as { checks: Record<string, { ok: boolean; detail: string }> }).checks;
}
