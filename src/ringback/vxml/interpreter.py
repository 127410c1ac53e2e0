"""The interpreter as a shell sees it: inputs and `now` in, outputs and the next timer out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ringback.sandbox import EvaluationError, Json, LimitExceededError

from . import content, events, fia, moving
from .limits import DEFAULT_LIMITS, Limits
from .machine import Machine
from .snapshot import load, save
from .state import FETCHED, Thrown, Wait


class Interpreter:
    """Runs one dialog. No clock, no I/O, no random source.

    After `start`, `feed` and `handle_timer` the shell takes `outputs()`, stores `snapshot()` when it wants to
    survive, and carries the outputs out. `now` is in seconds and never goes back.
    """

    def __init__(
        self,
        *,
        session: Mapping[str, Json] | None = None,
        voice: events.Voice | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        """`session` are the variables of the scope `session`."""
        self._machine = Machine(limits, voice or events.EveryVoice())
        machine = self._machine
        machine.session = machine.scopes.open()
        for name, value in (session or {}).items():
            machine.scopes.set(machine.session, name, value)

    @classmethod
    def restore(
        cls, saved: Json, *, voice: events.Voice | None = None, limits: Limits = DEFAULT_LIMITS
    ) -> Interpreter:
        """Go on from a snapshot. Raises SandboxError when it cannot be read."""
        made = cls.__new__(cls)
        made._machine = load(Machine(limits, voice or events.EveryVoice()), saved)
        return made

    def snapshot(self) -> Json:
        """All there is to the dialog, as a JSON value; its documents by their keys under `documents`."""
        return save(self._machine)

    def start(self, url: str, now: float) -> None:
        """Begin with the document at `url`; the part behind `#` names its dialog."""
        machine = self._machine
        machine.now = now
        address, _, target = url.partition("#")
        moving.send(machine, "document", address, {"target": target, "params": None, "submits": False})

    @property
    def ended(self) -> bool:
        """Whether the dialog is over."""
        return self._machine.ended

    @property
    def left(self) -> bool:
        """Whether the caller has gone."""
        return self._machine.gone

    @property
    def waiting(self) -> Wait | None:
        """What the dialog waits for."""
        return self._machine.wait

    def outputs(self) -> list[events.Output]:
        """What is to be done, in this order; each once."""
        found, self._machine.outputs = self._machine.outputs, []
        return found

    def next_timer(self) -> float | None:
        """When to call `handle_timer`; a shell that keeps the times of its fetches need not."""
        return self._machine.wait.due if self._machine.wait is not None else None

    def handle_timer(self, now: float) -> None:
        """What is waited for has not come in time."""
        wait = self._machine.wait
        if wait is not None and wait.due is not None and wait.due <= now:
            self.feed(events.Failed(wait.number, "error.badfetch", "no answer in time"), now)

    def feed(self, came: events.Input, now: float) -> None:
        """Take an input; one that nobody waits for is ignored."""
        machine = self._machine
        if machine.ended:
            return
        machine.now, machine.steps = now, 0
        machine.scopes.begin_input()
        try:
            self._guarded(lambda: self._take(came))
            while machine.wait is None and not machine.ended:
                machine.spend()
                self._guarded(self._step)
        except LimitExceededError as error:
            machine.end(error=f"error.limit.{error.slug}", message=error.detail)

    def close(self) -> None:
        """Give the memory of the script engine back."""
        self._machine.ended = True
        self._machine.scopes.close()

    def _guarded(self, work: Callable[[], None]) -> None:
        machine = self._machine
        try:
            work()
        except Thrown as thrown:
            machine.handle(thrown)
        except EvaluationError as error:
            machine.handle(Thrown("error.semantic", str(error)))

    def _step(self) -> None:
        machine = self._machine
        context = machine.context
        if context.frames:
            content.step(machine, context)
        else:
            fia.step(machine, context)

    def _take(self, came: events.Input) -> None:
        machine, wait = self._machine, self._machine.wait
        if isinstance(came, events.HungUp):
            self._hung_up(wait)
            return
        if wait is None or came.number != wait.number:
            return
        if isinstance(came, events.Failed):
            machine.wait = None
            raise Thrown(came.event, came.message)
        if isinstance(came, events.Fetched) == (wait.kind in FETCHED):
            machine.wait = None
            if isinstance(came, events.Fetched):
                moving.received(machine, wait, came)
            else:
                if not isinstance(came, events.Played):
                    machine.fetches = machine.plays = 0
                fia.answered(machine, machine.context, wait, came)

    def _hung_up(self, wait: Wait | None) -> None:
        """The application is told where it listens; what is being fetched comes first (1.5.4)."""
        machine = self._machine
        if machine.gone:
            return
        machine.gone = True
        if wait is not None and wait.kind not in FETCHED:
            machine.wait, machine.told = None, True
            machine.queue.clear()
            raise Thrown("connection.disconnect.hangup")
