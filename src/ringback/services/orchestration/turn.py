"""One step of a session, pure: inputs and `now` in, the next record and what to do out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from ringback.contracts.events import CallEvent
from ringback.scxml import Action, Ended, Event, Fetch, HttpPost, Interpreter, Log, Output
from ringback.services.orchestration import routing
from ringback.services.orchestration.dialogs import Dialogs
from ringback.services.orchestration.knowledge import figure
from ringback.services.orchestration.patience import asked_by
from ringback.services.orchestration.performer import module_of
from ringback.services.orchestration.records import Asked, Input, Json, Pending, Record
from ringback.services.orchestration.translation import ONCE, alias, error_event, from_call, from_result

FIGURES = frozenset({"statistic.sdata.done", "statistic.update", "statistic.subscribe.done"})
MOST_FIGURES = 50
DIALOG_ROUNDS = 50
"""Dialogs that an application may begin or stop at one input: one that does it at each answer never rests."""
_UNKNOWN_CALL, _OF_THE_CALL = "unknown_call", ("dialog", "interaction")
USER_DATA = frozenset({("interaction", name) for name in ("attach", "udata", "detach")})


@dataclass(slots=True)
class Effects:
    """What a turn leaves to do beside the actions, which are in the record."""

    fetches: list[Fetch] = field(default_factory=list)
    logs: list[Log] = field(default_factory=list)
    posts: list[HttpPost] = field(default_factory=list)

    def add(self, more: Effects) -> None:
        """What the next step of the same turn leaves to do."""
        self.fetches += more.fetches
        self.logs += more.logs
        self.posts += more.posts


def next_timer(record: Record) -> float | None:
    """When the next delayed event is due, or an answer overdue, seconds since the epoch; as stored."""
    delayed = record.snapshot["delayed"] if record.snapshot else ()
    dues = [float(delayed[0]["due"])] if delayed else []
    dues += [asked.due for asked in record.asked.values() if asked.due] + routing.dues(record)
    return min(dues, default=None)


def feed(
    record: Record, interpreter: Interpreter, entry: Input, now: float, dialogs: Dialogs | None = None
) -> None:
    """Give one input to the application, and note in the record what it says of the call.

    What answers its VoiceXML dialog goes there; the application gets the event with which that ends.
    """
    if dialogs is not None:
        is_of_dialog = _is_of_dialog(record, dialogs, entry, now)
        tell(interpreter, dialogs, now)
        if is_of_dialog:
            return
    if entry.call is not None:
        _feed_call(record, interpreter, entry.call, now)
    elif entry.result is not None:
        number = entry.result.request_id.rpartition(":")[2]
        asked = record.asked.get(number)
        event = from_result(entry.result)
        if entry.result.outcome != "position" and number not in record.routes:
            record.answered(entry.result.request_id)
        record.note("event", event.name, now)
        _forget_failed(record, event)
        _tell_routed(record, interpreter, event, now, asked.session if asked is not None else None)
    elif entry.event is not None:
        event = Event.from_json(entry.event)
        record.note("event", event.name, now)
        _forget_failed(record, event)
        _keep_figure(record, interpreter, event)
        _tell_routed(record, interpreter, event, now, entry.session or None)
    elif entry.terminate:
        record.note("event", "terminate", now)
        interpreter.terminate(now)


def _is_of_dialog(record: Record, dialogs: Dialogs, entry: Input, now: float) -> bool:
    """Tell the dialog what is for it; whether it is for nobody else."""
    if entry.call is not None:
        ends = entry.call.conn_id == record.conn_id and _is_end(entry.call, None)
        if dialogs.of_dialogs(entry.call.reference_id):
            record.note("event", f"dialog {entry.call.id}", now)
            record.routed = record.routed or entry.call.id == "EventRouteUsed"
            dialogs.call_event(entry.call, now)
        if ends:
            dialogs.hung_up(now)
        return dialogs.of_dialogs(entry.call.reference_id) and not ends
    if entry.event is None:
        return False
    event = Event.from_json(entry.event)
    if event.name == "interaction.deleted":
        dialogs.hung_up(now)
    request_id = str(event.data.get("requestid", "")) if isinstance(event.data, dict) else ""
    if not dialogs.of_dialogs(request_id):
        return False
    record.note("event", f"dialog {event.name}", now)
    dialogs.action_event(event, now)
    return True


def tell(interpreter: Interpreter, dialogs: Dialogs, now: float) -> None:
    """Give the application the events of its dialog."""
    for session, event in dialogs.told():
        _tell(interpreter, event, now, session)


def _feed_call(record: Record, interpreter: Interpreter, event: CallEvent, now: float) -> None:
    asked = record.asked.get(event.reference_id.rpartition(":")[2]) if event.reference_id else None
    _own(record, event, asked)
    if event.conn_id == record.conn_id:
        record.routed = record.routed or event.id == "EventRouteUsed"
        record.gone = record.gone or _is_end(event, asked)
    if event.id == "EventAttachedDataChanged" and event.conn_id == record.conn_id:
        _user_data_changed(record, interpreter, event)
    found = from_call(event, asked)
    record.note("event", found.name, now)
    _forget_failed(record, found)
    if asked is not None and asked.element in ONCE and found.name.endswith(".done"):
        record.asked.pop(event.reference_id.rpartition(":")[2], None)
    if asked is not None and found.name.startswith(
        ("error.", "interaction.", "dialog.", "voice.createcall.done")
    ):
        record.answered(event.reference_id)
    answers = asked is not None and not found.name.startswith(("voice.", "interaction.deleted"))
    session = asked.session if answers and asked is not None else None
    _tell_routed(record, interpreter, found, now, session)


def _user_data(record: Record) -> tuple[str, dict[str, Json]]:
    """What the session is about, and the user data that the application sees of it."""
    about = "interaction" if "interaction" in record.data else "callback"
    return about, record.data.get(about, {}).get("udata", {})


def _set_user_data(record: Record, interpreter: Interpreter, user_data: dict[str, Json]) -> None:
    about, _ = _user_data(record)
    if about in record.data:
        record.data[about] = {**record.data[about], "udata": user_data}
        interpreter.bind("_genesys", record.data)


def _user_data_changed(record: Record, interpreter: Interpreter, event: CallEvent) -> None:
    """Somebody has changed the data of the call; a callback keeps what came with the request besides."""
    about, known = _user_data(record)
    kept = known if about == "callback" else {}
    _set_user_data(record, interpreter, {**kept, **event.user_data})


def _change_user_data(record: Record, interpreter: Interpreter, action: Action) -> None:
    """What the application has asked to be changed it sees changed at once."""
    _, known = _user_data(record)
    if action.name == "detach":
        keys = action.payload["keys"] or list(known)
        _set_user_data(record, interpreter, {k: v for k, v in known.items() if k not in keys})
    else:
        _set_user_data(record, interpreter, {**known, **action.payload["user_data"]})


def _is_end(event: CallEvent, asked: Asked | None) -> bool:
    """Nobody is there any more to be routed: the call is over, was never answered, or the caller has left."""
    if event.id == "EventError":
        return asked is not None and asked.element == "createcall"
    return event.id == "EventCallDeleted" or (event.id == "EventAbandoned" and not event.agent_id)


def answers(record: Record, entry: Input) -> tuple[str, Asked | None]:
    """The number of the action that an input may answer, and who asked."""
    reference = ""
    if entry.call is not None:
        reference = entry.call.reference_id
    elif entry.result is not None:
        reference = entry.result.request_id
    number = reference.rpartition(":")[2]
    asked = record.asked.get(number)
    return number, asked if asked is not None and asked.since else None


def is_open(record: Record, number: str) -> bool:
    """Whether nothing has come of an action yet."""
    asked = record.asked.get(number)
    return asked is not None and bool(asked.since)


def _forget_failed(record: Record, event: Event) -> None:
    """An action that failed is asked for no longer."""
    if event.name.startswith("error.") and isinstance(event.data, dict):
        record.asked.pop(str(event.data.get("requestid", "")).rpartition(":")[2], None)


def failed(
    record: Record, asked: Asked, request_id: str, reason: str, more: Mapping[str, Json] | None = None
) -> Event:
    """The event of an action that failed; of a call that nobody knows, which has ended while nobody listened,
    its end.
    """
    if reason == _UNKNOWN_CALL and asked.module in _OF_THE_CALL:
        record.gone = True
        return Event("interaction.deleted", data={"reason": reason})
    return error_event(asked, reason, request_id, more)


def _keep_figure(record: Record, interpreter: Interpreter, event: Event) -> None:
    """What a statistic's event tells, the function `sData` answers."""
    if not interpreter.library or event.name not in FIGURES:
        return
    if isinstance(event.data, dict) and event.data.get("value") is not None:
        name = figure(event.data["object"], event.data["statistic"])
        if name in record.figures or len(record.figures) < MOST_FIGURES:
            record.figures[name] = event.data["value"]
            interpreter.know("figures", msgspec.json.encode(record.figures).decode())


