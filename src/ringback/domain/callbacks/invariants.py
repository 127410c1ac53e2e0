"""What must be true of all callbacks together, judged from what really happened.

- `place`: the arrival time by which a callback stands in line is always the same.
- `overtaken`: of two equals in a line, the one who asked later is not given an agent while the other waits.
  (One whose agent did not take it is not compared: the router passes that agent over.)
- `two_attempts`: one attempt of a callback is under way at a time.
- `dial_without_agent`: an agent is reserved for whoever is dialled, and for nobody else; except where the
  service dials without an agent after its `_max_queue_wait`.
- `two_dials`: one dial at a time, or talk, to one number.

`Watch` is told every happening in the order in which they were stored, and says what is broken. It knows the
callbacks that are under way and forgets those that have ended.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass

from ringback.domain.callbacks.history import Happening, Kind

INVARIANTS = ("place", "overtaken", "two_attempts", "dial_without_agent", "two_dials")
WITHOUT_AGENT = "max_queue_wait"


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken invariant."""

    invariant: str
    callback: str
    text: str


@dataclass(slots=True)
class _Underway:
    """One attempt that goes on."""

    attempt: int
    arrived_at: float
    line: str
    waits_since: float | None = None
    passed_at: float | None = None
    """When somebody who came later was given an agent."""
    returned: bool = False
    agent: str = ""
    """While the customer is dialled, or waits on the line."""
    contested_at: float | None = None
    """When the same agent stood behind the dial of another callback."""
    number: str = ""
    """While it is dialled, or talked to."""


class Watch:
    """`margin`: seconds by which the clocks of two sessions, and the order of their words, may differ."""

    def __init__(self, margin: float = 5.0) -> None:
        self._margin = margin
        self._underway: dict[str, _Underway] = {}
        self._lines: dict[str, list[tuple[float, str]]] = {}
        self._agents: dict[str, str] = {}
        self._numbers: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._underway)

    def seen(self, what: Happening) -> list[Violation]:
        """Take what happened next; what it breaks."""
        found: list[Violation] = []
        known = self._underway.get(what.callback)
        if known is None or known.attempt != what.attempt:
            if known is not None:
                text = f"attempt {what.attempt} while attempt {known.attempt} was under way"
                found.append(Violation("two_attempts", what.callback, text))
                self._forget(what.callback, known)
            known = _Underway(what.attempt, what.arrived_at, what.line)
            self._underway[what.callback] = known
        if known.arrived_at != what.arrived_at:
            text = f"arrived at {what.arrived_at:.3f}, before at {known.arrived_at:.3f}"
            found.append(Violation("place", what.callback, text))
            known.arrived_at = what.arrived_at
        found += self._judge(what, known)
        if not what.lives:
            self._forget(what.callback, known)
        return found

    def _judge(self, what: Happening, known: _Underway) -> list[Violation]:
        if what.kind is Kind.WAITING and known.waits_since is None and not known.returned:
            self._stand(what, known)
        elif what.kind is Kind.RESERVED:
            return self._reserved(what, known)
        elif what.kind is Kind.RETURNED:
            self._leave_line(what.callback, known)
            known.returned = True
            return self._let_go(what, known)
        elif what.kind is Kind.DIALLING:
            self._leave_line(what.callback, known)
            return self._dialled(what, known)
        elif what.kind is Kind.CONNECTED or not what.lives:
            return self._let_go(what, known)
        return []

    # Places

    def _stand(self, what: Happening, known: _Underway) -> None:
        known.waits_since = what.at
        if what.line:
            insort(self._lines.setdefault(what.line, []), (what.arrived_at, what.callback))

    def _leave_line(self, name: str, known: _Underway) -> None:
        line = self._lines.get(known.line)
        if known.waits_since is None or line is None:
            return
        known.waits_since = None
        at = bisect_left(line, (known.arrived_at, name))
        if at < len(line) and line[at] == (known.arrived_at, name):
            del line[at]
        if not line:
            del self._lines[known.line]

    def _reserved(self, what: Happening, known: _Underway) -> list[Violation]:
        passed_at, waited = known.passed_at, known.waits_since is not None
        self._leave_line(what.callback, known)
        known.passed_at = None
        if waited:
            self._pass_over(what)
        found = self._let_go(what, known) if not what.agent else []
        if waited and passed_at is not None and what.at > passed_at + self._margin:
            text = f"{what.at - passed_at:.1f} s after one who came later"
            found.append(Violation("overtaken", what.callback, text))
        return found

    def _pass_over(self, what: Happening) -> None:
        """Whoever stands before this one, and did already when its agent was found, has been passed over."""
        for arrived_at, name in self._lines.get(what.line, ())[:1]:
            first = self._underway[name]
            earlier = arrived_at < what.arrived_at and first.waits_since is not None
            if earlier and (first.waits_since or 0.0) < what.at - self._margin and first.passed_at is None:
                first.passed_at = what.at

    # Dials

    def _dialled(self, what: Happening, known: _Underway) -> list[Violation]:
        found = []
        if not what.agent and what.reason != WITHOUT_AGENT:
            found.append(Violation("dial_without_agent", what.callback, "nobody is reserved for it"))
        holder = self._underway.get(self._agents.get(what.agent, what.callback))
        if what.agent and holder is not None and holder is not known:
            holder.contested_at = what.at
        known.agent = what.agent
        if what.agent:
            self._agents[what.agent] = what.callback
        other = self._numbers.get(what.number, what.callback)
        if other != what.callback:
            found.append(Violation("two_dials", what.callback, f"its number is dialled for {other} too"))
        known.number = what.number
        self._numbers[what.number] = what.callback
        return found

    def _let_go(self, what: Happening, known: _Underway) -> list[Violation]:
        """The agent is no longer behind this dial; behind another one's meanwhile, if it was contested."""
        contested_at, agent = known.contested_at, known.agent
        known.contested_at, known.agent = None, ""
        if self._agents.get(agent) == what.callback:
            del self._agents[agent]
        if contested_at is None or what.at <= contested_at + self._margin:
            return []
        text = f"its agent was behind another dial too, for {what.at - contested_at:.1f} s"
        return [Violation("dial_without_agent", what.callback, text)]

    def _forget(self, name: str, known: _Underway) -> None:
        self._leave_line(name, known)
        if self._agents.get(known.agent) == name:
            del self._agents[known.agent]
        if self._numbers.get(known.number) == name:
            del self._numbers[known.number]
        self._underway.pop(name, None)
