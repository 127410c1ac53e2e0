"""The interpreter as a shell sees it: events and `now` in, outputs and the next timer out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .actions import Actions
from .errors import EvaluationError, LimitExceededError, ScxmlError
from .events import Event, Json, Output
from .limits import DEFAULT_LIMITS, Limits
from .model import Document
from .session import Session
from .snapshot import load_tree, save_tree
from .tree import Tree


class Interpreter:
    """Runs one document and the sessions it invokes. No clock, no I/O, no random source.

    After `start`, `feed`, `fetched` and `handle_timer` the shell takes `outputs()`, stores `snapshot()`
    when it wants to survive, carries the outputs out, and arms a timer for `next_timer()`. `now` is in
    seconds and never goes back.
    """

    def __init__(
        self,
        document: Document,
        session_id: str,
        *,
        actions: Actions | None = None,
        data: Mapping[str, Json] | None = None,
        bindings: Mapping[str, Json] | None = None,
        http_location: str = "",
        limits: Limits = DEFAULT_LIMITS,
        library: str = "",
        knowledge: Mapping[str, str] | None = None,
    ) -> None:
        """`data` are first values of top-level `<data>`; `bindings` are read-only variables of the
        platform; `http_location` is the address under which `/{session}` accepts HTTP events.

        `library` is ECMAScript that gives scripts functions of the platform: an expression whose value is a
        function. It gets `{known(name), ask(namespace, name, payload)}` and returns `dress(name, value)`,
        which is called with each of `bindings` and may add functions to it. They answer from `knowledge`
        (JSON texts by name, see `know`); what they ask for comes as an `Action`."""
        self._tree = Tree(actions or {}, limits, http_location.rstrip("/"))
        self._tree.bindings = dict(bindings or {})
        self._tree.library = library
        self._tree.knowledge = dict(knowledge or {})
        try:
            root = Session(self._tree, document, session_id, None, None)
        except EvaluationError as error:
            raise ScxmlError(str(error)) from None
        root.start_data = dict(data or {})
        self._tree.root = root
        self._tree.sessions[session_id] = root

    @property
    def running(self) -> bool:
        """Whether the root session has not ended."""
        return self._tree.root_id in self._tree.sessions

    @property
    def configuration(self) -> tuple[str, ...]:
        """The ids of the root session's active states in document order."""
        root = self._root
        return tuple(root.document.states[index].id for index in sorted(root.configuration))

    @property
    def library(self) -> bool:
        """Whether scripts have functions of the platform."""
        return bool(self._tree.library)

    @property
    def _root(self) -> Session:
        assert self._tree.root is not None
        return self._tree.root

    def start(self, now: float) -> None:
        """Enter the initial configuration."""
        self._input(now, lambda: None)

    def feed(self, event: Event, now: float, session_id: str | None = None) -> None:
        """Give an external event to the root, or to another session of the tree."""
        target = self._tree.sessions.get(session_id or self._tree.root_id)
        if target is not None:
            self._input(now, lambda: target.deliver(event), moves=False)  # the session says whether

    def fetched(self, session_id: str, invokeid: str, text: str | None, now: float) -> None:
        """Answer a `Fetch`; None when the document could not be had."""
        self._input(now, lambda: self._tree.fetched(session_id, invokeid, text))

    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called, in seconds, or None."""
        return self._tree.delayed[0].due if self._tree.delayed else None

    def handle_timer(self, now: float) -> None:
        """Send the delayed events that are due."""
        self._input(now, self._tree.send_due)

    def terminate(self, now: float) -> None:
        """Leave all states, running their `<onexit>`, and end."""
        self._input(now, self._cancel)

    def _cancel(self) -> None:
        root = self._root
        root.abort()
        self._tree.take_wishes(root)
        self._tree.ended(root, None, None)

    def bind(self, name: str, value: Json) -> None:
        """Change a read-only variable of the platform in all sessions of the tree."""
        self._tree.moved = True
        self._tree.bindings[name] = value
        for session in self._tree.sessions.values():
            session.datamodel.bind_system({name: value})

    def know(self, name: str, text: str) -> None:
        """Tell the library of all sessions something, as JSON text; it is no part of a snapshot."""
        if self._tree.knowledge.get(name) is not text:
            self._tree.knowledge[name] = text
            for session in self._tree.sessions.values():
                session.datamodel.know(name, text)

    def evaluate(self, expr: str) -> Json:
        """The value of an expression in the root session, for diagnostics. Raises EvaluationError."""
        return self._root.datamodel.evaluate(expr)

    def outputs(self) -> list[Output]:
        """What the shell is to do, in order; each output is given once."""
        found = list(self._tree.output)
        self._tree.output.clear()
        return found

    def close(self) -> None:
        """Give the memory of the data models back at once; the interpreter is not to be used any more.

        Without it the memory, which lies outside Python's, comes back when the garbage collector comes by.
        """
        self._tree.close()

    def snapshot(self) -> Json:
        """All that another process needs to go on, as a JSON value. Take the outputs first."""
        self._tree.moved = False
        return save_tree(self._tree)

    @property
    def moved(self) -> bool:
        """Whether a snapshot may be other than the last; an event that nothing waits for moves nothing."""
        return self._tree.moved

    @classmethod
    def restore(
        cls,
        document: Document,
        snapshot: Json,
        *,
        actions: Actions | None = None,
        http_location: str = "",
        limits: Limits = DEFAULT_LIMITS,
        library: str = "",
        knowledge: Mapping[str, str] | None = None,
    ) -> Interpreter:
        """Go on from a snapshot. `document` is the one the root session ran; `library` and `knowledge` are
        given anew.

        Documents that were being fetched are asked for again.
        """
        interpreter = cls(
            document,
            snapshot["root"],
            actions=actions,
            bindings=snapshot["bindings"],
            http_location=http_location,
            limits=limits,
            library=library,
            knowledge=knowledge,
        )
        load_tree(interpreter._tree, snapshot)
        return interpreter

    def _input(self, now: float, apply: Callable[[], None], *, moves: bool = True) -> None:
        if not self.running:
            return
        tree = self._tree
        tree.moved = tree.moved or moves
        tree.begin_input(now)
        try:
            apply()
            tree.run()
        except LimitExceededError as error:
            tree.moved = True
            tree.fail(error, error.slug)
