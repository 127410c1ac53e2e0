"use strict";
/* The supervisor's console: everything it does is a request of the management API with the user's own token. */
const EVERY_MS = 5000, SAID_MS = 8000;
const $ = id => document.getElementById(id);
const store = { get: () => sessionStorage.getItem("token") || "", set: t => sessionStorage.setItem("token", t) };
let me = null, room = "callbacks", page = "", drawn = 0;

function make(name, attributes = {}, ...inside) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== false && value != null) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...inside.filter(each => each != null).map(each => each instanceof Node ? each : String(each)));
  return made;
}
const tag = (text, kind) => make("span", { class: `tag ${kind || ""}` }, text);
const words = text => (text || "").toLowerCase().replaceAll("_", " ");
function moment(iso) {
  if (!iso) return "–";
  const when = new Date(iso), today = when.toDateString() === new Date().toDateString();
  const style = today ? { timeStyle: "medium" } : { dateStyle: "medium", timeStyle: "short" };
  return when.toLocaleString([], style);
}
function span(seconds) {
  if (seconds == null || seconds < 0) return "–";
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor(s % 86400 / 3600)} h`;
}

/* Requests. */
class Refusal extends Error {}
async function api(method, path, body) {
  const headers = { Authorization: `Bearer ${store.get()}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(`/api/v1/${path}`, { method, headers, body: body && JSON.stringify(body) })
    .catch(() => { throw new Refusal("The server does not answer. Is the platform up?"); });
  const data = await answer.json().catch(() => ({}));
  if (answer.ok) return data;
  if (answer.status === 401 && path !== "token") signOut("Your session is over: sign in again.");
  throw new Refusal(data.message ? `${data.message[0].toUpperCase()}${data.message.slice(1)}.` : `Refused (${answer.status}).`);
}
const may = action => me && action in me.actions;

/* Saying and asking. */
let silence;
function say(text, bad) {
  $("said").textContent = text;
  $("said").className = bad ? "error" : "";
  $("said").hidden = false;
  clearTimeout(silence);
  silence = setTimeout(() => { $("said").hidden = true; }, SAID_MS);
}
/* Ask before harm. `fields` are shown above the buttons; `act` gets their form and returns what to say. */
function ask(title, text, doing, act, { harm = false, fields = [] } = {}) {
  const box = $("ask"), wrong = make("p", { class: "error", role: "alert" });
  const go = make("button", { class: harm ? "harm" : "main" }, doing);
  const no = make("button", { type: "button", onclick: () => box.close() }, "No, leave it");
  const form = make("form", {}, make("h2", { id: "ask-title" }, title), make("p", {}, text), ...fields, wrong,
    make("div", { class: "row" }, go, no));
  form.addEventListener("submit", async event => {
    event.preventDefault();
    go.disabled = true;
    try {
      const said = await act(form);
      box.close();
      $("whole").close();
      say(said);
      draw();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      wrong.textContent = error.message;
      go.disabled = false;
    }
  });
  box.replaceChildren(form);
  box.showModal();
  (fields.length ? form.querySelector("input") : no).focus();
}

/* Tables: columns are [heading, cell(row), class]. */
function table(rows, columns, nothing) {
  if (!rows.length) return make("div", { class: "empty" }, nothing);
  const head = make("tr", {}, ...columns.map(([title, , kind]) => make("th", { scope: "col", class: kind === "n" ? "n" : null }, title)));
  const body = rows.map(row => make("tr", {}, ...columns.map(([, cell, kind]) => make("td", { class: kind }, cell(row)))));
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": room },
    make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)));
}

/* Callbacks. */
const tone = { QUEUED: "warn", ROUTING: "live", PROCESSING: "live" };
const stateOf = c => tag(c.state + (c.reason ? ` (${words(c.reason)})` : ""),
  tone[c.state] || (c.reason === "AGENT_CONNECTED" ? "good" : (c.reason || "").startsWith("FAIL") ? "bad" : ""));
