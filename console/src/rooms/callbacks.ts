/* Callbacks: found by state, queue, number or id; each with its history and what may be done with it. */
import { api, now as clock, Refusal } from "../api.js";
import { may, refresh, type Room } from "../desk.js";
import { askFirst, closer, whole } from "../dialogs.js";
import { choose, field, make, tag, type Child } from "../dom.js";
import { elsewhere, here, local, span, when, words, zoneName } from "../format.js";
import { say } from "../say.js";
import { part, sheet } from "../tables.js";
import type { Callback, CallbackPage, CallbackWhole, Queue, Step } from "../types.js";

const UUID = /^[0-9a-f]{8}-[0-9a-f-]{27}$/i;
const STATES = [
  ["SCHEDULED,QUEUED,ROUTING,PROCESSING", "not over"],
  ["QUEUED,ROUTING,PROCESSING", "in line or under way"],
  ["SCHEDULED", "scheduled"],
  ["COMPLETED", "completed"],
  ["", "all"],
] as const;
const ORDERS = [
  ["updated desc", "latest change first"],
  ["desired asc", "wanted soonest first"],
  ["desired desc", "wanted latest first"],
] as const;
const WAITING: ReadonlySet<string> = new Set(["QUEUED", "ROUTING"]);
const TONE: Readonly<Record<string, string>> = { QUEUED: "warn", ROUTING: "live", PROCESSING: "live" };

let states: string = STATES[0][0];
let sorting: string = ORDERS[0][0];
let service = "";
let number = "";
let after = "";
let opened = "";

/** The state of a callback, or of a step of it, with its reason. */
export function stateOf(of: { state: string; reason: string | null }): HTMLElement {
  const reason = of.reason ?? "";
  const text = of.state + (reason ? ` (${words(reason)})` : "");
  return tag(text, TONE[of.state] ?? (reason === "AGENT_CONNECTED" ? "good" : reason.startsWith("FAIL") ? "bad" : ""));
}

/** A moment on our wall, and below it on the customer's where that shows another time. */
function both(iso: string, zone: string, now: Date): HTMLElement {
  const theirs = elsewhere(iso, now, zone);
  return make("span", {}, when(iso, now), theirs ? make("small", {}, theirs) : null);
}

function find(): void {
  after = "";
  refresh();
}

function leave(): void {
  [states, sorting, service, number, after, opened] = [STATES[0][0], ORDERS[0][0], "", "", "", ""];
}

function tools(): HTMLElement {
  const queues = choose("service", [["", "all"]], service, (chosen) => ((service = chosen), find()));
  const typed = make("input", {
    id: "number",
    type: "search",
    size: 16,
    placeholder: "whole, or an id",
    value: number,
  });
  const form = make(
    "form",
    { class: "filters", id: "filters" },
    field(
      "Show",
      choose("state", STATES, states, (chosen) => ((states = chosen), find())),
    ),
    field("Queue", queues),
    field(
      "Order",
      choose("order", ORDERS, sorting, (chosen) => ((sorting = chosen), find())),
    ),
    field("Number", typed),
    make("button", {}, "Find"),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    number = typed.value.trim();
    find();
  });
  if (may("queues.see")) void nameQueues(queues);
  return form;
}

async function nameQueues(list: HTMLSelectElement): Promise<void> {
  try {
    const found = await api<Queue[]>("GET", "queues");
    list.append(...found.map((q) => make("option", { selected: q.service === service }, q.service)));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    say(error.message, true);
  }
}

async function look(): Promise<Node[]> {
  const [sort = "", way = ""] = sorting.split(" "),
    asked = new URLSearchParams({ sort, order: way });
  if (states) asked.set("states", states);
  if (service) asked.set("services", service);
  if (number) asked.set(UUID.test(number) ? "id" : "number", number);
  if (after) asked.set("after", after);
  const found = await api<CallbackPage>("GET", `callbacks?${asked}`);
  const now = new Date(clock());
  const turn = (held: string, text: string, to: string): HTMLElement =>
    make("button", { "data-held": held, onclick: () => ((after = to), refresh()) }, text);
  return [
    part(
      "list",
      "Callbacks",
      found.total ? `${found.total}${found.capped ? " or more" : ""}` : null,
      sheet<Callback>({
        name: "callbacks",
        rows: found.items,
        key: (c) => c.id,
        mark: (c) => `${c.state}${c.attempt}${c.dials}`,
        nothing: "No callback is like that.",
        columns: [
          [
            "Customer",
            (c) =>
              make(
                "button",
                { onclick: () => void open(c.id), "data-held": c.id, "aria-label": `Open the callback to ${c.number}` },
                c.number,
              ),
          ],
          ["State", stateOf],
          ["Queue", (c) => c.service, "wide"],
          ["Wanted", (c) => both(c.desired, c.customer_zone, now)],
          [
            "Waiting",
            (c) => (WAITING.has(c.state) ? span(Math.max(0, now.getTime() - Date.parse(c.desired)) / 1000) : "–"),
            "n",
          ],
          ["Dials", (c) => c.dials || "–", "n"],
          ["Last result", (c) => words(c.last_result) || "–"],
          ["Changed", (c) => when(c.updated, now)],
        ],
      }),
      make(
        "p",
        { class: "pages" },
        after ? turn("first", "First page", "") : null,
        found.next ? turn("next", "Next page", found.next) : null,
      ),
    ),
  ];
}

