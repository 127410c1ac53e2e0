"""One SCXML session: the algorithm of appendix D, without I/O and without a clock.

A session belongs to a tree (`tree.py`): the root that the shell started and all that it invoked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from .datamodel import DataModel, NullDataModel
from .errors import EvaluationError, LimitExceededError
from .events import HTTP_PROCESSOR, SCXML_PROCESSOR, Event, Json, Output
from .executor import Executor
from .lazy import LazyEcmaScript
from .model import Block, Data, Document, Invoke, State, Transition
from .records import Record
from .selection import EntrySet, exit_set, select_transitions

if TYPE_CHECKING:
    from .tree import Tree


class Invocation(Record):
    """A running `<invoke>`; `child` is empty while its document is being fetched."""

    state: int
    number: int
    child: str = ""


def make_datamodel(document: Document, tree: Tree) -> DataModel:
    """The data model the document asks for. Raises EvaluationError when there is none of that name."""
    if document.datamodel == "ecmascript":
        return LazyEcmaScript(tree.limits)
    if document.datamodel == "null":
        return NullDataModel()
    raise EvaluationError(f"unknown data model {document.datamodel!r}")


class Session:
    """The configuration, queues, history and data of one running document."""

    __deletable__ = ("_executor",)  # where this is compiled

    def __init__(
        self, tree: Tree, document: Document, session_id: str, parent: Session | None, invokeid: str | None
    ) -> None:
        self.tree = tree
        self.document = document
        self.id = session_id
        self.parent = parent
        self.invokeid = invokeid
        self.location = f"#_scxml_{session_id}"
        self.running = False
        self.started = False
        self.configuration: set[int] = set()
        self.history: dict[int, tuple[int, ...]] = {}
        self.internal: deque[Event] = deque()
        self.external: deque[Event] = deque()
        self.to_invoke: set[int] = set()
        self.invocations: dict[str, Invocation] = {}
        self.initialised: set[int] = set()
        self.start_data: dict[str, Json] = {}
        self.datamodel = make_datamodel(document, tree)
        self._executor = Executor(self)
        if tree.library:
            self.datamodel.add_library(tree.library)
            for name, text in tree.knowledge.items():
                self.datamodel.know(name, text)
        self._bind_system()

    def _bind_system(self) -> None:
        scxml = {"location": self.location}
        processors = {"scxml": scxml, SCXML_PROCESSOR: scxml}
        if self.tree.http_location:
            http = {"location": f"{self.tree.http_location}/{self.id}"}
            processors |= {"basichttp": http, HTTP_PROCESSOR: http}
        system = {"_sessionid": self.id, "_name": self.document.name, "_ioprocessors": processors, "_x": {}}
        self.datamodel.bind_system(system | self.tree.bindings)

    # Starting and stepping

    def start(self) -> None:
        """Initialise the data and enter the initial configuration; ends in a stable one."""
        self.started = self.running = True
        states = self.document.states
        self._declare([data for state in states for data in state.data])
        for state in states if not self.document.late_binding else states[:1]:
            self._initialise(state)
        for script in self.document.scripts:
            self._executor.run((script,))
        initial = self.document.root.initial
        if initial is not None:
            self._executor.run(initial.content)
            self._enter([initial])
        self._macrostep()

    def step(self) -> None:
        """Take one external event and run until stable."""
        event = self.external.popleft()
        if self._bind(event):
            if self._is_deaf_to(event.name):
                return
            for invokeid, invocation in list(self.invocations.items()):
                self._before_event(invokeid, invocation, event)
            self._take(event.name)
        self.tree.moved = True
        self._macrostep()

    def _is_deaf_to(self, event: str) -> bool:
        """Whether the event can only be `_event` here: no active state waits for it, nor for no event."""
        if self.invocations or self.to_invoke or self.internal or not self.running:
            return False
        states, meant = self.document.states, self.document.meant
        return not any(
            states[index].kind in ("atomic", "final") and (meant(index, event) or meant(index, None))
            for index in self.configuration
        )

    def _bind(self, event: Event) -> bool:
        """Make `_event`; an event whose data the data model cannot hold is lost, with an error."""
        try:
            self.datamodel.bind_event(event)
        except EvaluationError as error:
            self.error("error.execution", f"event {event.name!r} cannot be read: {error}")
            return False
        return True

    def _before_event(self, invokeid: str, invocation: Invocation, event: Event) -> None:
        """`<finalize>` and `autoforward` (SCXML 6.4, 6.5)."""
        invoke = self._invoke_of(invocation)
        if event.invokeid == invokeid and invoke.finalize is not None:
            self._finalize(invoke, event)
        if invoke.autoforward:
            self.tree.forward(self, invokeid, event)

    def _finalize(self, invoke: Invoke, event: Event) -> None:
        if invoke.finalize:
            self._executor.run(invoke.finalize)
            return
        values = event.data if isinstance(event.data, dict) else {}
        places = {name: name for name in invoke.payload.namelist}
        places |= {param.name: param.location for param in invoke.payload.params if param.location}
        for name, place in places.items():
            if name in values:
                self._try_assign(place, values[name])

    def _macrostep(self) -> None:
        while self.running:
            if self._take(None):
                continue
            if self.internal:
                event = self.internal.popleft()
                if self._bind(event):
                    self._take(event.name)
                continue
            self._start_invocations()
            if not self.internal:
                return

    def _take(self, event: str | None) -> bool:
        """One microstep with what this event (None: no event) enables."""
        enabled = select_transitions(self.document, self.configuration, self.history, event, self._holds)
        if enabled:
            self._microstep(enabled)
        return bool(enabled)

    def _holds(self, transition: Transition) -> bool:
        return transition.cond is None or self._executor.holds(transition.cond)

    def _microstep(self, transitions: list[Transition]) -> None:
        self.tree.spend_microstep()
        self._exit(exit_set(self.document, self.configuration, self.history, transitions))
        for transition in transitions:
            self._executor.run(transition.content)
        self._enter(transitions)

    # Leaving and entering states

    def _exit(self, leaving: set[int]) -> None:
        for index in leaving:
            for history in self.document.states[index].histories:
                self.history[history] = self._remembered(self.document.states[history])
        for index in sorted(leaving, reverse=True):
            self._exit_state(self.document.states[index])

    def _remembered(self, history: State) -> tuple[int, ...]:
        parent = self.document.states[history.parent]
        active = sorted(state for state in self.configuration if parent.contains(state))
        if history.deep:
            return tuple(i for i in active if self.document.states[i].kind in ("atomic", "final"))
        return tuple(i for i in active if self.document.states[i].parent == parent.index)

    def _exit_state(self, state: State) -> None:
        self._executor.run_blocks(state.onexit)
        for invokeid, invocation in list(self.invocations.items()):
            if invocation.state == state.index:
                del self.invocations[invokeid]
                self.tree.cancel_child(invocation.child)
        self.to_invoke.discard(state.index)
        self.configuration.discard(state.index)
        self.configuration_changed()

    def _enter(self, transitions: list[Transition]) -> None:
        entry = EntrySet(self.document, self.history)
        for transition in transitions:
            entry.add_transition(transition)
        for index in sorted(entry.states):
            self._enter_state(self.document.states[index], entry)

    def _enter_state(self, state: State, entry: EntrySet) -> None:
        self.configuration.add(state.index)
        self.configuration_changed()
        if state.invokes:
            self.to_invoke.add(state.index)
        if self.document.late_binding:
            self._initialise(state)
        self._executor.run_blocks(state.onentry)
        if state.index in entry.default_entry and state.initial is not None:
            self._executor.run(state.initial.content)
        content: Block = entry.history_content.get(state.index, ())
        self._executor.run(content)
        if state.kind == "final":
            self._entered_final(state)

    def _entered_final(self, state: State) -> None:
        if state.parent == 0:
            self._finish(state)
            return
        parent = self.document.states[state.parent]
        self.raise_internal(Event(f"done.state.{parent.id}", "internal", self._donedata(state)))
        grandparent = self.document.states[parent.parent]
        if grandparent.kind == "parallel" and all(map(self._is_final, grandparent.children)):
            self.raise_internal(Event(f"done.state.{grandparent.id}", "internal"))

    def _is_final(self, index: int) -> bool:
        state = self.document.states[index]
        if state.kind == "compound":
            return any(c in self.configuration and self._kind(c) == "final" for c in state.children)
        return state.kind == "parallel" and all(map(self._is_final, state.children))

    def _kind(self, index: int) -> str:
        return self.document.states[index].kind

    def _donedata(self, state: State) -> Json:
        if state.donedata is None:
            return None
        try:
            return self._executor.payload(state.donedata)
        except EvaluationError as error:
            self.error("error.execution", str(error))
            return None

    def configuration_changed(self) -> None:
        states = self.document.states
        self.datamodel.set_configuration(states[index].id for index in self.configuration)

    # The end

    def _finish(self, final: State) -> None:
        self.running = False
        data = self._donedata(final)
        self._exit(set(self.configuration))
        self.tree.ended(self, final.id, data)

    def abort(self) -> None:
        """Leave all states, running their `<onexit>`, without a done event (cancelled by the parent)."""
        if self.running:
            self.running = False
            self._exit(set(self.configuration))

    def close(self) -> None:
        """Give the memory back; the session is not to be used any more."""
        self.datamodel.close()
        del self._executor  # which knows the session

    # Data

    def _declare(self, items: Iterable[Data]) -> None:
        for item in items:
            try:
                self.datamodel.declare(item.id)
            except EvaluationError as error:
                self.error("error.execution", str(error))

    def _initialise(self, state: State) -> None:
        """Give the state's data their first values (SCXML 5.3.3); only once."""
        if not state.data or state.index in self.initialised:
            return
        self.initialised.add(state.index)
        for item in state.data:
            try:
                self._initialise_item(item, state.index == 0)
            except EvaluationError as error:
                self.error("error.execution", str(error))

    def _initialise_item(self, item: Data, top: bool) -> None:
        if top and item.id in self.start_data:
            self.datamodel.assign_value(item.id, self.start_data[item.id])
        elif item.missing:
            raise EvaluationError(f"the value of {item.id!r} could not be had")
        elif item.expr is not None:
            self.datamodel.assign(item.id, item.expr)
        elif item.content is not None:
            self._executor.assign_content(item.id, item.content)

    def _try_assign(self, location: str, value: Json) -> None:
        try:
            self.datamodel.assign_value(location, value)
        except EvaluationError as error:
            self.error("error.execution", str(error))

    # Invocations (SCXML 6.4)

    def _start_invocations(self) -> None:
        for index in sorted(self.to_invoke):
            for number, invoke in enumerate(self.document.states[index].invokes):
                try:
                    self._invoke(index, number, invoke)
                except EvaluationError as error:
                    self.error("error.execution", str(error))
        self.to_invoke.clear()

    def _invoke(self, index: int, number: int, invoke: Invoke) -> None:
        invokeid = invoke.id or self.tree.new_id(self.document.states[index].id)
        if invoke.idlocation is not None:
            self.datamodel.assign_value(invoke.idlocation, invokeid)
        kind = self._executor.value(invoke.type) or "scxml"
        if str(kind).rstrip("/") not in ("scxml", "http://www.w3.org/TR/scxml"):
            raise EvaluationError(f"unknown type of invoke {kind!r}")
        source = self._executor.value(invoke.src)
        data = self._executor.parameters(invoke.payload)
        document = invoke.document
        if source is None and document is None and invoke.payload.content is not None:
            document = self.tree.compile(self._executor.payload(invoke.payload))
        if isinstance(document, Document):
            child = self.tree.spawn(self, invokeid, document, data)
            self.invocations[invokeid] = Invocation(index, number, child)
        elif source is not None:
            self.invocations[invokeid] = Invocation(index, number)
            self.tree.fetch(self, invokeid, str(source), data)
        else:
            raise EvaluationError(f"nothing to invoke: {document}")

    def _invoke_of(self, invocation: Invocation) -> Invoke:
        return self.document.states[invocation.state].invokes[invocation.number]

    # What content and the tree ask for

    def raise_internal(self, event: Event) -> None:
        """Put an event on the internal queue."""
        self._bounded(self.internal).append(event)

    def deliver(self, event: Event) -> None:
        """Put an event on the external queue."""
        self._bounded(self.external).append(event)

    def _bounded(self, queue: deque[Event]) -> deque[Event]:
        if len(queue) >= self.tree.limits.queued_events:
            raise LimitExceededError("queue", "too many events wait")
        return queue

    def error(self, name: str, reason: str, sendid: str | None = None) -> None:
        """Raise an error event (SCXML 5.9.4); the reason is in its data."""
        self.raise_internal(Event(name, "platform", {"reason": reason}, sendid))

    def emit(self, output: Output) -> None:
        """Hand an output to the shell."""
        self.tree.emit(output)

    def cancel(self, sendid: str) -> None:
        """Forget the delayed events with this id."""
        self.tree.cancel_send(self, sendid)
