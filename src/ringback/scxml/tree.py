"""A root session and all sessions it invoked: events between them, delayed events, limits, outputs."""

from __future__ import annotations

from collections import deque

from msgspec.structs import replace

from .actions import Actions
from .compiler import compile_document
from .errors import DocumentError, EvaluationError, LimitExceededError
from .events import Action, Ended, Event, Fetch, HttpPost, Json, Output, event_from_http
from .limits import Limits
from .model import Document
from .records import Record
from .session import Session


class Delayed(Record):
    """An event, or an HTTP message, that leaves at `due` (seconds)."""

    due: float
    order: int
    session: str
    sendid: str | None
    target: str = ""
    event: Event | None = None
    post: HttpPost | None = None


class Tree:
    """The shared state of the sessions of one root."""

    def __init__(self, actions: Actions, limits: Limits, http_location: str) -> None:
        self.actions = actions
        self.limits = limits
        self.http_location = http_location
        self.bindings: dict[str, Json] = {}
        self.library = ""
        self.knowledge: dict[str, str] = {}
        self.sessions: dict[str, Session] = {}
        self.root: Session | None = None
        self.delayed: list[Delayed] = []
        self.awaited: dict[tuple[str, str], tuple[str, dict[str, Json]]] = {}
        self.output: deque[Output] = deque()
        self.actions_made = 0
        self.ids_made = 0
        self.now = 0.0
        self.moved = True
        """Whether anything but `_event` may be other than when the last snapshot was taken."""
        self._microsteps = 0
        self._over: list[Session] = []

    # Running

    def begin_input(self, now: float) -> None:
        """A new input: budgets are full again."""
        self.now = now
        self._microsteps = 0
        for session in self.sessions.values():
            session.datamodel.begin_input()

    def run(self) -> None:
        """Let every session work until all are stable."""
        busy = True
        while busy:
            busy = False
            for session in list(self.sessions.values()):
                busy = self._run_one(session) or busy

    def _run_one(self, session: Session) -> bool:
        if session.id not in self.sessions:
            return False
        if not session.started:
            self.moved = True
            session.start()
        elif session.running and session.external:
            self.spend_microstep()
            session.step()
        else:
            return False
        self.take_wishes(session)
        return True

    def take_wishes(self, session: Session) -> None:
        """What the platform's functions were asked for in scripts becomes actions."""
        if not self.library:
            return
        for wish in session.datamodel.asked():
            match wish:
                case [str(namespace), str(name), dict(payload)]:
                    self.emit(Action(session.id, self.next_action(), namespace, name, payload))

    def spend_microstep(self) -> None:
        """Count one microstep. Raises LimitExceededError."""
        self._microsteps += 1
        if self._microsteps > self.limits.microsteps:
            raise LimitExceededError("microsteps", "the application does not come to rest")

    def new_id(self, prefix: str) -> str:
        """An id that is unique in this tree for ever."""
        self.ids_made += 1
        return f"{prefix}.{self.ids_made}"

    def next_action(self) -> int:
        """The number of the next action."""
        self.actions_made += 1
        return self.actions_made

    def emit(self, output: Output) -> None:
        """Queue an output for the shell."""
        if len(self.output) >= self.limits.outputs:
            raise LimitExceededError("outputs", "too many outputs wait")
        self.output.append(output)

    # Sending

    def send(self, sender: Session, target: str, event: Event, delay: float) -> None:
        """Send through the SCXML event processor (SCXML C.1)."""
        if delay > 0:
            self._delay(Delayed(self.now + delay, 0, sender.id, event.sendid, target, event))
            return
        if target == "#_internal":
            sender.raise_internal(replace(event, type="internal", origin=None, origintype=None))
            return
        receiver = self._receiver(sender, target)
        if receiver is None or (receiver.started and not receiver.running):
            sender.error("error.communication", f"nobody at {target!r}", event.sendid)
            return
        if target == "#_parent":
            event = replace(event, invokeid=sender.invokeid)
        receiver.deliver(event)

    def _receiver(self, sender: Session, target: str) -> Session | None:
        if target in ("", sender.location):
            return sender
        if target == "#_parent":
            return sender.parent if sender.id in self.sessions else None
        if target.startswith("#_scxml_"):
            return self.sessions.get(target.removeprefix("#_scxml_"))
        invocation = sender.invocations.get(target.removeprefix("#_"))
        return self.sessions.get(invocation.child) if invocation is not None else None

    def forward(self, sender: Session, invokeid: str, event: Event) -> None:
        """Forward an unchanged event to an invoked session."""
        child = self._receiver(sender, f"#_{invokeid}")
        if child is not None:
            child.deliver(event)

    def post(self, sender: Session, post: HttpPost, sendid: str | None, delay: float) -> None:
        """Send through the basic HTTP event processor (SCXML C.2)."""
        if delay > 0:
            self._delay(Delayed(self.now + delay, 0, sender.id, sendid, post=post))
        else:
            self._post(post)

    def _post(self, post: HttpPost) -> None:
        """A message for a session of this tree needs no network; it keeps its place in the order."""
        base, _, session_id = post.url.rpartition("/")
        receiver = self.sessions.get(session_id) if base == self.http_location else None
        if receiver is None:
            self.emit(post)
        else:
            receiver.deliver(event_from_http("POST", post.content_type, post.body, f"/{session_id}"))

    def _delay(self, item: Delayed) -> None:
        if len(self.delayed) >= self.limits.delayed_events:
            raise LimitExceededError("delayed_events", "too many delayed events")
        self.ids_made += 1
        item.order = self.ids_made
        self.delayed.append(item)
        self.delayed.sort(key=lambda other: (other.due, other.order))

    def cancel_send(self, sender: Session, sendid: str) -> None:
        """`<cancel>`: only what this session has sent."""
        self.delayed = [d for d in self.delayed if (d.session, d.sendid) != (sender.id, sendid)]

    def send_due(self) -> None:
        """Let the delayed events leave whose time has come."""
        due = [item for item in self.delayed if item.due <= self.now]
        self.delayed = self.delayed[len(due) :]
        for item in due:
            sender = self.sessions.get(item.session)
            if sender is None:
                continue
            if item.post is not None:
                self._post(item.post)
            elif item.event is not None:
                self.send(sender, item.target, item.event, 0.0)

    # Invoked sessions

    def compile(self, content: Json) -> Document:
        """Compile the document that an expression gave. Raises EvaluationError."""
        text = content.get("$xml", "") if isinstance(content, dict) else str(content)
        try:
            return compile_document(text, limits=self.limits)
        except DocumentError as error:
            raise EvaluationError(str(error)) from None

    def fetch(self, parent: Session, invokeid: str, url: str, data: dict[str, Json]) -> None:
        """Ask the shell for the document of an invocation."""
        self.awaited[parent.id, invokeid] = (url, data)
        self.emit(Fetch(parent.id, invokeid, url))

    def fetched(self, session_id: str, invokeid: str, text: str | None) -> None:
        """The document has come, or could not be had (None)."""
        _, data = self.awaited.pop((session_id, invokeid), ("", {}))
        parent = self.sessions.get(session_id)
        invocation = parent.invocations.get(invokeid) if parent is not None else None
        if parent is None or invocation is None or invocation.child:
            return
        try:
            if text is None:
                raise EvaluationError("the document could not be had")
            invocation.child = self.spawn(parent, invokeid, self.compile(text), data)
        except EvaluationError as error:
            del parent.invocations[invokeid]
            failed = Event("error.communication", "platform", {"reason": str(error)}, invokeid=invokeid)
            parent.deliver(failed)

    def spawn(self, parent: Session, invokeid: str, document: Document, data: dict[str, Json]) -> str:
        """Make the session of an invocation; it starts when its parent has come to rest."""
        if len(self.sessions) >= self.limits.sessions:
            raise LimitExceededError("sessions", "too many invoked sessions")
        child_id = self.new_id(f"{self.root_id}.{invokeid}")
        child = Session(self, document, child_id, parent, invokeid)
        child.start_data = data
        self.sessions[child_id] = child
        return child_id

    @property
    def root_id(self) -> str:
        """The id of the root session."""
        return self.root.id if self.root is not None else ""

    def cancel_child(self, child_id: str) -> None:
        """End an invoked session because its state was left; nothing it still says is heard."""
        child = self.sessions.pop(child_id, None)
        if child is not None:
            self._forget(child)
            child.abort()
            self.take_wishes(child)
            self._over.append(child)

    def ended(self, session: Session, final: str | None, data: Json) -> None:
        """A session came to its end by itself."""
        self.sessions.pop(session.id, None)
        self._forget(session)
        self._over.append(session)
        parent = session.parent
        if parent is None:
            self.emit(Ended(session.id, final, data))
        elif session.invokeid in parent.invocations:
            # Counting from here the invocation is over: leaving its state cancels nothing.
            parent.invocations[session.invokeid].child = ""
            parent.deliver(Event(f"done.invoke.{session.invokeid}", data=data, invokeid=session.invokeid))

    def _forget(self, session: Session) -> None:
        self.delayed = [item for item in self.delayed if item.session != session.id]

    def fail(self, error: LimitExceededError | EvaluationError, slug: str) -> None:
        """The whole tree ends because of what the application did."""
        for session in self.sessions.values():
            session.running = False
        self._over.extend(self.sessions.values())
        self.sessions.clear()
        self.delayed.clear()
        self.output.append(Ended(self.root_id, None, {"reason": str(error)}, slug))

    def close(self) -> None:
        """Free all sessions, those that are over too, without work for the garbage collector."""
        for session in (*self.sessions.values(), *self._over):
            session.close()
        self.sessions.clear()
        self._over.clear()
        self.root = None
