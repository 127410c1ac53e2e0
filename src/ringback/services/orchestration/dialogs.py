"""The VoiceXML dialog of a session, pure: `<dialog:start>` begins it, and what it asks for are actions of the
session like any other, so that they are stored, repeated after a crash, and done once.

An action of a dialog has the number of the action that began it times a million, plus the dialog's own
number.
"""

from __future__ import annotations

from ringback.contracts.events import CallEvent
from ringback.sandbox import SandboxError
from ringback.scxml import Action, Event
from ringback.services.orchestration.modules import dialog, interaction
from ringback.services.orchestration.records import SHARE, Json, Pending, Record, RunningDialog, text_name
from ringback.services.orchestration.translation import SILENT_ENDS
from ringback.services.orchestration.voice import PromptVoice, names_of
from ringback.vxml import (
    Collect,
    Collected,
    Exited,
    Failed,
    Fetch,
    Fetched,
    HungUp,
    Input,
    Interpreter,
    Limits,
    Log,
    Output,
    Play,
    Played,
    Recorded,
    Transfer,
    Transferred,
)
from ringback.vxml import Record as RecordCaller

NAMESPACE = "urn:ringback:vxml"
_MOST_KEYS = 100
_ENDS = {"connection.disconnect.hangup": "hangup", "connection.disconnect.transfer": "transferred"}
_RESULTS = {"busy": "busy", "no_answer": "noanswer", "timeout": "noanswer"}
"""Of a transfer that failed, by the reason (VoiceXML 2.0 2.3.7)."""


