/* Agents: who is logged in, since when they do what, and the ways to steer them. */
import { api, now } from "../api.js";
import { may, refresh } from "../desk.js";
import { askFirst } from "../dialogs.js";
import { choose, field, make, offer, tag } from "../dom.js";
import { span, words } from "../format.js";
import { part, sheet, tiles } from "../tables.js";
export const MOOD = {
    ready: "good",
    talking: "live",
    ringing: "live",
    reserved: "live",
    acw: "warn",
    not_ready: "warn",
};
const SAID = { acw: "after-call work" };
const BUSY = new Set(["reserved", "ringing", "talking"]);
const MOST = 500;
const ANY = ["", "all"];
let group = "";
let state = "";
let name = "";
let typing = 0;
let known = [];
const groups = choose("group", [ANY], "", (chosen) => ((group = chosen), refresh()));
const states = choose("state", [ANY], "", (chosen) => ((state = chosen), refresh()));
function tools() {
    const typed = make("input", { id: "name", type: "search", size: 16, value: name });
    typed.addEventListener("input", () => {
        name = typed.value.trim().toLowerCase();
        clearTimeout(typing);
        typing = setTimeout(refresh, 200);
    });
    return make("div", { class: "filters" }, field("Group", groups), field("State", states), field("Agent or phone", typed));
}
function leave() {
    [group, state, name, known] = ["", "", "", []];
}
const said = (text) => SAID[text] ?? words(text);
const choices = (values) => [
    ANY,
    ...[...new Set(values)].sort().map((each) => [each, said(each)]),
];
const fits = (a) => (!group || a.groups.includes(group)) &&
    (!state || a.state === state) &&
    (!name || a.id.toLowerCase().includes(name) || a.device.includes(name));
async function look() {
    known = await api("GET", "agents");
    offer(groups, group, choices(known.flatMap((a) => a.groups)));
    offer(states, state, choices(known.map((a) => a.state)));
    const rows = known.filter(fits);
    const number = (...wanted) => rows.filter((a) => wanted.includes(a.state)).length;
    const figures = tiles([
        [number("ready"), "ready", number("ready") ? "good" : "bad"],
        [number("reserved", "ringing"), "ringing or reserved"],
        [number("talking"), "talking"],
        [number("acw"), "after-call work"],
        [number("not_ready"), "not ready"],
    ]);
    return [figures, list(rows)];
}
function list(rows) {
    const steering = ["", (a) => make("span", {}, ...turns(a)), "orders"];
    const more = rows.length > MOST ? make("p", { class: "soft" }, `${rows.length - MOST} more: choose a group or a state.`) : null;
    return part("list", "Agents", rows.length, sheet({
        name: "agents",
        rows: rows.slice(0, MOST),
        key: (a) => a.id,
        mark: (a) => a.state,
        nothing: known.length ? "No agent is like that." : "Nobody is logged in.",
        columns: [
            ["Agent", (a) => a.id, "wide"],
            ["Phone", (a) => a.device || "–"],
            ["State", (a) => tag(said(a.state) + (a.reason ? ` (${a.reason})` : ""), MOOD[a.state])],
            ["For", (a) => span(Math.max(0, now() - Date.parse(a.since)) / 1000), "n"],
            ["Groups", (a) => a.groups.join(", ") || "–", "wide"],
            ...(may("agents.steer") ? [steering] : []),
        ],
    }), more);
}
function turns(a) {
    const made = [];
    if (a.state === "not_ready" || a.state === "acw")
        made.push(button(a, {
            word: "ready",
            doing: "Ready",
            done: "ready",
            title: `Make ${a.id} ready?`,
            text: "Calls may come at once.",
        }));
    if (a.state !== "not_ready") {
        const text = "No more calls come until the agent is ready again.";
        made.push(button(a, { word: "not-ready", doing: "Not ready", done: "not ready", title: `Make ${a.id} not ready?`, text }));
    }
    const text = "The agent has to log in again to take calls.";
    made.push(button(a, { word: "log-out", doing: "Log out", done: "logged out", title: `Log ${a.id} out?`, text, harm: true }));
    return made;
}
function button(a, turn) {
    return make("button", {
        class: turn.harm ? "harm" : null,
        "data-held": `${turn.word} ${a.id}`,
        "aria-label": `${turn.doing}: ${a.id}`,
        onclick: () => ask(a, turn),
    }, turn.doing);
}
function ask(a, turn) {
    const busy = BUSY.has(a.state);
    const later = busy ? " The call under way is not cut: it holds when that has ended." : "";
    askFirst({
        title: turn.title,
        text: turn.text + later,
        doing: turn.doing,
        harm: turn.harm ?? false,
        act: async () => {
            const body = turn.word === "not-ready" ? { reason: "supervisor" } : {};
            const after = await api("POST", `agents/${encodeURIComponent(a.id)}/${turn.word}`, body);
            return busy && after.state === a.state
                ? `${a.id} will be ${turn.done} after the call.`
                : `${a.id} is ${turn.done}.`;
        },
    });
}
export const agents = { name: "agents", title: "Agents", action: "agents.see", every: 3000, tools, look, leave };
