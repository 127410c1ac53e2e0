/* When figures are old, and when to look again. Pure. Times are milliseconds. */
export const NONE = { began: 0, good: 0, failed: 0, why: "" };
const MOST_MS = 30_000;
const OVERDUE = 3;
const OVERDUE_MS = 10_000;
/** Milliseconds until the next look: twice as long after each failure, half a minute at most. */
export function pause(every, failed) {
    return failed ? Math.min(MOST_MS, every * 2 ** Math.min(failed - 1, 10)) : every;
}
/** Whether what is shown is old: the last look failed, or the next answer is overdue. */
export function isOld(link, now, every) {
    return link.failed > 0 || now - (link.good || link.began) > Math.max(OVERDUE * every, OVERDUE_MS);
}