class Dialogs:
    """The dialog of one session; the interpreter is there while the session is awake."""

    def __init__(self, record: Record, limits: Limits) -> None:
        self._record = record
        self._limits = limits
        self._voice = PromptVoice()
        self._interpreter: Interpreter | None = None
        self._told: list[tuple[str, Event]] = []
        self.logs: list[Log] = []
        self.texts: dict[str, str] = {}
        """Documents of the dialog by their names in the store."""
        self._kept: set[str] = set()

    # Sleeping and waking

    @property
    def missing(self) -> list[str]:
        """Names of the documents that are to be in `texts` before anything is fed."""
        running = self._record.dialog
        if running is None or self._interpreter is not None:
            return []
        return [name for name in running.documents.values() if name not in self.texts]

    def sleep(self) -> None:
        """Let the interpreter go; what is stored is all there is to it."""
        if self._interpreter is not None:
            self._interpreter.close()
            self._interpreter = None

    def rest(self) -> None:
        """Put what is to be stored into the record."""
        running = self._record.dialog
        if running is None or self._interpreter is None:
            return
        saved = self._interpreter.snapshot()
        running.documents = {}
        self.texts = {}
        for key, document in saved["documents"].items():
            text = document.pop("text")
            running.documents[key] = text_name(text)
            self.texts[text_name(text)] = text
        running.snapshot = saved

    def unkept(self) -> list[tuple[str, str]]:
        """Names and texts of documents that the store does not have yet."""
        return [(name, text) for name, text in self.texts.items() if name not in self._kept]

    def keep(self, name: str) -> None:
        """The store has a document."""
        self._kept.add(name)

    def told(self) -> list[tuple[str, Event]]:
        """Events for the application, each with its session of the tree; each once."""
        found, self._told = self._told, []
        return found

    # Beginning and ending

    def begin(self, action: Action, now: float) -> None:
        """`<dialog:start>`. One dialog at a time."""
        record = self._record
        if record.dialog is not None:
            self._fail(action.session, action.number, "invalidstate.treating", "a dialog is under way")
            return
        record.dialog = RunningDialog(
            number=action.number, session=action.session, mailbox=action.payload["mailbox"]
        )
        session = session_variables(record, action.payload["parameters"])
        self._interpreter = Interpreter(session=session, voice=self._voice, limits=self._limits)
        try:
            self._interpreter.start(action.payload["src"], now)
        except SandboxError as error:
            self._over(Exited({}, error="error.badfetch", message=str(error)))
            return
        self._carry_out(now)

    def cancel(self, reason: str = "cancelled") -> None:
        """The dialog is over, because of `<dialog:stop>` or because another treatment took its place."""
        running = self._record.dialog
        if running is not None:
            self._fail(running.session, running.number, reason, "")
            self._forget()

    def _fail(self, session: str, number: int, reason: str, description: str) -> None:
        data = {"requestid": self._record.reference(number), "reason": reason, "description": description}
        self._told.append((session, Event("error.dialog.start", data=data)))

    def _over(self, exited: Exited) -> None:
        running = self._record.dialog
        if running is None:
            return
        left = self._interpreter is not None and self._interpreter.left
        reason = _ENDS.get(exited.error, "" if exited.error else "hangup" if left else "finished")
        if reason:
            data = {
                "requestid": self._record.reference(running.number),
                "reason": reason,
                "result": dict(exited.values),
                "value": exited.value,
            }
            self._told.append((running.session, Event("dialog.start.done", data=data)))
        else:
            self._fail(running.session, running.number, exited.error, exited.message)
        self._forget()

    def _forget(self) -> None:
        running, self._record.dialog = self._record.dialog, None
        self.sleep()
        self.texts = {}
        if running is not None:
            self._record.asked.pop(str(running.number), None)

    # What comes in

    def owns(self, request_id: str) -> int:
        """The dialog's own number of an action, by its request id; 0 when it is not the dialog's."""
        running = self._record.dialog
        number = request_id.rpartition(":")[2]
        if running is None or not number.isdecimal() or int(number) // SHARE != running.number:
            return 0
        return int(number) % SHARE

    def of_dialogs(self, request_id: str) -> bool:
        """Whether an action was one of a dialog, also of one that is over."""
        number = request_id.rpartition(":")[2]
        began = str(int(number) // SHARE) if number.isdecimal() else "0"
        return began != "0" and began not in self._record.routes

    def call_event(self, event: CallEvent, now: float) -> None:
        """What the call says of an action of the dialog."""
        number = self.owns(event.reference_id)
        if not number:
            return
        if event.id == "EventTreatmentEnd" and event.reason in ("superseded", "cancelled"):
            self.cancel("superseded")
            return
        try:
            waiting = self._woken().waiting
        except SandboxError as error:
            self._over(Exited({}, error="error.lost", message=str(error)))
            return
        came = answer_of(event, number, waiting.kind if waiting is not None else "")
        if came is not None:
            self._feed(came, now)

    def action_event(self, event: Event, now: float) -> None:
        """What an action of the dialog gave, or why it failed."""
        data = event.data if isinstance(event.data, dict) else {}
        number = self.owns(str(data.get("requestid", "")))
        if not number:
            return
        if event.name == "vxml.fetch.done":
            self._feed(Fetched(number, data["status"], data["type"], data["text"], data["url"]), now)
        elif event.name.startswith("error.vxml"):
            self._feed(Failed(number, "error.badfetch", str(data.get("reason", ""))), now)
        elif event.name.startswith("error.interaction"):
            self._feed(Transferred(number, "unknown"), now)
        elif event.name.startswith("error."):
            self._feed(Failed(number, "error.noresource", str(data.get("reason", ""))), now)

    def hung_up(self, now: float) -> None:
        """The caller has gone."""
        if self._record.dialog is not None:
            self._feed(HungUp(), now)

    def _feed(self, came: Input, now: float) -> None:
        try:
            self._woken().feed(came, now)
        except SandboxError as error:
            self._over(Exited({}, error="error.lost", message=str(error)))
            return
        self._carry_out(now)

    def _woken(self) -> Interpreter:
        running = self._record.dialog
        if self._interpreter is None:
            if running is None:
                raise SandboxError("there is no dialog")
            saved = {**running.snapshot, "documents": {}}
            for key, document in running.snapshot["documents"].items():
                text = self.texts.get(running.documents[key])
                if text is None:
                    raise SandboxError("a document of the dialog is gone")
                saved["documents"][key] = {**document, "text": text}
            self._interpreter = Interpreter.restore(saved, voice=self._voice, limits=self._limits)
        return self._interpreter

    # What goes out

    def _carry_out(self, now: float) -> None:
        while self._interpreter is not None and (outputs := self._interpreter.outputs()):
            for output in outputs:
                self._take(output, now)

    def _take(self, output: Output, now: float) -> None:
        running = self._record.dialog
        if running is None or self._interpreter is None:
            return
        if isinstance(output, Log):
            self.logs.append(output)
        elif isinstance(output, Exited):
            self._over(output)
        elif isinstance(output, RecordCaller) and not running.mailbox:
            message = "<dialog:start> names no mailbox"
            self._interpreter.feed(Failed(output.number, "error.unsupported.record", message), now)
        elif isinstance(output, Transfer) and output.bridge:
            self._interpreter.feed(Failed(output.number, "error.unsupported.transfer.bridge"), now)
        else:
            self._ask(running, output, now)

    def _ask(self, running: RunningDialog, output: Output, now: float) -> None:
        namespace, name, payload = action_of(output, running)
        number = getattr(output, "number", SHARE - 1)
        asked = Pending(
            number=running.number * SHARE + number,
            session=running.session,
            namespace=namespace,
            name=name,
            payload=payload,
        )
        self._record.pending.append(asked)
        self._record.note("action", f"dialog.start {name}", now)


def session_variables(record: Record, parameters: dict[str, Json]) -> dict[str, Json]:
    """The scope `session` (VoiceXML 2.0 5.1.4)."""
    return {
        "id": record.id,
        "parameters": parameters,
        "connection": {
            "local": {"uri": f"tel:{record.dnis}"},
            "remote": {"uri": f"tel:{record.ani}"},
            "protocol": {"name": "sip", "version": "2.0"},
            "originator": "remote",
        },
    }


def answer_of(event: CallEvent, number: int, kind: str) -> Input | None:
    """What a dialog that waits for `kind` is told; None for what it need not know."""
    match event.id:
        case "EventTreatmentNotApplied":
            return Failed(number, "error.noresource", event.reason)
        case "EventRouteUsed":
            return Transferred(number, "transferred")
        case "EventError" if kind == "transfer":
            return Transferred(number, _RESULTS.get(event.reason, "unknown"))
        case "EventError":
            return Failed(number, "error.noresource", event.reason)
        case "EventTreatmentEnd" if event.reason == "error":
            return Failed(number, "error.noresource", event.reason)
        case "EventTreatmentEnd" if event.reason not in SILENT_ENDS:
            return _ended(event, number, kind)
    return None


def _ended(event: CallEvent, number: int, kind: str) -> Input:
    if kind == "record":
        return Recorded(number, {"recorded": True}, reached_max=event.reason == "max")
    if kind == "play":
        return Played(number)
    if event.reason == "timeout":
        return Collected(number, event.digits, "timeout")
    # Without a digit it was the terminator alone.
    return Collected(number, event.digits, "complete" if event.digits else "terminator")


# Actions of the session that a dialog asks for

Asked = tuple[str, str, dict[str, Json]]
"""Namespace, element and payload."""


def action_of(output: Output, running: RunningDialog) -> Asked:
    """The action that carries an output out."""
    match output:
        case Play(_, parts):
            return _treatment("play", "PlayAnnouncement", prompts=names_of(parts))
        case Collect():
            return _treatment(
                "collect",
                "PlayAnnouncementAndDigits",
                prompts=names_of(output.parts),
                max_digits=output.max_keys or _MOST_KEYS,
                terminators=output.terminators,
                timeout=output.timeout_s,
                interdigit_timeout=output.interdigit_s,
            )
        case RecordCaller():
            mailbox = {"mailbox": running.mailbox, "max_duration": output.max_s}
            return _treatment("createann", "RecordUserAnnouncement", **mailbox)
        case Transfer():
            payload = {"to": output.destination.removeprefix("tel:"), "timeout": output.connect_s}
            empty = dict.fromkeys(("agent_id", "reservation_id", "route_type"), "")
            return interaction.NAMESPACE, "redirect", {**empty, **payload}
        case Fetch():
            payload = {"url": output.url, "method": output.method, "form": dict(output.form)}
            times = {"timeout_s": output.timeout_s, "max_age_s": output.max_age_s}
            return NAMESPACE, "fetch", {**payload, **times}
    return interaction.NAMESPACE, "terminate", {"reason": "disconnected"}


def _treatment(name: str, treatment: str, **payload: Json) -> Asked:
    return dialog.NAMESPACE, name, {"treatment": treatment, "then_music": False, **payload}
