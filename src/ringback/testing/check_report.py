"""The steps of a check: timed, printed as they pass, kept for the report; the first that fails ends it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
from rich.console import Console

Clock = Callable[[], float]


class CheckStep(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step: what must be true, how long it took until it was, and what went wrong if it was not."""

    journey: str
    step: str
    ms: float
    ok: bool = True
    detail: str = ""


class CheckReport(msgspec.Struct, frozen=True):
    """What ``ringback check --json`` prints."""

    ok: bool
    seconds: float
    steps: list[CheckStep]


class CheckFailed(Exception):
    """A step is not as it should be; the message says what was seen."""


class Steps:
    """Collects steps; with a console it prints each."""

    def __init__(self, console: Console | None = None, clock: Clock = time.perf_counter) -> None:
        self._console = console
        self._clock = clock
        self._began = clock()
        self._journey = ""
        self.done: list[CheckStep] = []

    def journey(self, name: str) -> None:
        """Begin a journey."""
        self._journey = name
        if self._console:
            self._console.print(f"\n[bold]{name}[/bold]")

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Time the block; what it raises is the reason why ``what`` is not true. Raises CheckFailed."""
        began = self._clock()
        try:
            yield
        except Exception as error:
            self._note(CheckStep(self._journey, what, self._ms(began), False, _reason(error)))
            raise CheckFailed(f"{what}: {_reason(error)}") from error
        self._note(CheckStep(self._journey, what, self._ms(began)))

    def report(self) -> CheckReport:
        """All steps so far."""
        ok = bool(self.done) and all(step.ok for step in self.done)
        return CheckReport(ok, round(self._clock() - self._began, 3), self.done)

    def _ms(self, began: float) -> float:
        return round((self._clock() - began) * 1000, 1)

    def _note(self, step: CheckStep) -> None:
        self.done.append(step)
        if self._console:
            mark = "[green]✓[/green]" if step.ok else "[red]✗[/red]"
            said = f"  {mark} [dim]{step.ms:>9,.1f} ms[/dim]  {step.step}"
            self._console.print(said, highlight=False, soft_wrap=True)
            if step.detail:
                self._console.print(f"    {step.detail}", style="red", markup=False, soft_wrap=True)


def _reason(error: Exception) -> str:
    text = str(error).strip()
    return text or type(error).__name__


def expect(condition: bool, seen: object) -> None:
    """Raise CheckFailed with what was seen when ``condition`` is not met."""
    if not condition:
        raise CheckFailed(f"saw {seen}")
