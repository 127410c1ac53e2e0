/* Agents: who is logged in, since when they do what, and the ways to steer them. */
import { api } from "../api.js";
import { may, type Room } from "../desk.js";
import { askFirst } from "../dialogs.js";
import { make, tag } from "../dom.js";
import { span, words } from "../format.js";
import { part, sheet, type Column } from "../tables.js";
import type { Agent } from "../types.js";

export const MOOD: Readonly<Record<string, string>> = {
  ready: "good", talking: "live", ringing: "live", reserved: "live", acw: "warn", not_ready: "warn",
};
const BUSY: ReadonlySet<string> = new Set(["reserved", "ringing", "talking"]);

async function look(): Promise<Node[]> {
  const rows = await api<Agent[]>("GET", "agents"), now = Date.now();
  const steering: Column<Agent> = ["", (a) => make("span", {}, ...turns(a)), "orders"];
  return [part("list", "Agents", rows.length, sheet<Agent>({
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

interface Turn {
  readonly word: string;
  readonly doing: string;
  readonly done: string;
  readonly title: string;
  readonly text: string;
  readonly harm?: boolean;
}

function turns(a: Agent): Node[] {
  const made: Node[] = [];
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

function button(a: Agent, turn: Turn): HTMLElement {
  return make("button", {
    class: turn.harm ? "harm" : null, "data-held": `${turn.word} ${a.id}`, "aria-label": `${turn.doing}: ${a.id}`, onclick: () => ask(a, turn),
  }, turn.doing);
}

function ask(a: Agent, turn: Turn): void {
  const busy = BUSY.has(a.state), later = busy ? " The call under way is not cut: it holds when that has ended." : "";
  askFirst({ title: turn.title, text: turn.text + later, doing: turn.doing, harm: turn.harm ?? false, act: async () => {
    const body = turn.word === "not-ready" ? { reason: "supervisor" } : {};
    const now = await api<Agent>("POST", `agents/${encodeURIComponent(a.id)}/${turn.word}`, body);
    return busy && now.state === a.state ? `${a.id} will be ${turn.done} after the call.` : `${a.id} is ${turn.done}.`;
  } });
}

export const agents: Room = { name: "agents", title: "Agents", action: "agents.see", every: 5000, look };
