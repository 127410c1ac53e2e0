/* The console: a header, and the room that its user is in. Everything it does is a request with the user's own token. */
import { api, Refusal, token, whenOver } from "./api.js";
import { may, sit, sitting, whenRefreshed } from "./desk.js";
import { asking, closeDialogs, placeDialogs } from "./dialogs.js";
import { make, replace } from "./dom.js";
import { here, when, zoneName } from "./format.js";
import { Live } from "./live.js";
import { agents } from "./rooms/agents.js";
import { callbacks } from "./rooms/callbacks.js";
import { campaigns } from "./rooms/campaigns.js";
import { platform } from "./rooms/platform.js";
import { queues } from "./rooms/queues.js";
import { wallboard } from "./rooms/wallboard.js";
import { placeSaid } from "./say.js";
import { showSignIn, signIn, whenSignedIn } from "./signin.js";
const ROOMS = [wallboard, callbacks, queues, agents, campaigns, platform];
const ADDRESSES = { campaigns: "/campaigns", status: "/status" };
const rooms = make("nav", { id: "rooms", "aria-label": "Rooms" });
const link = make("span", { id: "link" });
const who = make("span", { id: "who" });
const out = make("button", { id: "out" });
const lost = make("span", { role: "alert" });
const warning = make("div", { id: "lost", hidden: true }, lost, make("button", { onclick: () => void live.now() }, "Try now"));
const zone = make("p", { id: "zone" });
const tools = make("div", { id: "tools" });
const box = make("div", { id: "room" });
const desk = make("div", { id: "desk", hidden: true }, make("header", {}, make("h1", {}, "Ringback"), rooms, link, who, out), warning, make("main", {}, tools, box), zone);
let room = null;
let drawn = 0;
const live = new Live(tell);
/** How it stands with the figures that are shown. */
function tell(state, old) {
    const at = state.good ? when(new Date(state.good).toISOString(), new Date()) : "";
    link.className = old ? "bad" : "good";
    link.textContent = old ? "not live" : at && `live, ${at}`;
    box.classList.toggle("old", old);
    const text = `${state.why || "There has been no answer for a while."} ${at && `What is shown is of ${at}.`} Trying again …`;
    if (old && lost.textContent !== text)
        lost.textContent = text;
    warning.hidden = !old;
}
async function look() {
    const turn = ++drawn;
    const asked = room;
    if (!asked || !sitting())
        return;
    const shown = await asked.look().catch(refused);
    // An answer that comes when somebody else sits here, or nobody, is shown to nobody; and under a dialog the row stays
    // to which the focus goes back.
    if (turn === drawn && sitting() && !asking())
        replace(box, shown, current);
}
/** What is said where the service refuses to tell; one that is away is asked again. */
function refused(error) {
    if (!(error instanceof Refusal) || error.away)
        throw error;
    return [make("section", {}, make("p", { class: "error", role: "alert" }, error.message))];
}
const current = () => rooms.querySelector("[aria-current]");
/** The address of a room; the token of a link goes along. */
const address = (name) => (ADDRESSES[name] ?? `/console/${name}`) + location.search;
/** The room that the address names; `/console` is the first one. */
function addressed() {
    const name = location.pathname === "/" ? "status" : (location.pathname.split("/").at(-1) ?? "");
    const allowed = ROOMS.filter(isOpen);
    return allowed.find((each) => each.name === name) ?? allowed[0];
}
const isOpen = (each) => (each.action ? may(each.action) : (sitting()?.roles.length ?? 0) > 0);
function enter(next) {
    room = next;
    document.title = `${next.title} · Ringback`;
    for (const each of rooms.querySelectorAll("a")) {
        if (each.dataset["room"] === next.name)
            each.setAttribute("aria-current", "page");
        else
            each.removeAttribute("aria-current");
    }
    tools.replaceChildren(...(next.tools ? [next.tools()] : []));
    box.className = next.name;
    box.replaceChildren(make("div", { class: "empty loading" }, "Loading …"));
    void live.follow(look, next.every);
}
function go(event, next) {
    event.preventDefault();
    if (next !== room)
        history.pushState(null, "", address(next.name));
    enter(next);
}
async function begin() {
    const me = await api("GET", "me");
    sit(me);
    who.textContent = `${me.user} · ${me.roles.join(", ") || "no role"} · ${me.tenant}`;
    out.textContent = token.kept() ? "Sign out" : "Sign in";
    zone.textContent = `Times are those of ${zoneName(here(), new Date())}.`;
    rooms.replaceChildren(...ROOMS.filter(isOpen).map((each) => make("a", { href: address(each.name), "data-room": each.name, onclick: (event) => go(event, each) }, each.title)));
    signIn.hidden = true;
    desk.hidden = false;
    const first = addressed();
    if (first)
        return enter(first);
    box.replaceChildren(make("div", { class: "empty" }, "Your user has no role that opens a room here: ask an administrator."));
}
function signOut(why) {
    live.stop();
    room = null;
    sit(null);
    closeDialogs();
    for (const each of ROOMS)
        each.leave?.();
    desk.hidden = true;
    for (const each of [tools, box])
        each.replaceChildren();
    warning.hidden = true;
    showSignIn(why, why !== "");
}
async function open() {
    if (!token.get())
        return showSignIn("Supervisors see and steer; who may only look sees the same.", false);
    try {
        await begin();
    }
    catch (error) {
        if (!(error instanceof Refusal))
            throw error;
        if (!error.away)
            return signOut(error.message);
        showSignIn(error.message, true);
    }
}
document.body.append(signIn, desk);
placeDialogs(() => void live.now());
placeSaid();
whenOver(signOut);
whenRefreshed(() => void live.now());
whenSignedIn(begin);
out.addEventListener("click", () => {
    sessionStorage.clear();
    signOut("");
});
window.addEventListener("popstate", () => {
    const next = sitting() ? addressed() : undefined;
    if (next)
        enter(next);
});
void open();
