"""What people see of a session: its row in a list, and a look inside without user data. Pure."""

from __future__ import annotations

from ringback.contracts.applications import SessionRow, SessionTrace
from ringback.services.orchestration.performer import module_of
from ringback.services.orchestration.records import Json, Record

_DEPTH = 3
_NAMES = 12


def session_row(node: str, record: Record) -> SessionRow:
    """A session in a list."""
    return SessionRow(
        session=record.id,
        tenant=record.tenant,
        kind=record.kind,
        node=node,
        application=record.app,
        route_point=record.route_point,
        started=record.started,
        states=active_states(record),
        pending=[f"{module_of(action.namespace)}.{action.name}" for action in record.pending],
    )


def session_trace(node: str, record: Record) -> SessionTrace:
    """A session looked into."""
    snapshot = record.snapshot or {"sessions": [], "delayed": []}
    saved = snapshot["sessions"][0]["data"] if snapshot["sessions"] else None
    timers = {_timer_name(item): float(item["due"]) for item in snapshot["delayed"]}
    return SessionTrace(
        row=session_row(node, record),
        steps=record.recent,
        data=shapes(saved) if saved else {},
        timers=timers,
    )


def active_states(record: Record) -> list[str]:
    """The active states of the root session, as stored."""
    if not record.snapshot:
        return []
    states: list[str] = record.snapshot["sessions"][0]["configuration"]
    return states


def _timer_name(delayed: Json) -> str:
    return str(delayed["event"]["name"]) if delayed["event"] else "post"


def shapes(saved: Json) -> dict[str, str]:
    """The variables of a saved ECMAScript data model (the flat table of `prelude_store.js`)."""
    table = saved["table"]
    root = table[saved["root"]["r"]]
    return {name: _shape(value, table, _DEPTH) for name, value in root["o"]}


def _shape(value: Json, table: list[Json], depth: int) -> str:
    """The kind of a value, with the names of its parts; only what is true, false or absent is told."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return f"string({len(value)})" if value else "''"
    if "r" not in value:
        return "undefined" if "u" in value else "number"
    entry = table[value["r"]]
    if "o" in entry:
        return _object(entry["o"], table, depth)
    if "a" in entry:
        return f"list({len(entry['a'])})"
    return {"f": "function", "d": "date", "x": "xml", "m": "map", "s": "set"}[next(iter(entry))]


def _object(pairs: list[Json], table: list[Json], depth: int) -> str:
    # Names in user data are user data too: who wrote them is not known.
    if not depth:
        return f"object({len(pairs)})"
    parts = [
        name if name == "udata" else f"{name}: {_shape(value, table, depth - 1)}"
        for name, value in pairs[:_NAMES]
    ]
    more = ["..."] if len(pairs) > _NAMES else []
    return "{" + ", ".join(parts + more) + "}"
