/* When figures are old, and when to look again. Pure. Times are milliseconds. */

export interface Link {
  /** When the first answer was asked for. */
  readonly began: number;
  /** When the last good answer came, milliseconds since the epoch; 0: there was none. */
  readonly good: number;
  /** Answers in a row that failed. */
  readonly failed: number;
  /** What was said at the last failure. */
  readonly why: string;
}

export const NONE: Link = { began: 0, good: 0, failed: 0, why: "" };
const MOST_MS = 30_000;
const OVERDUE = 3;
const OVERDUE_MS = 10_000;

/** Milliseconds until the next look: twice as long after each failure, half a minute at most. */
export function pause(every: number, failed: number): number {
  return failed ? Math.min(MOST_MS, every * 2 ** Math.min(failed - 1, 10)) : every;
}

/** Whether what is shown is old: the last look failed, or the next answer is overdue. */
export function isOld(link: Link, now: number, every: number): boolean {
  return link.failed > 0 || now - (link.good || link.began) > Math.max(OVERDUE * every, OVERDUE_MS);
}