async function callbacks() {
  const asked = new URLSearchParams(), number = $("number").value.trim();
  if ($("state").value) asked.set("states", $("state").value);
  if ($("service").value) asked.set("services", $("service").value);
  if (number) asked.set(/^[0-9a-f]{8}-[0-9a-f-]{27}$/i.test(number) ? "id" : "number", number);
  if (page) asked.set("after", page);
  const found = await api("GET", `callbacks?${asked}`);
  const how = found.total ? `${found.total}${found.capped ? " or more" : ""} found` : "";
  return [
    table(found.items, [
      ["Customer", c => make("button", { onclick: () => open(c.id), "aria-label": `Open the callback to ${c.number}` }, c.number)],
      ["State", stateOf], ["Queue", c => c.service, "wide"], ["Wanted", c => moment(c.desired)],
      ["Dials", c => c.dials || "–", "n"], ["Last result", c => words(c.last_result) || "–"],
      ["Changed", c => moment(c.updated)],
    ], "No callback is like that."),
    make("p", { class: "soft" }, how, " ",
      page ? make("button", { onclick: () => { page = ""; draw(); } }, "First page") : null, " ",
      found.next ? make("button", { onclick: () => { page = found.next; draw(); } }, "Next page") : null),
  ];
}
async function open(id) {
  const box = $("whole");
  box.replaceChildren(make("p", {}, "Loading …"));
  box.showModal();
  try {
    box.replaceChildren(...story(await api("GET", `callbacks/${id}`)));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    box.replaceChildren(make("p", { class: "error" }, error.message), close());
  }
}
const close = () => make("button", { onclick: () => $("whole").close() }, "Close");
function story(whole) {
  const c = whole.callback, facts = [
    ["State", stateOf(c)], ["Queue", c.service], ["Wanted", moment(c.desired)], ["Booked", moment(c.created)],
    ["Place in line", whole.position ?? "–"], ["Expected wait", span(whole.ewt)], ["Agent", whole.agent || "–"],
    ["Given up at", moment(whole.expires)], ["Id", c.id],
    ...Object.entries(whole.user_data).map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
  ];
  return [
    make("h2", { id: "whole-title" }, `Callback to ${c.number}`),
    make("dl", {}, ...facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])),
    table(whole.history, [
      ["When", h => moment(h.at)], ["State", stateOf], ["Attempt", h => h.attempt || "–", "n"],
      ["Dial", h => words(h.result) || (h.dialled ? "dialled" : "–")], ["Agent", h => h.agent || "–"],
    ], "Nothing has happened yet."),
    make("div", { class: "row" }, ...steps(c), close()),
  ];
}
function steps(c) {
  const waits = c.state === "SCHEDULED" || c.state === "QUEUED", over = c.state === "COMPLETED";
  const which = `${c.number} (${c.service})`, made = [];
  if (waits && may("callbacks.reschedule")) {
    made.push(make("button", { class: "main", onclick: () => ask("Call now?", `${which} is put in line at once.`, "Call now",
      async () => { await api("POST", `callbacks/${c.id}/reschedule`, { desired_time: null }); return `${which} is in line.`; }) }, "Call now"));
    made.push(make("button", { onclick: () => move(c, which) }, "Move"));
  }
  if (!over && c.state !== "PROCESSING" && may("callbacks.cancel"))
    made.push(make("button", { class: "harm", onclick: () => ask("Cancel this callback?", `${which} will not be called.`, "Yes, cancel it",
      async () => { await api("POST", `callbacks/${c.id}/cancel`, {}); return `The callback to ${which} is cancelled.`; }, { harm: true }) }, "Cancel"));
  if (over && may("callbacks.create"))
    made.push(make("button", { onclick: () => ask("Book it once more?", `${which} is called as soon as possible.`, "Book it",
      async () => { await api("POST", `callbacks/${c.id}/recreate`, {}); return `A new callback to ${which} is booked.`; }) }, "Book once more"));
  return made;
}
function move(c, which) {
  const soon = new Date(Date.now() + 3600e3 - Date.now() % 300e3), local = new Date(soon - soon.getTimezoneOffset() * 60e3);
  const input = make("input", { id: "to", type: "datetime-local", required: true, value: local.toISOString().slice(0, 16) });
  const label = make("label", { for: "to" }, `New time (${zone()})`);
  ask("Move this callback?", `${which} takes the place in line of the new time.`, "Move it", async () => {
    const moved = await api("POST", `callbacks/${c.id}/reschedule`, { desired_time: new Date(input.value).toISOString() });
    return `${which} is called at ${moment(moved.desired)}.`;
  }, { fields: [label, input] });
}

/* Queues. */
async function queues() {
  const rows = await api("GET", "queues");
  return [table(rows, [
    ["Queue", q => q.service, "wide"], ["Expected wait", q => span(q.ewt), "n"], ["Calls waiting", q => q.calls ?? "–", "n"],
    ["Callbacks in line", q => q.queued, "n"], ["Scheduled", q => q.scheduled, "n"],
    ["Agents ready", q => q.agents_ready == null ? "–" : `${q.agents_ready} of ${q.agents_logged_in}`, "n"],
    ["Open", q => q.open ? tag(q.closes ? `until ${moment(q.closes)}` : "always", "good") : tag(q.opens ? `from ${moment(q.opens)}` : "never", "bad")],
    ["Rules", q => [q.hours, q.capacity_rule, q.number_rule].filter(Boolean).join(", ") || "–", "wide"],
  ], "There is no callback queue that you may see.")];
}

