// What on this page asks a person to act, derived from what the plants report. One list feeds both the strip at the top and
// the marks at the equipment, so that the two can never disagree. The centre's alarm system with its states
// (acknowledged, shelved, …) is not on this page.

import { digits, unitText, words } from "./format";
import type { Consumer, Dispatch, Fleet, Header, Plant, Source } from "./types";

export interface Alarm {
  /** The element of the page where the equipment stands. */
  anchor: string;
  text: string;
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

export const anchorOf = (plant: string, kind: string, id: string): string => `${plant}/${kind}/${id}`;

export function alarms(fleet: Fleet | null, dispatch: Dispatch | null, plants: Plant[]): Alarm[] {
  const list: Alarm[] = [];
  const add = (anchor: string, text: string) => list.push({ anchor, text });
  if (fleet && !hasLeader(fleet)) add("fleet", "No leader: nobody dispatches");
  if (dispatch && !dispatchNormal(dispatch)) add("fleet", `Dispatch runs on ${words(dispatch.source)}`);
  for (const p of plants) {
    if (!linkUp(p.link)) {
      // One cause, one alarm: that nothing of the plant can be seen follows from it.
      add(p.id, `${p.name}: link ${linkText(p.link)}`);
      continue;
    }
    if (!modeNormal(p.mode)) add(p.id, `${p.name}: mode ${p.mode}`);
    for (const s of p.sources ?? []) {
      const what = sourceAlarm(s);
      if (what) add(anchorOf(p.id, "source", s.id), `${s.id} ${what}`);
    }
    for (const h of p.headers ?? []) {
      const what = headerAlarm(h);
      if (what) add(anchorOf(p.id, "header", h.id), `${h.id} ${what}`);
    }
    for (const c of [...(p.consumers ?? [])].sort((a, b) => a.class_rank - b.class_rank)) {
      if (consumerShort(c)) add(anchorOf(p.id, "consumer", c.id), `${c.name} short of ${digits(c.unserved_mw)} MW`);
    }
    for (const d of p.devices ?? []) {
      if (!d.up) add(anchorOf(p.id, "device", d.id), `${d.id} silent`);
    }
  }
  return list;
}
