// The horizon behind a schedule, as the dispatch view draws it: whose heat stands on whose, what a plant takes in and gives
// away, who is short and when, and the graded steps on real time. Pure: MW, MWh, and times in milliseconds since 1970.

import { UNSERVED_MIN_MW } from "./alarms";
import { plantOf } from "./names";

/** `GET /dispatch/plan`: every list has one value for each step. */
export interface Horizon {
  seq: number;
  time: string;
  step_minutes: number[];
  sources: Record<string, number[]>;
  /** `heat` is negative while the store is filled; `content` is what it holds at the end of each step, MWh. */
  stores: Record<string, { heat: number[]; content: number[] }>;
  /** From the beginning of a main to its end; negative the other way. */
  mains: Record<string, number[]>;
  consumers: Record<string, { asked: number[]; served: number[] }>;
  /** Money per MWh at each header; empty where the schedule was made without the solver. */
  prices: Record<string, number[]>;
}

/** `GET /dispatch/explanation`. */
export interface Explanation {
  seq: number;
  prices: { header: string; step: number; up: number | null; down: number | null; taken: [string, number] | null }[];
  short: ShortReason[];
  further_short: number;
  worth: { stage: string; owner: string; limit: string; saves: number }[];
  changes: { cause: boolean; owner: string; what: string; before: number | null; now: number | null }[];
  sentences: string[];
}

export interface ShortReason {
  demand: string;
  class: string;
  mwh: number;
  peak_mw: number;
  from: number;
  to: number;
  avoidable_mwh: number;
  limits: { owner: string; limit: string; step: number; gives_mwh: number }[];
}

/** The two ends of a main, each a header. */
export type Ends = { id: string; from: string; to: string };

export type BandKind = "source" | "store" | "main";
/** One layer of the stack: above zero where it brings heat, below where it takes some in. */
export interface Band {
  id: string;
  kind: BandKind;
  /** What it stands for; more than one where single ones would be too many to tell apart. */
  of: string[];
  mw: number[];
}

/** More layers than this are not told apart in greys. */
export const MOST_BANDS = 12;

/** Where the steps begin, and where the last one ends. */
export function edges(time: string, stepMinutes: number[]): number[] {
  let at = Date.parse(time);
  return [at, ...stepMinutes.map((minutes) => (at += minutes * 60_000))];
}

/** The step that a time lies in; the first or the last one beyond the ends. */
export function stepAt(at: number, all: number[]): number {
  let step = 0;
  while (step < all.length - 2 && (all[step + 1] ?? Infinity) <= at) step++;
  return step;
}

/** Sum of lists, step by step. */
export const total = (steps: number, lists: number[][]): number[] =>
  Array.from({ length: steps }, (_, t) => lists.reduce((sum, list) => sum + (list[t] ?? 0), 0));

/** The plants that the horizon tells of. */
export const plantsIn = (h: Horizon): string[] =>
  [...new Set([...Object.keys(h.sources), ...Object.keys(h.consumers)].map(plantOf))].sort();

/**
 * The layers of one plant, or of the whole fleet. A plant's mains that come from another plant or lead there are layers of
 * their own; between two headers of one plant, and within the fleet, a main brings nothing.
 */
export function bands(h: Horizon, plant: string | null, mains: Ends[]): Band[] {
  const mine = (id: string) => plant === null || plantOf(id) === plant;
  const one = (kind: BandKind, id: string, mw: number[]): Band => ({ id, kind, of: [id], mw });
  const all = Object.entries(h.sources).flatMap(([id, mw]) => (mine(id) ? [one("source", id, mw)] : []));
  for (const [id, store] of Object.entries(h.stores)) if (mine(id)) all.push(one("store", id, store.heat));
  for (const { id, from, to } of plant === null ? [] : mains) {
    const mw = h.mains[id];
    if (mw === undefined || mine(from) === mine(to)) continue;
    all.push(one("main", id, mine(to) ? mw : mw.map((v) => -v)));
  }
  return all;
}

/**
 * As many layers as can be told apart. Of a fleet each plant's sources become one layer, and its stores one; of what is
 * still too much the largest stay and the others become one layer for each kind. Nothing is dropped: the sums stay.
 */
export function gathered(all: Band[], steps: number, most = MOST_BANDS): Band[] {
  if (all.length <= most) return all;
  const join = (id: string, parts: Band[]): Band => {
    const [first] = parts;
    return parts.length === 1 && first ? first : { id, kind: first?.kind ?? "source", of: parts.flatMap((b) => b.of), mw: total(steps, parts.map((b) => b.mw)) };
  };
  const groups = new Map<string, Band[]>();
  if (new Set(all.filter((b) => b.kind !== "main").map((b) => plantOf(b.id))).size > 1) {
    for (const band of all) {
      const name = `${plantOf(band.id)}: ${band.kind}s`;
      groups.set(name, [...(groups.get(name) ?? []), band]);
    }
  } else for (const band of all) groups.set(band.id, [band]);
  const layers = [...groups].map(([name, parts]) => join(name, parts));
  if (layers.length <= most) return layers;
  const size = (b: Band) => Math.max(...b.mw.map(Math.abs));
  const kinds = new Set(layers.map((b) => b.kind)).size;
  const large = new Set([...layers].sort((a, b) => size(b) - size(a)).slice(0, most - kinds));
  const small = layers.filter((b) => !large.has(b));
  const rest = (["source", "store", "main"] as const).flatMap((kind) => {
    const parts = small.filter((b) => b.kind === kind);
    return parts.length === 0 ? [] : [join(`further ${kind}s`, parts)];
  });
  return [...layers.filter((b) => large.has(b)), ...rest];
}

