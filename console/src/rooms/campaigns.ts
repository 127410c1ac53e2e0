/* Outbound campaigns: how they stand, what came of their dials, and start, pause, stop. */
import { api, Refusal } from "../api.js";
import { may, refresh, sitting, type Room } from "../desk.js";
import { make, tag } from "../dom.js";
import { capital, share, sum, when, words } from "../format.js";
import { say } from "../say.js";
import { part, sheet, tiles } from "../tables.js";
import type { Campaign, CampaignsPage, Hour } from "../types.js";
import { customersOf, leaveCustomers } from "./customers.js";

const TONE: Readonly<Record<string, string>> = { running: "live", paused: "warn", stopping: "warn" };
const WHY: Readonly<Record<string, string>> = {
  "": "dialling",
  "not-running": "–",
  starting: "begins to listen to calls",
  "agents-choose": "agents choose whom to call",
  "nothing-left": "no record is left",
  "nothing-due": "no record is due",
  "not-permitted-now": "who is due may not be called now",
  "no-agent-ready": "no agent is ready",
  "callers-first": "callers wait for the ready agents",
  "agents-have-customers": "each ready agent has a customer under way",
};
const REASON: Readonly<Record<string, string>> = {
  "abandon-cap": "too many abandoned",
  "not-configured": "not configured",
};
const ORDERS: Readonly<Record<string, readonly string[]>> = {
  unloaded: ["start"],
  loaded: ["start"],
  running: ["pause", "stop"],
  paused: ["start", "stop"],
  stopping: ["start"],
};

let chosen = "";
let busy = false;

async function look(): Promise<Node[]> {
  const page = await api<CampaignsPage>("GET", "campaigns");
  const now = new Date();
  const one = page.items.find((c) => c.name === chosen) ?? page.items[0];
  chosen = one?.name ?? "";
  return [
    figures(page.items),
    list(page.items, now),
    ...(one ? [hours(one), records(one), await customersOf(one)] : []),
  ];
}

function figures(items: readonly Campaign[]): HTMLElement {
  const hours = items.flatMap((c) => c.hours);
  return tiles([
    [`${items.filter((c) => c.state === "running").length} / ${items.length}`, "campaigns running"],
    [sum(hours, (h) => h.dialled).toLocaleString(), "dialled in 24 hours"],
    [sum(hours, (h) => h.connected).toLocaleString(), "connected"],
    [
      share(
        sum(hours, (h) => h.abandoned),
        sum(hours, (h) => h.answered),
      ),
      "of who answered abandoned",
    ],
    [sum(items, (c) => c.waiting).toLocaleString(), "records waiting"],
  ]);
}

function list(items: readonly Campaign[], now: Date): HTMLElement {
  return part(
    "list",
    "Campaigns",
    items.length,
    sheet<Campaign>({
      name: "campaigns",
      rows: items,
      key: (c) => c.name,
      mark: (c) => c.state,
      chosen: (c) => c.name === chosen,
      nothing: "No campaign is configured.",
      columns: [
        ["Campaign", nameOf],
        ["State", (c) => tag(c.state, TONE[c.state])],
        ["Right now", (c) => rightNow(c, now), "wide"],
        [
          "Progress",
          (c) => bar(c.done, c.waiting + c.dialling + c.done, `${c.done} of ${c.waiting + c.dialling + c.done}`),
        ],
        ["Dialled", (c) => sum(c.hours, (h) => h.dialled), "n"],
        ["Connected", (c) => sum(c.hours, (h) => h.connected), "n"],
        ["Abandoned", abandoned, "n"],
        ["Under way", (c) => c.under_way, "n"],
        ["Agents ready", (c) => c.ready, "n"],
        ["Pace", (c) => `${c.mode}${c.mode === "power" ? ` × ${c.ratio}` : ""}, ${c.per_minute.toFixed(1)}/min`],
        ["", orders, "orders"],
      ],
    }),
  );
}

