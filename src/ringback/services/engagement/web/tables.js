/* Tables and the parts of a page. On a narrow screen a row is a card, with the headings beside its cells. */
import { make } from "./dom.js";
const seen = new Map();
export function sheet(of) {
    if (!of.rows)
        return make("div", { class: "empty" }, "The service that knows is away.");
    if (!of.rows.length)
        return make("div", { class: "empty" }, of.nothing);
    const head = of.columns.map(([title, , kind]) => make("th", { scope: "col", class: kind ?? null, "aria-label": title ? null : "More" }, title));
    const before = seen.get(of.name);
    const now = new Map();
    const body = of.rows.map((row) => {
        const key = of.key(row);
        const mark = of.mark?.(row) ?? "";
        const was = before?.get(key);
        now.set(key, mark);
        return line(of, row, key, before !== undefined && was !== mark);
    });
    seen.set(of.name, now);
    return make("div", {
        class: of.tall ? "scroll tall" : "scroll",
        tabindex: 0,
        role: "region",
        "aria-label": of.name,
        "data-held": of.name,
        "data-scroll": of.name,
    }, make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...body)));
}
function line(of, row, key, fresh) {
    const cells = of.columns.map(([title, cell, kind]) => {
        const content = cell(row);
        return make("td", { class: kind ?? null, "data-title": title }, content ?? "");
    });
    const kinds = [fresh && of.mark ? "new" : "", of.chosen?.(row) ? "chosen" : ""].join(" ").trim();
    return make("tr", { class: kinds || null, "data-row": key }, ...cells);
}
/** A part of a page with its heading, and a number or a name beside that. */
export function part(id, title, beside, ...inside) {
    const heading = make("h2", { id: `${id}-title` }, title, beside == null ? null : make("b", {}, beside));
    return make("section", { id, "aria-labelledby": `${id}-title` }, heading, ...inside);
}
/** A row of large figures. */
export function tiles(values) {
    return make("div", { class: "tiles" }, ...values.map(([value, label, kind]) => make("div", { class: `tile ${kind ?? ""}` }, make("b", {}, value), make("span", {}, label))));
}