/** Lower and upper edge of each layer in each step: what brings heat piles up from zero, what takes it hangs below. */
export function stack(all: Band[], steps: number): { low: number[]; high: number[] }[] {
  const up = new Array<number>(steps).fill(0);
  const down = new Array<number>(steps).fill(0);
  return all.map(({ mw }) => {
    const layer = { low: [] as number[], high: [] as number[] };
    for (let t = 0; t < steps; t++) {
      const value = mw[t] ?? 0;
      const [from, to] = value < 0 ? [down[t] ?? 0, (down[t] ?? 0) + value] : [up[t] ?? 0, (up[t] ?? 0) + value];
      if (value < 0) down[t] = to;
      else up[t] = to;
      layer.low.push(Math.min(from, to));
      layer.high.push(Math.max(from, to));
    }
    return layer;
  });
}

/** What the consumers of a plant, or of all, ask for and get. */
export function demand(h: Horizon, plant: string | null): { asked: number[]; served: number[] } {
  const mine = Object.entries(h.consumers).flatMap(([id, c]) => (plant === null || plantOf(id) === plant ? [c] : []));
  const steps = h.step_minutes.length;
  return { asked: total(steps, mine.map((c) => c.asked)), served: total(steps, mine.map((c) => c.served)) };
}

/** A stretch of time in which the same heat is missing. */
export interface Gap {
  from: number;
  to: number;
  served: number;
  asked: number;
}

/** Where less is served than asked: one mark for neighbouring steps that are alike. */
export function gaps(asked: number[], served: number[], all: number[]): Gap[] {
  const found: Gap[] = [];
  asked.forEach((a, t) => {
    const s = served[t] ?? 0;
    if (a - s <= UNSERVED_MIN_MW) return;
    const [from = 0, to = 0] = [all[t], all[t + 1]];
    const last = found.at(-1);
    if (last && last.to === from && last.asked === a && last.served === s) last.to = to;
    else found.push({ from, to, served: s, asked: a });
  });
  return found;
}

/** A consumer that goes short: how much at most, how much in all, and between which times. */
export interface Shortage {
  consumer: string;
  peakMw: number;
  mwh: number;
  from: number;
  to: number;
  /** Still short when the horizon ends. */
  open: boolean;
}

/** Who goes short, the largest first. */
export function shortages(h: Horizon, plant: string | null): Shortage[] {
  const all = edges(h.time, h.step_minutes);
  const steps = h.step_minutes.length;
  return Object.entries(h.consumers)
    .filter(([id]) => plant === null || plantOf(id) === plant)
    .flatMap(([consumer, { asked, served }]) => {
      const lacks = asked.map((a, t) => a - (served[t] ?? 0));
      const short = lacks.flatMap((mw, t) => (mw > UNSERVED_MIN_MW ? [t] : []));
      const [first, last] = [short[0], short.at(-1)];
      if (first === undefined || last === undefined) return [];
      const mwh = short.reduce((sum, t) => sum + ((lacks[t] ?? 0) * (h.step_minutes[t] ?? 0)) / 60, 0);
      return [{ consumer, peakMw: Math.max(...lacks), mwh, from: all[first] ?? 0, to: all[last + 1] ?? 0, open: last === steps - 1 }];
    })
    .sort((a, b) => b.mwh - a.mwh);
}

/** A span of the horizon that is looked at: the beginning of it, or all where it is longer than that. */
export function opening(all: number[], spanMs: number | null): { from: number; to: number } {
  const [from, to] = [all[0] ?? 0, all.at(-1) ?? 0];
  return { from, to: spanMs === null ? to : Math.min(to, from + spanMs) };
}

/** A span that is moved and zoomed by keys stays within the horizon and no shorter than a minute. */
export function within(all: number[], from: number, to: number): { from: number; to: number } {
  const [begin, end] = [all[0] ?? 0, all.at(-1) ?? 0];
  const width = Math.min(end - begin, Math.max(60_000, to - from));
  const start = Math.min(Math.max(begin, from), end - width);
  return { from: start, to: start + width };
}

/** Least and largest of lists over the steps that a span shows. */
export function reachOf(lists: (number | null)[][], all: number[], from: number, to: number): [number, number] | null {
  let [low, high] = [Infinity, -Infinity];
  const [first, last] = [stepAt(from, all), stepAt(to - 1, all)];
  for (const list of lists) {
    for (let t = first; t <= last; t++) {
      const value = list[t];
      if (typeof value !== "number" || !Number.isFinite(value)) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  return low > high ? null : [low, high];
}

/** The same plan is not asked for again, and a new one not more often than this. */
export const AGAIN_MS = 5000;
/** An answer that is made when it is asked for is asked for again only after so many times as long as it took. */
export const REST = 2;

/** What is known about asking: times by the page's steady clock. */
export interface Asking {
  busy: boolean;
  /** When it was asked last, and how long the answer took; `null`: never. */
  last: { at: number; tookMs: number } | null;
}

/** Is it time to ask? `shown` is the schedule on the page, `wanted` the one in force; `null`: not known. */
export function due(asking: Asking, shown: number | null, wanted: number | null, now: number, rest = 0): boolean {
  if (asking.busy || (shown !== null && shown === wanted)) return false;
  return asking.last === null || now - asking.last.at >= Math.max(AGAIN_MS, rest * asking.last.tookMs);
}
