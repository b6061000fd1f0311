// The samples of one tag over time, from the history and from the live page, as one line without a gap and without a
// sample twice. Pure: times are milliseconds since 1970, and the caller says what is now.
//
// Both tell the source's time of a sample, so a sample that comes by both ways is one. A bad value is a hole in the line;
// so is a silence that is longer than a live tag may keep, because what lies in it is not known.

import type { HistorySample, Quality } from "./types";

export interface Sample {
  at: number;
  value: number | null;
  quality: Quality;
}

/** Longer than any tag may be silent: a fleet whose values grow too old before this is refused. */
export const SILENCE_MS = 30_000;
/** Kept for each tag; more than any screen has columns. */
const KEPT = 20_000;

export class Series {
  samples: Sample[] = [];
  /** Up to here the history has told everything that it had. */
  knownTo: number | null = null;

  /** What the history tells of a span; it replaces what was known of it, except for what came live and is not stored yet. */
  merge(samples: HistorySample[], from: number, to: number): void {
    const told = samples.map(([time, value, quality]) => ({ at: Date.parse(time), value, quality }));
    const last = told.at(-1)?.at ?? from;
    const kept = this.samples.filter((s) => s.at < from || s.at >= to || s.at > last);
    const before = kept.filter((s) => s.at < from);
    const after = kept.filter((s) => s.at >= from);
    this.samples = [...before, ...told, ...after];
    this.knownTo = Math.max(this.knownTo ?? from, last);
    this.trim();
  }

  /** A live value. One that is not newer than the last is no new sample, unless its quality says something else. */
  live(at: number, value: number | null, quality: Quality): void {
    const last = this.samples.at(-1);
    if (last && at < last.at) return;
    if (last && at === last.at) {
      if (last.quality === quality) return;
      // The same reading, no longer to be trusted: from here on, not from where it was read.
      at = last.at + 1;
    }
    this.samples.push({ at, value, quality });
    this.trim();
  }

  private trim(): void {
    if (this.samples.length > KEPT) this.samples.splice(0, this.samples.length - KEPT);
  }

  /** The value that held at a time: the last sample at or before it, if no silence or bad value lies between. */
  heldAt(at: number, silenceMs = SILENCE_MS): Sample | null {
    let low = 0;
    let high = this.samples.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.samples[middle]?.at ?? 0) <= at) low = middle + 1;
      else high = middle;
    }
    const found = this.samples[low - 1];
    return found && at - found.at <= silenceMs ? found : null;
  }

  /**
   * What is drawn of a span: times in seconds, with `null` where the line must break. `liveAt` carries the last good value
   * on to the present; `null`: the page is not live, and the line ends with its last sample.
   */
  line(from: number, to: number, silenceMs: number, liveAt: number | null): [number[], (number | null)[]] {
    const times: number[] = [];
    const values: (number | null)[] = [];
    const put = (at: number, value: number | null) => {
      if (times.length > 0 && at / 1000 <= (times.at(-1) ?? 0)) at = (times.at(-1) ?? 0) * 1000 + 1;
      times.push(at / 1000);
      values.push(value);
    };
    let last: Sample | null = null;
    for (const sample of this.samples) {
      if (sample.at > to) {
        // One beyond the edge, so that the line runs out of the drawing and does not stop before it.
        if (last && sample.at - last.at <= silenceMs) put(sample.at, sample.quality === "bad" ? null : sample.value);
        last = null;
        break;
      }
      if (last && sample.at - last.at > silenceMs) put(last.at + 1, null);
      last = sample;
      if (sample.at < from - silenceMs) continue;
      put(sample.at, sample.quality === "bad" ? null : sample.value);
    }
    if (last && liveAt !== null && last.quality !== "bad" && liveAt > last.at && liveAt - last.at <= silenceMs) put(liveAt, last.value);
    return [times, values];
  }

  /** Spans of bad quality, for marks at the foot of the drawing. */
  bad(from: number, to: number): [number, number][] {
    const spans: [number, number][] = [];
    let began: number | null = null;
    for (const s of this.samples) {
      if (s.quality === "bad") began ??= s.at;
      else if (began !== null) {
        if (s.at >= from && began <= to) spans.push([began, s.at]);
        began = null;
      }
    }
    if (began !== null && began <= to) spans.push([began, to]);
    return spans;
  }
}

/** How long a silence in a thinned history may be before it is a hole: a slice may hold no sample at all. */
export const silenceOf = (from: number, to: number, points: number): number => Math.max(SILENCE_MS, (3 * (to - from)) / points);

/** Which of two axes each unit has; a third unit has none. */
export function axes(units: string[]): (0 | 1 | null)[] {
  const known: string[] = [];
  return units.map((unit) => {
    if (!known.includes(unit)) known.push(unit);
    const at = known.indexOf(unit);
    return at === 0 ? 0 : at === 1 ? 1 : null;
  });
}