async function open(id: string): Promise<void> {
  let shown: Node[];
  opened = id;
  whole.replaceChildren(make("p", {}, "Loading …"));
  whole.showModal();
  try {
    shown = story(await api<CallbackWhole>("GET", `callbacks/${id}`));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    shown = [make("p", { class: "error", role: "alert" }, error.message), closer()];
  }
  if (opened === id) whole.replaceChildren(...shown);
}

function story(of: CallbackWhole): Node[] {
  const c = of.callback;
  const now = new Date();
  const facts: readonly (readonly [string, Child])[] = [
    ["State", stateOf(c)],
    ["Queue", c.service],
    ["Wanted", both(c.desired, c.customer_zone, now)],
    ["Booked", both(c.created, c.customer_zone, now)],
    ["Place in line", of.position ?? "–"],
    ["Expected wait", of.position === null ? "–" : span(of.ewt)],
    ["Priority", c.priority],
    ["Agent", of.agent || "–"],
    ["Given up at", both(of.expires, c.customer_zone, now)],
    ["Customer's time zone", c.customer_zone || "not known"],
    ["Id", c.id],
    ...Object.entries(of.user_data).map(
      ([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)] as const,
    ),
  ];
  const history = sheet<Step>({
    name: "history",
    rows: of.history,
    key: (h) => h.at,
    nothing: "Nothing has happened yet.",
    columns: [
      ["When", (h) => both(h.at, c.customer_zone, now)],
      ["State", stateOf],
      ["Attempt", (h) => h.attempt || "–", "n"],
      ["Dial", (h) => words(h.result) || (h.dialled ? "dialled" : "–")],
      ["Agent", (h) => h.agent || "–"],
    ],
  });
  return [
    make("h2", { id: "whole-title" }, `Callback to ${c.number}`),
    make("dl", {}, ...facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])),
    history,
    make("div", { class: "row" }, ...steps(c), closer()),
  ];
}

function steps(c: Callback): Node[] {
  const waits = c.state === "SCHEDULED" || c.state === "QUEUED";
  const over = c.state === "COMPLETED";
  const which = `${c.number} (${c.service})`;
  const moves = may("callbacks.reschedule");
  const made: (Node | false)[] = [
    c.state === "SCHEDULED" && moves && make("button", { class: "main", onclick: () => callNow(c, which) }, "Call now"),
    waits && moves && make("button", { onclick: () => move(c, which) }, "Move"),
    waits && moves && make("button", { onclick: () => first(c, which) }, "Priority"),
    !over &&
      c.state !== "PROCESSING" &&
      may("callbacks.cancel") &&
      make("button", { class: "harm", onclick: () => cancel(c, which) }, "Cancel"),
    over && may("callbacks.create") && make("button", { onclick: () => again(c, which) }, "Book once more"),
  ];
  return made.filter((each) => each !== false);
}

const order = <Answer>(c: Callback, what: string, body: object): Promise<Answer> =>
  api<Answer>("POST", `callbacks/${c.id}/${what}`, body);

function callNow(c: Callback, which: string): void {
  askFirst({
    title: "Call now?",
    text: `${which} is put in line at once.`,
    doing: "Call now",
    act: async () => {
      await order(c, "reschedule", { desired_time: null });
      return `${which} is in line.`;
    },
  });
}

function cancel(c: Callback, which: string): void {
  askFirst({
    title: "Cancel this callback?",
    text: `${which} will not be called.`,
    doing: "Yes, cancel it",
    harm: true,
    act: async () => {
      await order(c, "cancel", {});
      return `The callback to ${which} is cancelled.`;
    },
  });
}

function again(c: Callback, which: string): void {
  askFirst({
    title: "Book it once more?",
    text: `${which} is called as soon as possible.`,
    doing: "Book it",
    act: async () => {
      await order(c, "recreate", {});
      return `A new callback to ${which} is booked.`;
    },
  });
}

function move(c: Callback, which: string): void {
  const soon = new Date(Date.now() + 3_600_000 - (Date.now() % 300_000));
  const input = make("input", { id: "to", type: "datetime-local", required: true, value: local(soon) });
  const text = `${which} takes the place in line of the new time.`;
  askFirst({
    title: "Move this callback?",
    text,
    doing: "Move it",
    fields: [field(`New time (${zoneName(here(), soon)})`, input)],
    act: async () => {
      const moved = await order<{ desired: string }>(c, "reschedule", {
        desired_time: new Date(input.value).toISOString(),
      });
      const now = new Date();
      const theirs = elsewhere(moved.desired, now, c.customer_zone);
      return `${which} is called at ${when(moved.desired, now)}${theirs && ` (${theirs})`}.`;
    },
  });
}

function first(c: Callback, which: string): void {
  const input = make("input", { id: "to", type: "number", required: true, step: 1, value: c.priority });
  const text = `Higher goes first, now and in later attempts; ${which} has ${c.priority}.`;
  askFirst({
    title: "Another priority?",
    text,
    doing: "Set it",
    fields: [field("New priority", input)],
    act: async () => {
      const moved = await order<{ priority: number }>(c, "priority", { priority: input.valueAsNumber });
      return `${which} has priority ${moved.priority}.`;
    },
  });
}

export const callbacks: Room = {
  name: "callbacks",
  title: "Callbacks",
  action: "callbacks.see",
  every: 5000,
  tools,
  look,
  leave,
};
