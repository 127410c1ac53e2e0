/* The platform itself: services and connections, with what goes on in them. */
import { ask } from "../api.js";
import type { Room } from "../desk.js";
import { tag } from "../dom.js";
import { span, sum, when } from "../format.js";
import { part, sheet, tiles } from "../tables.js";
import type { Picture } from "../types.js";
import { MOOD } from "./agents.js";
import { stateOf } from "./callbacks.js";

type Rows<Name extends keyof Picture> = NonNullable<Picture[Name]> extends readonly (infer Row)[] ? Row : never;

const SILENT_S = 7;
const LIVE: ReadonlySet<string> = new Set(["QUEUED", "ROUTING", "PROCESSING"]);

async function look(): Promise<Node[]> {
  const p = await ask<Picture>("GET", "/status/picture");
  return [figures(p), queues(p), agents(p), calls(p), callbacks(p), services(p), connections(p)];
}

const silent = (p: Picture, beat: Rows<"services">): boolean => p.at - beat.at > SILENT_S;
const moment = (seconds: number | null, p: Picture): string =>
  when(seconds ? new Date(seconds * 1000).toISOString() : null, new Date(p.at * 1000));
const count = <Row>(rows: readonly Row[] | null, wanted: (row: Row) => boolean): number | string =>
  rows?.filter(wanted).length ?? "–";

function figures(p: Picture): HTMLElement {
  return tiles([
    [`${count(p.services, (s) => s.ready && !silent(p, s))} / ${p.services?.length ?? 0}`, "services ready"],
    [count(p.agents, (a) => a.state === "ready"), "agents ready"],
    [count(p.agents, (a) => a.state === "talking"), "agents talking"],
    [p.calls?.length ?? "–", "calls"],
    [p.queues ? sum(p.queues, (q) => q.waiting) : "–", "waiting"],
    [count(p.callbacks, (c) => LIVE.has(c.state)), "callbacks live"],
  ]);
}

function queues(p: Picture): HTMLElement {
  const rows = p.queues?.toSorted((a, b) => b.waiting - a.waiting || a.queue.localeCompare(b.queue));
  return part(
    "queues",
    "Queues",
    p.queues?.length,
    sheet<Rows<"queues">>({
      name: "queues of the platform",
      rows,
      key: (q) => q.queue,
      mark: (q) => String(q.waiting),
      nothing: "No queue yet.",
      tall: true,
      columns: [
        ["Queue", (q) => q.queue],
        ["Waiting", (q) => q.waiting, "n"],
        ["Callbacks", (q) => q.callbacks, "n"],
        ["Expected wait", (q) => span(q.ewt), "n"],
        ["Longest", (q) => (q.waiting ? span(q.longest_wait) : "–"), "n"],
        ["Ready", (q) => `${q.agents_ready}/${q.agents_logged_in}`, "n"],
      ],
    }),
  );
}

function agents(p: Picture): HTMLElement {
  return part(
    "agents",
    "Agents",
    p.agents?.length,
    sheet<Rows<"agents">>({
      name: "agents of the platform",
      rows: p.agents,
      key: (a) => a.agent_id,
      mark: (a) => a.state,
      nothing: "Nobody is logged in.",
      tall: true,
      columns: [
        ["Agent", (a) => a.agent_id],
        ["DN", (a) => a.dn ?? "", "soft"],
        ["State", (a) => tag(a.state.replaceAll("_", " ") + (a.reason ? ` (${a.reason})` : ""), MOOD[a.state]), "wide"],
        ["Since", (a) => span(p.at - a.since), "n"],
      ],
    }),
  );
}

function calls(p: Picture): HTMLElement {
  return part(
    "calls",
    "Calls",
    p.calls?.length,
    sheet<Rows<"calls">>({
      name: "calls of the platform",
      rows: p.calls,
      key: (c) => c.conn_id,
      mark: (c) => c.state,
      nothing: "No call at the moment.",
      tall: true,
      columns: [
        ["From", (c) => c.ani ?? ""],
        ["To", (c) => c.dnis ?? ""],
        ["State", (c) => tag(c.state, c.state === "Established" ? "good" : "live")],
        ["At", (c) => c.agent_id || c.queue || ""],
        ["For", (c) => span(p.at - c.started), "n"],
      ],
    }),
  );
}

function callbacks(p: Picture): HTMLElement {
  return part(
    "callbacks",
    "Callbacks",
    p.callbacks?.length,
    sheet<Rows<"callbacks">>({
      name: "callbacks of the platform",
      rows: p.callbacks,
      key: (c) => c.id,
      mark: (c) => `${c.state}${c.attempt}${c.dials}`,
      nothing: "No callback has been booked yet.",
      tall: true,
      columns: [
        ["Customer", (c) => c.number],
        ["State", stateOf],
        ["Queue", (c) => c.service],
        ["Place in line", (c) => moment(c.arrived_at, p), "n"],
        ["Due", (c) => moment(c.due_at, p), "n"],
        ["Attempt", (c) => c.attempt || "–", "n"],
        ["Dials", (c) => c.dials || "–", "n"],
        ["Last result", (c) => c.last_result.replaceAll("_", " ").toLowerCase()],
        ["Agent", (c) => c.agent_id],
        ["Changed", (c) => moment(c.updated_at, p), "n"],
        ["Id", (c) => c.id.slice(0, 8), "soft"],
      ],
    }),
  );
}

function health(p: Picture, s: Rows<"services">): HTMLElement {
  if (silent(p, s)) return tag(`silent for ${span(p.at - s.at)}`, "bad");
  if (s.ready) return tag("ready", "good");
  const missing = Object.entries(s.checks)
    .filter(([, good]) => !good)
    .map(([name]) => name);
  return tag(missing.length ? `needs ${missing.join(", ")}` : "starting", "warn");
}

function services(p: Picture): HTMLElement {
  const ports = (s: Rows<"services">): string =>
    Object.entries(s.listeners)
      .map(([name, at]) => `${name} ${at.split(":").at(-1)}`)
      .join(" · ");
  return part(
    "services",
    "Services",
    p.services?.length,
    sheet<Rows<"services">>({
      name: "services",
      rows: p.services,
      key: (s) => `${s.name}@${s.node}`,
      mark: (s) => String(s.ready),
      nothing: "No service has reported yet.",
      tall: true,
      columns: [
        ["Service", (s) => s.name],
        ["Health", (s) => health(p, s)],
        ["Listens", ports, "wide soft"],
        ["Up", (s) => span(p.at - s.started), "n"],
      ],
    }),
  );
}

function connections(p: Picture): HTMLElement {
  const rows = p.connections?.filter((c) => c.built);
  return part(
    "connections",
    "Connections",
    rows?.length,
    sheet<Rows<"connections">>({
      name: "connections",
      rows,
      key: (c) => c.id,
      mark: (c) => String(c.messages > 0),
      nothing: "There is none.",
      tall: true,
      columns: [
        ["Connection", (c) => c.id, "soft"],
        ["From", (c) => c.source, "wide"],
        ["To", (c) => c.destination, "wide"],
        ["Over", (c) => `${c.protocol} ${c.port}`, "wide soft"],
        ["Messages", (c) => c.messages.toLocaleString(), "n"],
      ],
    }),
  );
}

export const platform: Room = { name: "status", title: "Platform", action: "", every: 1000, look };
