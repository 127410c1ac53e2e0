/* Who comes by a link is known by its token, which goes on to the other pages. Who signs in is known until they sign
   out, or the tab is closed: no token is kept for longer. */
const KEPT = "ringback-token", SAID_MS = 8000;
const linked = new URLSearchParams(location.search).get("token") || "";
for (const link of document.querySelectorAll("nav a")) link.search = location.search;
const token = {
  kept: () => sessionStorage.getItem(KEPT),
  get: () => token.kept() || linked,
  keep: given => sessionStorage.setItem(KEPT, given),
  forget: () => sessionStorage.removeItem(KEPT),
};

/* Ask the management API; what it refuses is a Refusal. A page that asks has a `signOut(why)`. */
class Refusal extends Error {}
async function api(method, path, body) {
  const used = token.get(), headers = {Authorization: `Bearer ${used}`};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const asked = {method, headers, body: body && JSON.stringify(body), cache: "no-store", credentials: "omit"};
  const answer = await fetch(`/api/v1/${path}`, asked)
    .catch(() => { throw new Refusal("The server does not answer. Is the platform up?"); });
  const data = await answer.json().catch(() => ({}));
  if (answer.ok) return data;
  if (answer.status === 401 && path !== "token" && used === token.get()) {
    token.forget();
    signOut("Your session is over: sign in again.");
  }
  const why = data.message ? `${data.message[0].toUpperCase()}${data.message.slice(1)}.` : `Refused (${answer.status}).`;
  throw Object.assign(new Refusal(why), {status: answer.status});
}

let silence;
function say(text, bad) {
  const said = document.getElementById("said");
  said.setAttribute("role", bad ? "alert" : "status");
  said.textContent = text;
  said.className = bad ? "error" : "";
  said.hidden = false;
  clearTimeout(silence);
  silence = setTimeout(() => { said.hidden = true; }, SAID_MS);
}

const seen = {};

function element(name, text, classes) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = text;
  if (classes) made.className = classes;
  return made;
}
function span(seconds) {
  if (seconds === null || seconds === undefined || seconds < 0) return "–";
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor(s % 86400 / 3600)} h`;
}
const clock = seconds => seconds ? new Date(seconds * 1000).toLocaleTimeString() : "–";
function moment(seconds, now) {
  if (!seconds) return "–";
  const when = new Date(seconds * 1000);
  const far = Math.abs(seconds - now) > 43200;
  return far ? when.toLocaleString([], {dateStyle: "short", timeStyle: "short"}) : when.toLocaleTimeString();
}

const words = text => (text || "").toLowerCase().replaceAll("_", " ");
const tag = (text, kind) => element("span", text, `tag ${kind ?? ""}`);

/* One table: columns are [heading, cell(row), class]; `key` tells rows apart, `mark` what counts as a change. */
function table(id, rows, columns, key, mark, nothing) {
  const box = document.querySelector(`#${id} .scroll`);
  const heading = document.querySelector(`#${id} h2`);
  heading.replaceChildren(heading.firstChild, element("b", rows ? rows.length : ""));
  if (!rows) return box.replaceChildren(element("div", "The service that knows is away.", "empty"));
  if (!rows.length) return box.replaceChildren(element("div", nothing, "empty"));
  const head = element("tr"), body = element("tbody"), before = seen[id], now = {};
  for (const [title, , kind] of columns) head.append(element("th", title, kind === "n" ? "n" : ""));
  for (const row of rows) {
    const name = key(row), line = element("tr", null, before && before[name] !== mark(row) ? "new" : "");
    now[name] = mark(row);
    line.dataset.row = name;
    for (const [title, cell, kind] of columns) {
      const content = cell(row), td = element("td", undefined, kind);
      td.dataset.title = title;
      td.append(content instanceof Node ? content : String(content ?? ""));
      line.append(td);
    }
    body.append(line);
  }
  seen[id] = now;
  const whole = element("table"), top = element("thead");
  top.append(head);
  whole.append(top, body);
  const place = box.scrollTop, had = box.contains(document.activeElement) ? document.activeElement : null;
  box.replaceChildren(whole);
  box.scrollTop = place;
  if (had?.dataset.held) again(box, had.dataset.held, had.closest("tr").dataset.row)?.focus();
}
/* What had the focus before the table was made anew; where that is gone, the first button of its row. */
function again(box, held, row) {
  return box.querySelector(`[data-held="${CSS.escape(held)}"]`)
    ?? box.querySelector(`[data-row="${CSS.escape(row)}"] button`);
}
