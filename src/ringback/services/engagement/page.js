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
  const place = box.scrollTop, held = document.activeElement?.dataset.held;
  box.replaceChildren(whole);
  box.scrollTop = place;
  if (held) box.querySelector(`[data-held="${CSS.escape(held)}"]`)?.focus();
}
