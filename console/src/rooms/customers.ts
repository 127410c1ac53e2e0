/* The customers of one campaign and what has come of them: a part of the campaigns' room. */
import { api } from "../api.js";
import { refresh } from "../desk.js";
import { choose, field, make, offer, replace, type Choice } from "../dom.js";
import { when, words } from "../format.js";
import { part, sheet } from "../tables.js";
import type { Campaign, Customer, Customers } from "../types.js";

/** Milliseconds for which a page is shown: long lists take a while to count. */
const FRESH_MS = 10_000;
const ANY: Choice = ["", "all"];

const wanted = { state: "", result: "", outcome: "" };
let campaign = "";
let places: readonly { list: string; key: string }[] = [];
let asked = "";
let at = 0;
let page: Customers | null = null;
let outcomes: Readonly<Record<string, number>> = {};

const list = (id: keyof typeof wanted): HTMLSelectElement =>
  choose(id, [ANY], "", (chosen) => {
    wanted[id] = chosen;
    places = [];
    refresh();
  });
const states = list("state");
const results = list("result");
const said = list("outcome");

/* Made once: what is chosen in it, and a list that is open, outlast a look. */
const title = make("span");
const inside = make("div");
const whole = part(
  "customers",
  "Customers",
  title,
  make("div", { class: "filters" }, field("State", states), field("Last dial", results), field("Agents entered", said)),
  inside,
);

export function leaveCustomers(): void {
  [wanted.state, wanted.result, wanted.outcome, campaign, asked] = ["", "", "", "", ""];
  [places, page, outcomes] = [[], null, {}];
}

/** The customers of a campaign as they are chosen. Refusal. */
export async function customersOf(one: Campaign): Promise<HTMLElement> {
  if (campaign !== one.name) {
    leaveCustomers();
    campaign = one.name;
  }
  await look(one);
  const named = (values: readonly string[]): readonly Choice[] => [
    ANY,
    ...values.map((each): Choice => [each, words(each)]),
  ];
  offer(states, wanted.state, named(["waiting", "dialling", "done"]));
  offer(results, wanted.result, named(Object.keys(one.results).filter(Boolean).sort()));
  offer(said, wanted.outcome, [
    ANY,
    ...Object.entries(outcomes).map(([name, n]): Choice => [name, `${words(name)} (${n.toLocaleString()})`]),
  ]);
  title.textContent = one.name;
  replace(inside, shown(), () => states);
  return whole;
}

async function look(one: Campaign): Promise<void> {
  const place = places.at(-1);
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(wanted)) if (value) query.set(name, value);
  if (place) {
    query.set("after_list", place.list);
    query.set("after_key", place.key);
  }
  const path = `campaigns/${encodeURIComponent(one.name)}/customers?${query}`;
  if (path === asked && Date.now() - at < FRESH_MS) return;
  const found = await api<Customers>("GET", path);
  [page, asked, at] = [found, path, Date.now()];
  outcomes = found.outcomes ?? outcomes;
}

function shown(): Node[] {
  const now = new Date();
  const next = page?.next;
  const turn = (held: string, text: string, to: typeof places): HTMLElement =>
    make("button", { "data-held": held, onclick: () => ((places = to), refresh()) }, text);
  return [
    sheet<Customer>({
      name: "customers",
      rows: page?.items,
      key: (c) => `${c.list} ${c.key}`,
      mark: (c) => `${c.state}${c.dials}${c.outcome}`,
      nothing: "No customer is like that.",
      columns: [
        ["Record", (c) => c.key, "wide"],
        ["Number", (c) => c.number],
        ["State", (c) => c.state],
        ["Due", (c) => when(c.due, now)],
        ["Dials", (c) => c.dials || "–", "n"],
        ["Last dial", (c) => when(c.at, now)],
        ["Ended", (c) => words(c.result || c.reason) || "–"],
        ["Agent entered", (c) => words(c.outcome) || "–"],
        ["Wants a call", (c) => when(c.call_at, now)],
        ["Agent", (c) => c.agent || "–"],
        ["List", (c) => c.list, "soft"],
      ],
    }),
    make(
      "p",
      { class: "pages" },
      places.length ? turn("first", "First page", []) : null,
      places.length ? turn("previous", "Page before", places.slice(0, -1)) : null,
      next ? turn("next", "Next page", [...places, next]) : null,
    ),
  ];
}
