// What on this page asks a person to act, derived from what the plants report. One list feeds both the strip at the top and
// the marks at the equipment, so that the two can never disagree. What the centre has raised, and who has taken note of it,
// is a list of its own (views/Alarms.tsx): it keeps what went by itself before anybody looked.

import { digits, unitText, words } from "./format";
import { local } from "./names";
import type { Route } from "./route";
import type { Consumer, Dispatch, Fleet, Header, Kind, Plant, RaisedAlarm, Source } from "./types";

export interface Alarm {
  /** The page on which the equipment stands, and the elements that may stand for it there, the best first. */
  route: Route;
  anchors: string[];
  text: string;
  /** The plant that it is about; `null`: the fleet. */
  plant: string | null;
}

/** Heat below this is the noise of measurement, not unserved heat. */
export const UNSERVED_MIN_MW = 0.005;

export const linkUp = (link: string | boolean): boolean =>
  link === true || link === "up" || link === "online" || link === "connected";
export const linkText = (link: string | boolean): string => (typeof link === "boolean" ? (link ? "up" : "down") : words(link));
export const modeNormal = (mode: string): boolean => mode === "remote";

export const sourceAlarm = (s: Source): string | null =>
  s.state === "lockout" ? "locked out" : s.tripped || s.state === "tripped" ? "tripped" : null;

export function headerAlarm(h: Header): string | null {
  if (h.quality === "bad" || h.process_value === null) return "no good process value";
  if (h.process_value < h.low) return `below ${digits(h.low)} ${unitText(h.unit)}`;
  if (h.process_value > h.high) return `above ${digits(h.high)} ${unitText(h.unit)}`;
  return null;
}

export const consumerShort = (c: Consumer): boolean => (c.unserved_mw ?? 0) > UNSERVED_MIN_MW;
export const dispatchNormal = (d: Dispatch): boolean => d.source === "optimal";
export const hasLeader = (f: Fleet): boolean => f.leader !== null && f.leader !== false && f.leader !== "";

/** Has nobody taken note of it yet? */
export const unacknowledged = (a: RaisedAlarm): boolean => a.state !== "acknowledged";

/** The page on which there is more about it. */
export function placeOf(a: RaisedAlarm): Route {
  const [kind = "", thing = ""] = a.id.split(":", 2);
  if (a.plant !== null && kind === "trip") return { page: "piece", plant: a.plant, kind: "source", id: thing };
  if (a.plant !== null && kind === "deadline") return { page: "piece", plant: a.plant, kind: "consumer", id: thing };
  if (kind.startsWith("subagents-down")) return { page: "subagents" };
  if (kind === "journal-fork") return { page: "journal", seq: null, kind: "forked" };
  return { page: "fleet" };
}

export const anchorOf = (plant: string, kind: string, id: string): string => `${plant}/${kind}/${id}`;

export function alarms(fleet: Fleet | null, dispatch: Dispatch | null, plants: Plant[]): Alarm[] {
  const list: Alarm[] = [];
  const whole = (text: string) => list.push({ route: { page: "fleet" }, anchors: ["fleet"], text, plant: null });
  if (fleet && !hasLeader(fleet)) whole("No leader: nobody dispatches");
  if (dispatch && !dispatchNormal(dispatch)) whole(`Dispatch runs on ${words(dispatch.source)}`);
  for (const p of plants) {
    const add = (text: string, kind?: Kind | "device", id?: string) => {
      const anchors = kind === undefined || id === undefined ? [p.id] : [`mimic/${p.id}/${kind}/${id}`, anchorOf(p.id, kind, id), p.id];
      list.push({ route: { page: "plant", plant: p.id }, anchors, text, plant: p.id });
    };
    if (!linkUp(p.link)) {
      // One cause, one alarm: that nothing of the plant can be seen follows from it.
      add(`${p.name}: link ${linkText(p.link)}`);
      continue;
    }
    if (!modeNormal(p.mode)) add(`${p.name}: mode ${p.mode}`);
    for (const s of p.sources ?? []) {
      const what = sourceAlarm(s);
      if (what) add(`${p.name} ${local(p.id, s.id)} ${what}`, "source", s.id);
    }
    for (const h of p.headers ?? []) {
      const what = headerAlarm(h);
      if (what) add(`${p.name} ${local(p.id, h.id)} ${what}`, "header", h.id);
    }
    for (const c of [...(p.consumers ?? [])].sort((a, b) => a.class_rank - b.class_rank)) {
      if (consumerShort(c)) add(`${c.name} short of ${digits(c.unserved_mw)} MW`, "consumer", c.id);
    }
    for (const d of p.devices ?? []) {
      if (!d.up) add(`${p.name} ${local(p.id, d.id)} silent`, "device", d.id);
    }
  }
  return list;
}
