/* Agents: who is logged in, since when they do what, and the ways to steer them. */
import { api } from "../api.js";
import { may } from "../desk.js";
import { askFirst } from "../dialogs.js";
import { make, tag } from "../dom.js";
import { span, words } from "../format.js";
import { part, sheet } from "../tables.js";
export const MOOD = {
    ready: "good", talking: "live", ringing: "live", reserved: "live", acw: "warn", not_ready: "warn",
};
const BUSY = new Set(["reserved", "ringing", "talking"]);
async function look() {
    const rows = await api("GET", "agents"), now = Date.now();
    const steering = ["", (a) => make("span", {}, ...turns(a)), "orders"];
    return [part("list", "Agents", rows.length, sheet({
            name: "agents",
            rows,
            key: (a) => a.id,
            mark: (a) => a.state,
            nothing: "Nobody is logged in.",
            columns: [
                ["Agent", (a) => a.id, "wide"], ["Phone", (a) => a.device || "–"],
                ["State", (a) => tag(`${words(a.state)}${a.reason ? ` (${a.reason})` : ""}`, MOOD[a.state])],
                ["Since", (a) => span((now - Date.parse(a.since)) / 1000), "n"],
                ...(may("agents.steer") ? [steering] : []),
            ],
        }))];
}
function turns(a) {
    const made = [];
    if (a.state === "not_ready" || a.state === "acw")
        made.push(button(a, { word: "ready", doing: "Ready", done: "ready", title: `Make ${a.id} ready?`, text: "Calls may come at once." }));
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
        class: turn.harm ? "harm" : null, "data-held": `${turn.word} ${a.id}`, "aria-label": `${turn.doing}: ${a.id}`, onclick: () => ask(a, turn),
    }, turn.doing);
}
function ask(a, turn) {
    const busy = BUSY.has(a.state), later = busy ? " The call under way is not cut: it holds when that has ended." : "";
    askFirst({ title: turn.title, text: turn.text + later, doing: turn.doing, harm: turn.harm ?? false, act: async () => {
            const body = turn.word === "not-ready" ? { reason: "supervisor" } : {};
            const now = await api("POST", `agents/${encodeURIComponent(a.id)}/${turn.word}`, body);
            return busy && now.state === a.state ? `${a.id} will be ${turn.done} after the call.` : `${a.id} is ${turn.done}.`;
        } });
}
export const agents = { name: "agents", title: "Agents", action: "agents.see", every: 5000, look };
