// Fetches the horizon behind the schedule in force, and its explanation, while a page shows them: with each new schedule
// that the live page names, within the limits of `due`. What cannot be had is said with its reason; a horizon that the
// centre says it does not have is taken off the page, one that merely could not be renewed stays and is called old.

import { effect, signal } from "@preact/signals";
import { CallError, dispatchExplanation, dispatchPlan } from "./api";
import { type Asking, due, type Explanation, type Horizon, REST } from "./horizon";
import { live, tick } from "./live";
import { dispatch } from "./store";

/** Why something cannot be shown. Status 0: nobody answered. */
export interface Lack {
  status: number;
  message: string;
  /** Where the replica that leads is, if another one does. */
  leader: string | null;
}

/** One thing that is fetched again and again, and what is known of it. */
class Followed<T extends { seq: number }> {
  readonly value = signal<T | null>(null);
  readonly lack = signal<Lack | null>(null);
  readonly asking = signal<Asking>({ busy: false, last: null });

  constructor(private readonly fetch: () => Promise<T>) {}

  async ask(stopped: () => boolean): Promise<void> {
    const at = performance.now();
    this.asking.value = { busy: true, last: this.asking.peek().last };
    try {
      const value = await this.fetch();
      if (stopped()) return;
      this.value.value = value;
      this.lack.value = null;
    } catch (error) {
      if (stopped()) return;
      const told = error instanceof CallError ? error : new CallError(String(error), false);
      if (told.status !== 0) this.value.value = null;
      this.lack.value = { status: told.status, message: told.message, leader: told.leader };
    }
    this.asking.value = { busy: false, last: { at, tookMs: performance.now() - at } };
  }
}

export class Follower {
  readonly horizon = new Followed<Horizon>(dispatchPlan);
  readonly explanation = new Followed<Explanation>(dispatchExplanation);
  private stopped = false;
  private readonly end: () => void;

  constructor() {
    this.end = effect(() => {
      void tick.value;
      const wanted = dispatch.value?.seq ?? null;
      if (live.value && document.visibilityState === "visible") this.follow(wanted);
    });
  }

  private follow(wanted: number | null): void {
    const gone = () => this.stopped;
    const now = performance.now();
    const { horizon, explanation } = this;
    const shown = horizon.lack.peek() === null ? (horizon.value.peek()?.seq ?? null) : null;
    if (due(horizon.asking.peek(), shown, wanted, now)) void horizon.ask(gone);
    // Whoever may not read an explanation is told so once; another right takes another session.
    const planned = horizon.value.value?.seq ?? null;
    if (planned === null || explanation.lack.peek()?.status === 403) return;
    const told = explanation.lack.peek() === null ? (explanation.value.peek()?.seq ?? null) : null;
    if (due(explanation.asking.peek(), told, planned, now, REST)) void explanation.ask(gone);
  }

  stop(): void {
    this.stopped = true;
    this.end();
  }
}