function nameOf(c: Campaign): HTMLElement {
  const choose = (): void => ((chosen = c.name), refresh());
  return make(
    "button",
    { class: "name", "data-held": `name ${c.name}`, "aria-pressed": String(c.name === chosen), onclick: choose },
    c.name,
  );
}

function rightNow(c: Campaign, now: Date): string {
  if (c.state !== "running") return c.reason ? (REASON[c.reason] ?? c.reason) : "–";
  return (WHY[c.why] ?? c.why) + (c.why === "nothing-due" && c.next ? `, the next at ${when(c.next, now)}` : "");
}

function bar(value: number, most: number, text: string): HTMLElement {
  return make("span", {}, make("progress", { max: most || 1, value }), text);
}

function abandoned(c: Campaign): HTMLElement {
  const over = c.answered > 0 && c.abandoned / c.answered > c.abandon_cap;
  return make("span", { class: over ? "over" : null }, `${c.abandoned} (${share(c.abandoned, c.answered)})`);
}

function orders(c: Campaign): HTMLElement {
  const given = may("campaigns.control") ? (ORDERS[c.state] ?? []) : [];
  return make(
    "span",
    {},
    ...given.map((order) =>
      make(
        "button",
        {
          "data-held": `${order} ${c.name}`,
          "aria-label": `${order} ${c.name}`,
          "aria-disabled": String(busy),
          onclick: () => void tell(c.name, order),
        },
        capital(order),
      ),
    ),
  );
}

async function tell(name: string, order: string): Promise<void> {
  if (busy) return;
  busy = true;
  const mine = sitting();
  try {
    const found = await api<{ state: string }>("POST", `campaigns/${encodeURIComponent(name)}/${order}`);
    say(`${name} is ${found.state}.`);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (mine === sitting()) say(error.message, true);
  } finally {
    busy = false;
  }
  refresh();
}

function hours(one: Campaign): HTMLElement {
  const most = Math.max(1, ...one.hours.map((h) => h.dialled));
  const hour = (h: Hour): string =>
    new Date(h.hour).toLocaleString([], { weekday: "short", hour: "2-digit", minute: "2-digit" });
  return part(
    "hours",
    "Outcome by hour",
    one.name,
    sheet<Hour>({
      name: "hours",
      rows: one.hours.toReversed(),
      key: (h) => h.hour,
      mark: (h) => String(h.dialled),
      nothing: "Nobody was dialled in the last day.",
      columns: [
        ["Hour", hour],
        ["", (h) => bar(h.dialled, most, "")],
        ["Dialled", (h) => h.dialled, "n"],
        ["Answered", (h) => h.answered, "n"],
        ["Connected", (h) => h.connected, "n"],
        ["Abandoned", (h) => `${h.abandoned} (${share(h.abandoned, h.answered)})`, "n"],
        ["Busy", (h) => h.busy, "n"],
        ["No answer", (h) => h.no_answer, "n"],
        ["Other", (h) => h.other, "n"],
      ],
    }),
  );
}

function records(one: Campaign): HTMLElement {
  const results = Object.entries(one.results)
    .sort()
    .map(([name, n]) => [`done: ${words(name) || "not dialled"}`, n] as const);
  const rows = ([["waiting", one.waiting], ["being dialled", one.dialling], ...results] as const).filter(
    ([, n]) => n > 0,
  );
  return part(
    "results",
    "Records",
    one.lists.join(", "),
    sheet<readonly [string, number]>({
      name: "records",
      rows,
      key: ([name]) => name,
      mark: ([, n]) => String(n),
      nothing: "The lists are empty.",
      columns: [
        ["Records", ([name]) => name],
        ["Number", ([, n]) => n.toLocaleString(), "n"],
      ],
    }),
  );
}

function leave(): void {
  chosen = "";
  leaveCustomers();
}

export const campaigns: Room = {
  name: "campaigns",
  title: "Campaigns",
  action: "campaigns.see",
  every: 2000,
  look,
  leave,
};
