/* Callback queues: how each stands, by which rules it goes, and what may be booked in it. */
import { api } from "../api.js";
import { may } from "../desk.js";
import { askFirst } from "../dialogs.js";
import { make, tag } from "../dom.js";
import { span, when } from "../format.js";
import { part, sheet } from "../tables.js";
async function look() {
    const rows = await api("GET", "queues");
    const now = new Date();
    const change = [
        "",
        (q) => make("button", { onclick: () => bookings(q), "data-held": q.service, "aria-label": `What ${q.service} takes` }, "Bookings"),
        "orders",
    ];
    return [
        part("list", "Callback queues", rows.length, sheet({
            name: "queues",
            rows,
            key: (q) => q.service,
            nothing: "There is no callback queue that you may see.",
            columns: [
                ["Queue", (q) => q.service, "wide"],
                ["Expected wait", (q) => span(q.ewt), "n"],
                ["Calls waiting", (q) => q.calls ?? "–", "n"],
                ["Callbacks in line", (q) => q.queued, "n"],
                ["Scheduled", (q) => q.scheduled, "n"],
                ["Agents ready", (q) => (q.agents_ready == null ? "–" : `${q.agents_ready} of ${q.agents_logged_in}`), "n"],
                [
                    "Open",
                    (q) => q.open
                        ? tag(q.closes ? `until ${when(q.closes, now)}` : "always", "good")
                        : tag(q.opens ? `from ${when(q.opens, now)}` : "never", "bad"),
                ],
                [
                    "Takes",
                    (q) => [q.takes_immediate && "now", q.takes_scheduled && "later"].filter(Boolean).join(" and ") ||
                        tag("nothing", "bad"),
                ],
                ["Rules", (q) => [q.hours, q.capacity_rule, q.number_rule].filter(Boolean).join(", ") || "–", "wide"],
                ...(may("settings.change") ? [change] : []),
            ],
        })),
    ];
}
function bookings(q) {
    const box = (id, on) => make("input", { id, type: "checkbox", checked: on });
    const soon = box("soon", q.takes_immediate);
    const later = box("later", q.takes_scheduled);
    const said = (input, text) => make("label", { for: input.id, class: "check" }, input, text);
    askFirst({
        title: `What may be booked in ${q.service}?`,
        text: "Callbacks that are booked already are called.",
        doing: "Set it",
        fields: [said(soon, " as soon as possible"), said(later, " at a time that the customer chooses")],
        act: async () => {
            const path = `settings/${encodeURIComponent(q.service)}`;
            const row = await api("GET", path);
            const properties = {
                ...row.properties,
                _immediate_enabled: String(soon.checked),
                _scheduled_enabled: String(later.checked),
            };
            await api("PUT", path, { properties, version: row.version });
            return soon.checked || later.checked ? `${q.service} takes bookings.` : `${q.service} takes no bookings.`;
        },
    });
}
export const queues = { name: "queues", title: "Queues", action: "queues.see", every: 5000, look };