def _own(record: Record, event: CallEvent, asked: Asked | None) -> None:
    """A call that the session made is its call from now on."""
    if event.conn_id and event.conn_id not in record.conns:
        record.conns.append(event.conn_id)
    if asked is not None and asked.element == "createcall" and event.conn_id != record.conn_id:
        record.conn_id, record.routed, record.gone = event.conn_id, False, False


def handle_timer(record: Record, interpreter: Interpreter, now: float) -> None:
    """Let the delayed events come that are due."""
    for delayed in record.snapshot["delayed"] if record.snapshot else ():
        if delayed["due"] <= now:
            record.note("timer", delayed["event"]["name"] if delayed["event"] else "post", now)
    interpreter.handle_timer(now)
    for session, event in routing.handle_timer(record, now):
        _tell(interpreter, event, now, session)
    for number, asked in list(record.asked.items()):
        if 0 < asked.due <= now:
            del record.asked[number]
            if record.gone:
                continue  # the end of the call has told it
            event = error_event(asked, "timeout", record.reference(int(number)))
            record.note("timer", event.name, now)
            _tell(interpreter, event, now, asked.session)


def _tell(interpreter: Interpreter, event: Event, now: float, session: str | None) -> None:
    """An event, and the name besides under which charts of the original know it."""
    interpreter.feed(event, now, session)
    other = alias(event)
    if other is not None:
        interpreter.feed(other, now, session)


