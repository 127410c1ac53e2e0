/*
 * Asking the service. Who comes by a link is known by its token, which goes on to the other rooms. Who signs in is known
 * until they sign out, or the tab is closed: no token is kept for longer, and none is put into an address.
 */
import { capital } from "./format.js";
const OVER = "Your session is over: sign in again.";
const KEPT = "ringback-token";
const PATIENCE_MS = 10_000;
const SKEW_MS = 3000;
const linked = new URLSearchParams(location.search).get("token") ?? "";
export const token = {
    kept: () => sessionStorage.getItem(KEPT),
    get: () => token.kept() ?? linked,
    keep: (given) => sessionStorage.setItem(KEPT, given),
    forget: () => sessionStorage.removeItem(KEPT),
};
/** What is said instead of an answer. `status`: of HTTP; 0: there was no answer. */
export class Refusal extends Error {
    status;
    constructor(status, message) {
        super(message);
        this.status = status;
    }
    /** Whether the service, or one behind it, is away: it is worth asking again. */
    get away() {
        return this.status === 0 || this.status >= 500;
    }
}
let ahead = 0;
/** What time it is where the service is: clocks of browsers go wrong. Milliseconds since the epoch, to the second. */
export const now = () => Date.now() + ahead;
let over = () => undefined;
/** Who is told that a token is not good any more. */
export function whenOver(told) {
    over = told;
}
/** A request of the management API, with the user's own token. Refusal. */
export function api(method, path, body) {
    return ask(method, `/api/v1/${path}`, body);
}
/** The same of any path of the service. */
export async function ask(method, path, body) {
    const used = token.get();
    const headers = used ? { Authorization: `Bearer ${used}` } : {};
    if (body !== undefined)
        headers["Content-Type"] = "application/json";
    const asked = {
        method,
        headers,
        cache: "no-store",
        credentials: "omit",
        signal: AbortSignal.timeout(PATIENCE_MS),
    };
    if (body !== undefined)
        asked.body = JSON.stringify(body);
    const answer = await fetch(path, asked).catch(() => {
        throw new Refusal(0, "The server does not answer. Is the platform up?");
    });
    const told = Date.parse(answer.headers.get("Date") ?? "");
    if (!Number.isNaN(told))
        ahead = Math.abs(told - Date.now()) > SKEW_MS ? told - Date.now() : 0;
    const data = await answer.json().catch(() => ({}));
    if (answer.ok)
        return data;
    if (answer.status === 401 && used && path !== "/api/v1/token" && used === token.get()) {
        token.forget();
        over(OVER);
        throw new Refusal(401, OVER);
    }
    throw new Refusal(answer.status, why(data, answer.status));
}
function why(data, status) {
    const message = typeof data === "object" && data !== null && "message" in data ? String(data.message) : "";
    return message ? `${capital(message).replace(/\.$/, "")}.` : `Refused (${status}).`;
}
