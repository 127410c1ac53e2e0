/* How things are said. Pure: what the time is, and where, is given. */
const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;
/** Seconds as people say them; "unknown" when it is not known (null, or less than 0). */
export function span(seconds, unknown = "unknown") {
    if (seconds == null || seconds < 0)
        return unknown;
    const s = Math.round(seconds);
    if (s < MINUTE)
        return `${s} s`;
    if (s < HOUR)
        return `${Math.floor(s / MINUTE)} min ${s % MINUTE} s`;
    if (s < DAY)
        return `${Math.floor(s / HOUR)} h ${Math.floor((s % HOUR) / MINUTE)} min`;
    return `${Math.floor(s / DAY)} d ${Math.floor((s % DAY) / HOUR)} h`;
}
/** Seconds as a clock that runs: 0:07, 12:40, 1:02:03. */
export function timer(seconds) {
    if (seconds == null || seconds < 0)
        return "–";
    const s = Math.floor(seconds);
    const two = (n) => String(n).padStart(2, "0");
    const hours = Math.floor(s / HOUR);
    const minutes = Math.floor((s % HOUR) / MINUTE);
    return hours ? `${hours}:${two(minutes)}:${two(s % MINUTE)}` : `${minutes}:${two(s % MINUTE)}`;
}
/** A share of a whole in percent; a dash where there is no whole. */
export const share = (part, whole) => (whole ? `${((100 * part) / whole).toFixed(1)} %` : "–");
/** A slug or a state as words. */
export const words = (text) => (text ?? "").toLowerCase().replaceAll("_", " ");
/** With a capital. */
export const capital = (text) => text.slice(0, 1).toUpperCase() + text.slice(1);
export const sum = (rows, value) => rows.reduce((all, row) => all + value(row), 0);
/** A moment on the wall of a zone, with the day unless that is today there. */
export function when(iso, now, zone, locale) {
    if (!iso)
        return "–";
    const at = new Date(iso);
    const day = (moment) => moment.toLocaleDateString("sv", wall(zone));
    const today = day(at) === day(now);
    return at.toLocaleString(locale, {
        ...(today ? { timeStyle: "medium" } : { dateStyle: "medium", timeStyle: "short" }),
        ...wall(zone),
    });
}
/** What clocks show in the customer's zone, when that is not what they show here; "" when it is, or nobody knows. */
export function elsewhere(iso, now, theirs, ours, locale) {
    if (!iso || !theirs || !isZone(theirs))
        return "";
    const there = when(iso, now, theirs, locale);
    return there === when(iso, now, ours, locale) ? "" : `${there} in ${city(theirs)}`;
}
/** Whether a browser knows a zone of this name. */
export function isZone(name) {
    try {
        return Boolean(new Intl.DateTimeFormat("en", { timeZone: name }));
    }
    catch {
        return false;
    }
}
/** A zone as people know it: Berlin of Europe/Berlin. */
export const city = (zone) => (zone.split("/").at(-1) ?? zone).replaceAll("_", " ");
/** A zone and how far it is from UTC at a moment: Europe/Berlin, UTC+01:00. */
export function zoneName(zone, at) {
    const parts = new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "longOffset" }).formatToParts(at);
    const offset = parts.find((part) => part.type === "timeZoneName")?.value ?? "";
    return `${zone}, ${offset === "GMT" ? "UTC+00:00" : offset.replace("GMT", "UTC").replace("-", "−")}`;
}
/** The zone of this browser. */
export const here = () => Intl.DateTimeFormat().resolvedOptions().timeZone;
/** A moment as `<input type=datetime-local>` takes it, on the wall of this browser. */
export function local(at) {
    return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
const wall = (zone) => (zone === undefined ? {} : { timeZone: zone });