def _tell_routed(
    record: Record, interpreter: Interpreter, event: Event, now: float, session: str | None
) -> None:
    """An event, or what comes of it where the platform itself routes."""
    told = routing.take(record, event, now) if record.routes else None
    for to, each in [(session, event)] if told is None else told:
        _tell(interpreter, each, now, to)


def collect(record: Record, interpreter: Interpreter, now: float, dialogs: Dialogs | None = None) -> Effects:
    """Move the interpreter's outputs into the record and the effects; take the snapshots."""
    effects = Effects()
    if dialogs is not None:
        tell(interpreter, dialogs, now)
    rounds = 0
    while outputs := interpreter.outputs():
        rounds += 1
        for output in outputs:
            _take(record, interpreter, effects, output, now, dialogs)
        if rounds > DIALOG_ROUNDS:
            record.failed, record.ended = record.failed or "microsteps", True
        elif dialogs is not None:
            tell(interpreter, dialogs, now)
    if dialogs is not None:
        dialogs.rest()
        found, dialogs.logs = dialogs.logs, []
        effects.logs += [Log(record.id, each.label, each.text) for each in found]
    if record.ended:
        record.snapshot = None
    elif interpreter.moved or record.snapshot is None:
        record.snapshot = interpreter.snapshot()
    else:
        return effects
    record.note("states", " ".join(interpreter.configuration) or "(ended)", now)
    return effects


def _take(
    record: Record,
    interpreter: Interpreter,
    effects: Effects,
    output: Output,
    now: float,
    dialogs: Dialogs | None,
) -> None:
    if isinstance(output, Action):
        name = f"{module_of(output.namespace)}.{output.name}"
        record.note("action", name, now)
        if name == "dialog.start" and dialogs is not None:
            dialogs.begin(output, now)
            return
        if name == "dialog.stop" and dialogs is not None:
            dialogs.cancel()
        record.pending.append(_pending(record, output, now))
        if (module_of(output.namespace), output.name) in USER_DATA:
            _change_user_data(record, interpreter, output)
    elif isinstance(output, Fetch):
        effects.fetches.append(output)
    elif isinstance(output, Log):
        effects.logs.append(output)
    elif isinstance(output, HttpPost):
        effects.posts.append(output)
    elif isinstance(output, Ended):
        record.ended = True
        record.failed = record.failed or output.error or ""


def mark(record: Record) -> tuple[object, ...]:
    """What of a record must be stored when it has changed. Notes are not: they go with the next change.

    Actions have their number in the snapshot; what an action or its answer takes away does no harm when it
    is there again after a crash.
    """
    return (
        record.conn_id,
        record.routed,
        record.gone,
        record.ended,
        record.failed,
        record.document,
        len(record.conns),
        [(number, asked.due) for number, asked in record.asked.items() if asked.due],
        dict(record.data),
        record.snapshot,
        record.dialog and record.dialog.snapshot,
        record.routes and msgspec.json.encode(record.routes),
    )


def _pending(record: Record, action: Action, now: float) -> Pending:
    record.asked[str(action.number)] = asked_by(action, now)
    routing.begin(record, action)
    if (module_of(action.namespace), action.name) == ("statistic", "subscribe"):
        record.subscriptions[str(action.number)] = {**action.payload, "session": action.session}
    step = 0
    if action.name == "report":
        record.steps += 1
        step = record.steps
    return Pending(
        number=action.number,
        session=action.session,
        namespace=action.namespace,
        name=action.name,
        payload=dict(action.payload),
        step=step,
    )
