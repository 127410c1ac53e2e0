/*
 * What this browser has seen of the queues, for its charts: the platform keeps figures of now and today, and no past.
 * Pure. Times are milliseconds since the epoch.
 */

/** Calls that waited, and the service level of the last half hour in percent; null: there was none. */
export type Seen = readonly [waiting: number, level: number | null];
export interface Sample {
  readonly at: number;
  /** By queue; "": all together. */
  readonly queues: Readonly<Record<string, Seen>>;
}
export interface Point {
  readonly at: number;
  readonly value: number;
}

export const SAMPLE_MS = 15_000;
const KEPT_MS = 4 * 3_600_000;

/** The samples with a new one, unless the last one is of a moment ago; those that are too old are left out. */
export function extended(samples: readonly Sample[], sample: Sample): readonly Sample[] {
  const last = samples.at(-1);
  if (last && sample.at - last.at < SAMPLE_MS) return samples;
  return [...samples.filter((each) => sample.at - each.at < KEPT_MS), sample];
}

/** What was stored; nothing where that cannot be read. */
export function stored(text: string | null): readonly Sample[] {
  try {
    const found: unknown = JSON.parse(text ?? "[]");
    return Array.isArray(found) ? (found as Sample[]) : [];
  } catch {
    return [];
  }
}

/** One line of a queue, in pieces: nothing joins what lies before and behind a time in which nobody looked. */
export function pieces(samples: readonly Sample[], queue: string, which: 0 | 1): readonly (readonly Point[])[] {
  const found: Point[][] = [];
  let before = -Infinity;
  for (const { at, queues } of samples) {
    const value = queues[queue]?.[which];
    if (value == null) continue;
    if (at - before > 4 * SAMPLE_MS) found.push([]);
    found.at(-1)?.push({ at, value });
    before = at;
  }
  return found;
}

/** The service level of several queues: of all their rated calls together. null: there were none, or nobody knows. */
export function levelOf(parts: readonly { service_level: number | null; rated: number | null }[]): number | null {
  let timely = 0;
  let rated = 0;
  for (const part of parts) {
    if (part.service_level === null || !part.rated) continue;
    timely += part.service_level * part.rated;
    rated += part.rated;
  }
  return rated ? timely / rated : null;
}