/* Agents. */
const mood = { ready: "good", talking: "live", ringing: "live", reserved: "live", acw: "warn", not_ready: "warn" };
async function agents() {
  const rows = await api("GET", "agents"), steers = may("agents.steer");
  return [table(rows, [
    ["Agent", a => a.id, "wide"], ["Phone", a => a.device || "–"],
    ["State", a => tag(`${words(a.state)}${a.reason ? ` (${a.reason})` : ""}`, mood[a.state])],
    ["Since", a => span((Date.now() - new Date(a.since)) / 1000), "n"],
    ...(steers ? [["", a => make("span", {}, ...turns(a))]] : []),
  ], "Nobody is logged in.")];
}
function turns(a) {
  const busy = ["reserved", "ringing", "talking"].includes(a.state), later = busy ? " The call under way is not cut: it holds when that has ended." : "";
  const turn = (word, title, text, doing, done, harm) => make("button", { class: harm ? "harm" : null, onclick: () =>
    ask(title, text + later, doing, async () => {
      const now = await api("POST", `agents/${encodeURIComponent(a.id)}/${word}`, word === "not-ready" ? { reason: "supervisor" } : {});
      return busy && now.state === a.state ? `${a.id} will be ${done} after the call.` : `${a.id} is ${done}.`;
    }, { harm }) }, doing);
  return [
    a.state === "not_ready" || a.state === "acw" ? turn("ready", `Make ${a.id} ready?`, "Calls may come at once.", "Ready", "ready") : null,
    a.state === "not_ready" ? null : turn("not-ready", `Make ${a.id} not ready?`, "No more calls come until the agent is ready again.", "Not ready", "not ready"),
    turn("log-out", `Log ${a.id} out?`, "The agent has to log in again to take calls.", "Log out", "logged out", true),
  ];
}

/* The desk. */
const ROOMS = { callbacks: ["Callbacks", callbacks, "callbacks.see"], queues: ["Queues", queues, "queues.see"], agents: ["Agents", agents, "agents.see"] };
function zone() {
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone, away = -new Date().getTimezoneOffset();
  const two = n => String(Math.abs(n)).padStart(2, "0");
  return `${name}, UTC${away < 0 ? "−" : "+"}${two(Math.trunc(away / 60))}:${two(away % 60)}`;
}
async function draw() {
  if (!me) return;
  const turn = ++drawn;
  let shown;
  try { shown = await ROOMS[room][1](); } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    shown = [make("p", { class: "error", role: "alert" }, error.message), make("button", { onclick: draw }, "Try again")];
  }
  if (turn === drawn && me) $("room").replaceChildren(...shown);
}
function enter(name) {
  room = name;
  page = "";
  $("filters").hidden = name !== "callbacks";
  for (const each of document.querySelectorAll("nav button")) {
    if (each.dataset.room === name) each.setAttribute("aria-current", "page"); else each.removeAttribute("aria-current");
  }
  $("room").replaceChildren(make("div", { class: "empty" }, "Loading …"));
  draw();
}
async function begin() {
  me = await api("GET", "me");
  const rooms = Object.entries(ROOMS).filter(([, [, , action]]) => may(action));
  $("who").textContent = `${me.user} · ${me.roles.join(", ") || "no role"} · ${me.tenant}`;
  $("zone").textContent = `Times are those of ${zone()}.`;
  document.querySelector("nav").replaceChildren(...rooms.map(([name, [title]]) =>
    make("button", { "data-room": name, onclick: () => enter(name) }, title)));
  $("signin").hidden = true;
  $("desk").hidden = false;
  if (!rooms.length) {
    $("filters").hidden = true;
    return $("room").replaceChildren(make("div", { class: "empty" }, "Your user has no role that opens a room here: ask an administrator."));
  }
  if (may("queues.see")) api("GET", "queues").then(found => $("service").replaceChildren(make("option", { value: "" }, "all"),
    ...found.map(q => make("option", {}, q.service)))).catch(() => {});
  enter(rooms[0][0]);
}
function signOut(why) {
  store.set("");
  me = null;
  for (const box of [$("ask"), $("whole")]) box.close();
  $("desk").hidden = true;
  $("room").replaceChildren();
  $("signin").hidden = false;
  $("why").textContent = why || "";
  $("why").className = why ? "error" : "";
  $("password").value = "";
  $(($("user").value) ? "password" : "user").focus();
}
$("signin").addEventListener("submit", async event => {
  event.preventDefault();
  const button = event.submitter || $("signin").querySelector("button");
  button.disabled = true;
  try {
    const token = await api("POST", "token", { username: $("user").value, password: $("password").value });
    store.set(token.access_token);
    $("password").value = "";
    $("why").textContent = "";
    await begin();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    signOut(error.message);
  } finally { button.disabled = false; }
});
$("out").addEventListener("click", () => signOut(""));
$("filters").addEventListener("submit", event => { event.preventDefault(); page = ""; draw(); });
for (const id of ["state", "service"]) $(id).addEventListener("change", () => { page = ""; draw(); });
setInterval(() => { if (me && !document.hidden && !$("ask").open && !$("whole").open && !document.querySelector("#room :focus")) draw(); }, EVERY_MS);
store.get() ? begin().catch(error => signOut(error.message)) : signOut("");
