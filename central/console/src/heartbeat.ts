// Whether what the page shows is the plant's present, judged by the age of the server's one-second beat alone. The state
// of a socket proves nothing: a stopped process keeps its connections open, and so does a network that swallows packets.
// Pure: the caller says what time it is, by a clock that never jumps.

/** Three missed beats. With the check's own period this flags a frozen server well inside four seconds. */
export const STALE_AFTER_MS = 3000;
/** A connection that has been silent this long is given up and made anew. */
export const GIVE_UP_AFTER_MS = 8000;
export const CHECK_EVERY_MS = 200;

export class Heartbeat {
  private lastAt: number | null = null;
  private lastSeq: number | null = null;
  private snapshot = false;
  private openedAt: number;

  constructor(now: number) {
    this.openedAt = now;
  }

  snapshotArrived(now: number): void {
    this.snapshot = true;
    this.lastAt ??= now;
  }

  /** A beat that repeats its number is an echo of an old one and proves no life. */
  beatArrived(seq: number | undefined, now: number): void {
    if (seq !== undefined && seq === this.lastSeq) return;
    this.lastSeq = seq ?? null;
    this.lastAt = now;
  }

  /** Since the last beat, or since the connection was begun when none has come. */
  age(now: number): number {
    return now - (this.lastAt ?? this.openedAt);
  }

  /** Values may be read as live and commands may be given. */
  alive(now: number): boolean {
    return this.snapshot && this.lastAt !== null && this.age(now) <= STALE_AFTER_MS;
  }

  givenUp(now: number): boolean {
    return this.age(now) > GIVE_UP_AFTER_MS;
  }
}

/** Back-off before the `attempt`-th new connection (0 is the first), spread by `random` in 0..1 so that many tabs do not come at once. */
export function backOff(attempt: number, random: number): number {
  const ceiling = Math.min(5000, 300 * 2 ** Math.min(attempt, 10));
  return ceiling * (0.5 + 0.5 * random);
}
