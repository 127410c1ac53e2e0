/* How things are said. Pure: what the time is, and where, is given. */

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

/** Seconds as people say them; "unknown" when it is not known (null, or less than 0). */
export function span(seconds: number | null | undefined, unknown = "unknown"): string {
  if (seconds == null || seconds < 0) return unknown;
  const s = Math.round(seconds);
  if (s < MINUTE) return `${s} s`;
  if (s < HOUR) return `${Math.floor(s / MINUTE)} min ${s % MINUTE} s`;
  if (s < DAY) return `${Math.floor(s / HOUR)} h ${Math.floor((s % HOUR) / MINUTE)} min`;
  return `${Math.floor(s / DAY)} d ${Math.floor((s % DAY) / HOUR)} h`;
}

/** Seconds as a clock that runs: 0:07, 12:40, 1:02:03. */
export function timer(seconds: number | null | undefined): string {
  if (seconds == null || seconds < 0) return "–";
  const s = Math.floor(seconds);
  const two = (n: number): string => String(n).padStart(2, "0");
  const hours = Math.floor(s / HOUR);
  const minutes = Math.floor((s % HOUR) / MINUTE);
  return hours ? `${hours}:${two(minutes)}:${two(s % MINUTE)}` : `${minutes}:${two(s % MINUTE)}`;
}

/** A share of a whole in percent; a dash where there is no whole. */
export const share = (part: number, whole: number): string => (whole ? `${((100 * part) / whole).toFixed(1)} %` : "–");

/** A slug or a state as words. */
export const words = (text: string | null | undefined): string => (text ?? "").toLowerCase().replaceAll("_", " ");

/** With a capital. */
export const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);

export const sum = <Row>(rows: readonly Row[], value: (row: Row) => number): number =>
  rows.reduce((all, row) => all + value(row), 0);

/** A moment on the wall of a zone, with the day unless that is today there. */
export function when(iso: string | null | undefined, now: Date, zone?: string, locale?: string): string {
  if (!iso) return "–";
  const at = new Date(iso);
  const day = (moment: Date): string => moment.toLocaleDateString("sv", wall(zone));
  const today = day(at) === day(now);
  return at.toLocaleString(locale, {
    ...(today ? { timeStyle: "medium" } : { dateStyle: "medium", timeStyle: "short" }),
    ...wall(zone),
  });
}

/** What clocks show in the customer's zone, when that is not what they show here; "" when it is, or nobody knows. */
export function elsewhere(
  iso: string | null | undefined,
  now: Date,
  theirs: string,
  ours?: string,
  locale?: string,
): string {
  if (!iso || !theirs || !isZone(theirs)) return "";
  const there = when(iso, now, theirs, locale);
  return there === when(iso, now, ours, locale) ? "" : `${there} in ${city(theirs)}`;
}

/** Whether a browser knows a zone of this name. */
export function isZone(name: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat("en", { timeZone: name }));
  } catch {
    return false;
  }
}

/** A zone as people know it: Berlin of Europe/Berlin. */
export const city = (zone: string): string => (zone.split("/").at(-1) ?? zone).replaceAll("_", " ");

/** A zone and how far it is from UTC at a moment: Europe/Berlin, UTC+01:00. */
export function zoneName(zone: string, at: Date): string {
  const parts = new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "longOffset" }).formatToParts(at);
  const offset = parts.find((part) => part.type === "timeZoneName")?.value ?? "";
  return `${zone}, ${offset === "GMT" ? "UTC+00:00" : offset.replace("GMT", "UTC").replace("-", "−")}`;
}

/** The zone of this browser. */
export const here = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** A moment as `<input type=datetime-local>` takes it, on the wall of this browser. */
export function local(at: Date): string {
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

const wall = (zone: string | undefined): { timeZone?: string } => (zone === undefined ? {} : { timeZone: zone });
