/* The wallboard: what waits and how long, what came of it today, and who is there. To be read from across a room. */
import { api } from "../api.js";
import { chart } from "../chart.js";
import { refresh, sitting, type Room } from "../desk.js";
import { choose, field, make } from "../dom.js";
import { sum, timer, when } from "../format.js";
import { extended, levelOf, pieces, stored, type Sample, type Seen } from "../history.js";
import { part, sheet, tiles, type Tile } from "../tables.js";
import type { Counted, Wallboard, WallboardQueue } from "../types.js";

const KEPT = "ringback-history";
const GOOD = 80;
const FAIR = 60;
const ORDERS = [
  ["name", "by name"],
  ["longest", "longest wait first"],
  ["level", "lowest service level first"],
  ["waiting", "most waiting first"],
] as const;

let order = "name";
let chosen = "";
let owner = "";
let samples: readonly Sample[] = [];

function tools(): HTMLElement {
  const whole = make(
    "button",
    { type: "button", onclick: () => void document.documentElement.requestFullscreen() },
    "Full screen",
  );
  return make(
    "div",
    { class: "filters slim" },
    field(
      "Queues",
      choose("order", ORDERS, order, (next) => ((order = next), refresh())),
    ),
    whole,
  );
}

async function look(): Promise<Node[]> {
  const board = await api<Wallboard>("GET", "wallboard");
  remember(board);
  if (!board.queues.some((q) => q.queue === chosen)) chosen = "";
  return [figures(board), list(board), past()];
}

/** Percent, coloured as the field's usual target of 80 has it. */
const tone = (level: number | null): string =>
  level === null ? "" : level < FAIR ? "bad" : level < GOOD ? "warn" : "good";
const percent = (level: number | null): string => (level === null ? "–" : `${Math.round(level)} %`);
const total = (board: Wallboard, value: (q: WallboardQueue) => number | null): number | string =>
  board.queues.some((q) => value(q) === null) ? "unknown" : sum(board.queues, (q) => value(q) ?? 0);

function figures(board: Wallboard): HTMLElement {
  const today = levelOf(board.queues.map((q) => q.today));
  const recent = levelOf(board.queues.map((q) => q.recent));
  const waits = board.queues.map((q) => q.longest_wait ?? 0);
  const agents = board.agents;
  const staff: readonly Tile[] = agents
    ? [
        [agents.ready, "agents ready", agents.ready ? "good" : "bad"],
        [agents.busy + agents.reserved, "agents busy"],
        [agents.not_ready, "agents not ready"],
      ]
    : [];
  return tiles([
    [total(board, (q) => q.calls), "calls waiting"],
    [timer(Math.max(0, ...waits)), "longest wait"],
    [sum(board.queues, (q) => q.callbacks), "callbacks in line"],
    [percent(recent), "service level, last ½ h", tone(recent)],
    [percent(today), "service level today", tone(today)],
    [total(board, (q) => q.today.answered), "answered today"],
    [total(board, (q) => q.today.abandoned), "abandoned today"],
    ...staff,
  ]);
}

function inOrder(queues: readonly WallboardQueue[]): readonly WallboardQueue[] {
  const by: Readonly<Record<string, (q: WallboardQueue) => number>> = {
    longest: (q) => -(q.longest_wait ?? 0),
    level: (q) => q.recent.service_level ?? q.today.service_level ?? 101,
    waiting: (q) => -((q.calls ?? 0) + q.callbacks),
  };
  const first = by[order] ?? (() => 0);
  return queues.toSorted((a, b) => first(a) - first(b) || a.queue.localeCompare(b.queue));
}

const level = (of: Counted): HTMLElement => make("span", { class: tone(of.service_level) }, percent(of.service_level));

function expected(q: WallboardQueue): string {
  if (q.p50 !== null && q.p90 !== null) return `${timer(q.p50)} – ${timer(q.p90)}`;
  return q.expected === null ? "unknown" : `about ${timer(q.expected)}`;
}

function list(board: Wallboard): HTMLElement {
  const many = (n: number | null): HTMLElement => make("span", { class: n ? "much" : null }, n ?? "unknown");
  return part(
    "list",
    "Queues",
    board.since ? `today: since ${when(board.since, new Date(board.at))}` : "the statistics are away",
    sheet<WallboardQueue>({
      name: "wallboard",
      rows: inOrder(board.queues),
      key: (q) => q.queue,
      chosen: (q) => q.queue === chosen,
      nothing: "There is no queue that you may see.",
      columns: [
        ["Queue", nameOf, "whole"],
        ["Calls waiting", (q) => many(q.calls), "n"],
        ["Longest wait", (q) => (q.calls ? timer(q.longest_wait) : "–"), "n"],
        ["Callbacks in line", (q) => many(q.callbacks), "n"],
        ["Expected, P50\u00a0–\u00a0P90", expected, "n"],
        ["Service level, ½\u00a0h", (q) => level(q.recent), "n"],
        ["Service level today", (q) => level(q.today), "n"],
        ["Answered", (q) => q.today.answered ?? "–", "n"],
        ["Abandoned", (q) => q.today.abandoned ?? "–", "n"],
        ["Called back", (q) => q.today.callbacks ?? "–", "n"],
        ["Agents ready", (q) => make("span", { class: q.agents_ready ? "good" : "bad" }, q.agents_ready), "n"],
        ["Agents busy", (q) => q.agents_busy, "n"],
        ["Agents not ready", (q) => q.agents_not_ready, "n"],
      ],
    }),
  );
}

function nameOf(q: WallboardQueue): HTMLElement {
  const choose = (): void => ((chosen = chosen === q.queue ? "" : q.queue), refresh());
  const title = q.services.length ? `Callback services: ${q.services.join(", ")}` : null;
  return make(
    "button",
    { class: "name", title, "data-held": q.queue, "aria-pressed": String(q.queue === chosen), onclick: choose },
    q.queue,
  );
}

function remember(board: Wallboard): void {
  const queues: Record<string, Seen> = {
    "": [sum(board.queues, (q) => q.calls ?? 0), levelOf(board.queues.map((q) => q.recent))],
  };
  for (const q of board.queues) if (q.calls !== null) queues[q.queue] = [q.calls, q.recent.service_level];
  const me = sitting();
  const mine = `${KEPT} ${me?.user}@${me?.tenant}`;
  if (mine !== owner) [owner, samples] = [mine, stored(sessionStorage.getItem(mine))];
  const before = samples;
  samples = extended(samples, { at: Date.parse(board.at), queues });
  if (samples === before) return;
  try {
    sessionStorage.setItem(mine, JSON.stringify(samples));
  } catch {
    sessionStorage.removeItem(mine); // there is no room: the charts go back to when the page was loaded
  }
}

function past(): HTMLElement {
  const from = samples[0]?.at ?? Date.now();
  const to = Math.max(samples.at(-1)?.at ?? 0, from + 60_000);
  const since = `What this browser has seen since ${when(new Date(from).toISOString(), new Date())}; choose a queue above to see it alone.`;
  return part(
    "past",
    chosen || "All queues",
    null,
    make(
      "div",
      { class: "charts" },
      chart({ title: "Calls waiting", pieces: pieces(samples, chosen, 0), from, to, most: 5, unit: "" }),
      chart({
        title: "Service level, last half hour",
        pieces: pieces(samples, chosen, 1),
        from,
        to,
        most: 100,
        unit: " %",
      }),
    ),
    make("p", { class: "soft" }, since),
  );
}

export const wallboard: Room = {
  name: "wallboard",
  title: "Wallboard",
  action: "queues.see",
  every: 2000,
  tools,
  look,
};
