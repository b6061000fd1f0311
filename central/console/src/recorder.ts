// Fills the series of tags: the history of the span that is looked at, then every live value. What the live page missed
// (a hidden tab draws nothing, a connection may be lost) is asked of the history again, so that no hole stays that the
// centre could fill.

import { effect } from "@preact/signals";
import { CallError, historyOf } from "./api";
import { live, serverNow } from "./live";
import { Series } from "./series";
import { tag, tagIds } from "./store";

/** Samples asked for; a screen has no more columns to show them in. */
export const POINTS = 1500;
/** What is in the history is asked for again this often, and soon after the start: values take a moment to get there. */
const AGAIN_MS = 20_000;
const SOON_MS = 4_000;

export class Recorder {
  readonly series = new Series();
  /** Why the history cannot be shown, for people; empty when it can. */
  problem = "";
  private stopped = false;
  private stops: (() => void)[] = [];

  constructor(
    readonly id: string,
    private readonly changed: () => void,
  ) {
    this.stops.push(
      effect(() => {
        // A snapshot may bring the tag after the page asked for it.
        void tagIds.value;
        const t = tag(id)?.value;
        if (!t?.source_time) return;
        const value = typeof t.value === "boolean" ? Number(t.value) : typeof t.value === "number" ? t.value : null;
        this.series.live(Date.parse(t.source_time), value, t.quality);
      }),
    );
    let was = live.peek();
    this.stops.push(
      effect(() => {
        if (live.value && !was) this.catchUp();
        was = live.value;
      }),
    );
    const visible = () => document.visibilityState === "visible" && this.catchUp();
    document.addEventListener("visibilitychange", visible);
    const soon = setTimeout(() => this.catchUp(), SOON_MS);
    const again = setInterval(() => this.catchUp(), AGAIN_MS);
    this.stops.push(() => document.removeEventListener("visibilitychange", visible), () => clearTimeout(soon), () => clearInterval(again));
  }

  /** The history of a span, milliseconds. */
  async load(from: number, to: number): Promise<void> {
    try {
      const answer = await historyOf(this.id, from, to, POINTS);
      if (this.stopped) return;
      this.series.merge(answer.samples, from, to);
      this.problem = "";
    } catch (error) {
      if (this.stopped) return;
      this.problem = error instanceof CallError ? error.message : String(error);
    }
    this.changed();
  }

  private catchUp(): void {
    const now = serverNow();
    const known = this.series.knownTo;
    if (this.stopped || !live.peek() || now === null || known === null) return;
    void this.load(known, now);
  }

  stop(): void {
    this.stopped = true;
    for (const stop of this.stops) stop();
  }
}
