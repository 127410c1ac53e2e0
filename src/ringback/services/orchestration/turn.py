"""One step of a session, pure: inputs and `now` in, the next record and what to do out."""

from __future__ import annotations

from dataclasses import dataclass, field

from ringback.contracts.events import CallEvent
from ringback.scxml import Action, Ended, Event, Fetch, HttpPost, Interpreter, Log, Output
from ringback.services.orchestration.dialogs import Dialogs
from ringback.services.orchestration.performer import module_of
from ringback.services.orchestration.records import Asked, Input, Pending, Record
from ringback.services.orchestration.translation import ONCE, from_call, from_result


@dataclass(slots=True)
class Effects:
    """What a turn leaves to do beside the actions, which are in the record."""

    fetches: list[Fetch] = field(default_factory=list)
    logs: list[Log] = field(default_factory=list)
    posts: list[HttpPost] = field(default_factory=list)
    error: str = ""


def next_timer(record: Record) -> float | None:
    """When the session's next delayed event is due, seconds since the epoch; from what is stored."""
    delayed = record.snapshot["delayed"] if record.snapshot else ()
    return float(delayed[0]["due"]) if delayed else None


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
        asked = record.asked.get(entry.result.request_id.rpartition(":")[2])
        event = from_result(entry.result)
        record.note("event", event.name, now)
        _forget_failed(record, event)
        interpreter.feed(event, now, asked.session if asked is not None else None)
    elif entry.event is not None:
        event = Event.from_json(entry.event)
        record.note("event", event.name, now)
        _forget_failed(record, event)
        interpreter.feed(event, now, entry.session or None)
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
        interpreter.feed(event, now, session)


def _feed_call(record: Record, interpreter: Interpreter, event: CallEvent, now: float) -> None:
    asked = record.asked.get(event.reference_id.rpartition(":")[2]) if event.reference_id else None
    _own(record, event, asked)
    if event.conn_id == record.conn_id:
        record.routed = record.routed or event.id == "EventRouteUsed"
        record.gone = record.gone or _is_end(event, asked)
    found = from_call(event, asked)
    record.note("event", found.name, now)
    _forget_failed(record, found)
    if asked is not None and asked.element in ONCE and found.name.endswith(".done"):
        record.asked.pop(event.reference_id.rpartition(":")[2], None)
    answers = asked is not None and not found.name.startswith(("voice.", "interaction.deleted"))
    interpreter.feed(found, now, asked.session if answers and asked is not None else None)


def _is_end(event: CallEvent, asked: Asked | None) -> bool:
    """Nobody is there any more to be routed: the call is over, was never answered, or the caller has left."""
    if event.id == "EventError":
        return asked is not None and asked.element == "createcall"
    return event.id == "EventCallDeleted" or (event.id == "EventAbandoned" and not event.agent_id)


def _forget_failed(record: Record, event: Event) -> None:
    """An action that failed is asked for no longer."""
    if event.name.startswith("error.") and isinstance(event.data, dict):
        record.asked.pop(str(event.data.get("requestid", "")).rpartition(":")[2], None)


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


def collect(record: Record, interpreter: Interpreter, now: float, dialogs: Dialogs | None = None) -> Effects:
    """Move the interpreter's outputs into the record and the effects; take the snapshots."""
    effects = Effects()
    if dialogs is not None:
        tell(interpreter, dialogs, now)
    while outputs := interpreter.outputs():
        for output in outputs:
            _take(record, effects, output, now, dialogs)
        if dialogs is not None:
            tell(interpreter, dialogs, now)
    if dialogs is not None:
        dialogs.rest()
        found, dialogs.logs = dialogs.logs, []
        effects.logs += [Log(record.id, each.label, each.text) for each in found]
    record.snapshot = None if record.ended else interpreter.snapshot()
    record.note("states", " ".join(interpreter.configuration) or "(ended)", now)
    return effects


def _take(record: Record, effects: Effects, output: Output, now: float, dialogs: Dialogs | None) -> None:
    if isinstance(output, Action):
        name = f"{module_of(output.namespace)}.{output.name}"
        record.note("action", name, now)
        if name == "dialog.start" and dialogs is not None:
            dialogs.begin(output, now)
            return
        if name == "dialog.stop" and dialogs is not None:
            dialogs.cancel()
        record.pending.append(_pending(record, output))
    elif isinstance(output, Fetch):
        effects.fetches.append(output)
    elif isinstance(output, Log):
        effects.logs.append(output)
    elif isinstance(output, HttpPost):
        effects.posts.append(output)
    elif isinstance(output, Ended):
        record.ended = True
        record.failed = record.failed or output.error or ""


def asked_by(action: Action | Pending) -> Asked:
    """Who asked for an action, for the event that answers it."""
    verify = str(action.payload.get("verify", ""))
    return Asked(action.session, module_of(action.namespace), action.name, verify)


def _pending(record: Record, action: Action) -> Pending:
    record.asked[str(action.number)] = asked_by(action)
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
