"""The state of one session and what every part of the interpreter does with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ringback.sandbox import DocumentError, EvaluationError, Json, LimitExceededError

from . import events
from .document import Document, Node, seconds
from .limits import Limits
from .scopes import Chain, Scopes
from .state import Context, Frame, Item, Queued, Thrown, Wait, WaitKind

DEFAULTS: Mapping[str, str] = {
    "bargein": "true",
    "fetchtimeout": "10s",
    "interdigittimeout": "3s",
    "termchar": "#",
    "timeout": "5s",
}
"""Properties that no document sets (6.3)."""


class Machine:
    """One per session. The steps of the form interpretation algorithm are in `fia`."""

    def __init__(self, limits: Limits, voice: events.Voice) -> None:
        self.limits = limits
        self.voice = voice
        self.scopes = Scopes(limits)
        self.session = 0
        self.documents: dict[str, Document] = {}
        self.contexts: list[Context] = []
        self.queue: list[Queued] = []
        self.prompt_timeout: float | None = None
        """Of the last prompt that was queued, seconds."""
        self.wait: Wait | None = None
        self.outputs: list[events.Output] = []
        self.numbers = 0
        self.fetches = 0
        self.plays = 0
        self.steps = 0
        self.gone = False
        self.told = False
        """The caller has gone; the application was told."""
        self.ended = False
        self.now = 0.0

    # Looking

    @property
    def context(self) -> Context:
        """The context that runs: the innermost subdialog."""
        return self.contexts[-1]

    def document(self, context: Context, *, outer: bool = False) -> Document:
        """The document of a context, or its application root document."""
        return self.documents[context.outer if outer else context.document]

    def node_of(self, context: Context, item: Item) -> Node:
        """The element of a form item."""
        return self.document(context).nodes[item.node]

    def around(self, context: Context) -> Iterator[tuple[bool, Node]]:
        """The elements whose handlers and properties are in force, the innermost first."""
        document = self.document(context)
        if context.active >= 0:
            yield False, self.node_of(context, context.items[context.active])
        if context.dialog >= 0 and (
            context.active < 0 or context.items[context.active].node != context.dialog
        ):
            yield False, document.nodes[context.dialog]
        yield False, document.root
        if context.outer:
            yield True, self.document(context, outer=True).root

    def property(self, context: Context, name: str) -> str:
        """A property in force (6.3); empty when it is nowhere set."""
        for _, node in self.around(context):
            for found in node.named("property"):
                if found.get("name") == name:
                    return found.get("value") or ""
        return DEFAULTS.get(name, "")

    def time_property(self, context: Context, name: str) -> float:
        """A property that is a time, in seconds."""
        try:
            return seconds(self.property(context, name))
        except DocumentError as error:
            raise Thrown("error.semantic", f"property {name}: {error.reason}") from None

    # Scopes

    def chain(self, context: Context, *, outer: bool = False) -> Chain:
        """What expressions see now; `outer`: while the root document is entered."""
        if outer:
            return (context.roots, self.session, context.application)
        found = [context.roots, self.session, context.application]
        if context.own != context.application:
            found.append(context.own)
        if context.dialog_scope:
            found.append(context.dialog_scope)
        return (*found, *context.anonymous)

    def see(self, context: Context) -> None:
        """Evaluate in this context from now on."""
        frame = context.frames[-1] if context.frames else None
        self.scopes.use(self.chain(context, outer=frame is not None and frame.init and frame.outer))

    def innermost(self, context: Context) -> int:
        """The scope in which a variable is declared now."""
        if context.anonymous:
            return context.anonymous[-1]
        if context.frames and context.frames[-1].init and context.frames[-1].node == 0:
            return context.application if context.frames[-1].outer else context.own
        return context.dialog_scope or context.own

    def drop(self, *scopes: int) -> None:
        """Forget scopes."""
        for scope in scopes:
            if scope:
                self.scopes.drop(scope)

    # Executing

    def enter(self, context: Context, node: Node, *, outer: bool = False) -> int:
        """Execute what stands in an element, with an anonymous scope of its own."""
        scope = self.scopes.open()
        context.anonymous.append(scope)
        context.frames.append(Frame(node.number, 0, len(node.children), outer=outer, scope=scope))
        return scope

    def unwind(self, context: Context) -> None:
        """Nothing is left to execute."""
        context.frames.clear()
        self.drop(*context.anonymous)
        context.anonymous.clear()

    # Waiting and telling

    def number(self, kind: WaitKind, due_s: float | None = None, info: dict[str, Json] | None = None) -> int:
        """Wait for the answer to an output with this number."""
        self.numbers += 1
        due = None if due_s is None else self.now + due_s
        self.wait = Wait(self.numbers, kind, due, info or {})
        return self.numbers

    def flush(self) -> bool:
        """Play what waits to be played; False when nothing does. Raises LimitExceededError."""
        parts = tuple(each.part for each in self.queue)
        self.queue.clear()
        if not parts or self.gone:
            return False
        self.plays += 1
        if self.plays > self.limits.plays:
            raise LimitExceededError("plays", f"more than {self.limits.plays} prompts without the caller")
        self.outputs.append(events.Play(self.number("play"), parts))
        return True

    def end(
        self, values: Mapping[str, Json] | None = None, value: Json = None, error: str = "", message: str = ""
    ) -> None:
        """The dialog is over."""
        self.ended, self.wait = True, None
        self.queue.clear()
        self.outputs.append(events.Exited(values or {}, value, error, message))

    # Events

    def handle(self, thrown: Thrown) -> None:
        """Give an event to the element that catches it, else do what is always done (5.2.5)."""
        self.wait = None  # an output that could not be made whole is not waited for
        if not self.contexts:
            self.end(error=thrown.name, message=thrown.message)
            return
        context = self.context
        self.unwind(context)
        context.filled.clear()
        self.see(context)
        counted = (
            context.items[context.active] if context.active >= 0 and not context.form_level else context.form
        )
        for name in _beginnings(thrown.name):
            counted.events[name] = counted.events.get(name, 0) + 1
        try:
            found = self._handler(context, thrown.name, counted)
        except EvaluationError as error:
            self.end(error="error.semantic", message=str(error))
            return
        context.form_level = False
        if found is None:
            self._default(context, thrown)
            return
        outer, node = found
        scope = self.enter(context, node, outer=outer)
        self.scopes.set(scope, "_event", thrown.name)
        self.scopes.set(scope, "_message", thrown.message or None)
        context.reprompt = False
        context.step = "caught" if context.dialog >= 0 else "exit"

    def _handler(self, context: Context, name: str, counted: Item) -> tuple[bool, Node] | None:
        """5.2.4: of those that match, whose condition holds and whose count is reached, the highest count."""
        best: tuple[int, bool, Node] | None = None
        for outer, around in self.around(context):
            for node in around.named("catch", "error", "help", "noinput", "nomatch"):
                count = int(node.get("count") or 1)
                times = max((counted.events.get(token, 0) for token in _caught(node, name)), default=0)
                if count > times or (best is not None and count <= best[0]):
                    continue
                if self.scopes.condition(node.get("cond") or "true"):
                    best = count, outer, node
        return None if best is None else best[1:]

    def _default(self, context: Context, thrown: Thrown) -> None:
        name = thrown.name
        if name in ("noinput", "nomatch", "help"):
            context.silent, context.step = False, "select"
        elif name == "cancel":
            context.silent, context.step = True, "select"
        else:
            self.end(error="" if name == "exit" else name, message=thrown.message)

    # Bounds

    def spend(self) -> None:
        """One more step. Raises LimitExceededError."""
        self.steps += 1
        if self.steps > self.limits.steps:
            raise LimitExceededError("steps", f"more than {self.limits.steps} steps without waiting")


def _beginnings(name: str) -> list[str]:
    """`a.b.c` gives itself, `a.b`, `a` and the empty name, for which every event counts."""
    words = name.split(".")
    return [".".join(words[:length]) for length in range(len(words) + 1)]


def _caught(node: Node, name: str) -> list[str]:
    """The names in a handler's list that match an event."""
    listed = (node.get("event") or "").split() if node.name == "catch" else [node.name]
    found = {each.rstrip(".*") for each in listed} or {""}
    return [token for token in _beginnings(name) if token in found]
