"""One request on its way through the proxy: branches, and the best of their responses (RFC 3261 16.6).

Targets come in groups: those of one group are tried at the same time (a phone's bindings), the groups one
after the other (cluster nodes, gateways) as long as nobody can be reached.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from ringback.services.sip_proxy.routes import branch_for, onward, strip_private
from ringback.sip import Request, Response
from ringback.sip.exchange import ClientTransaction, ServerTransaction
from ringback.sip.transport import Destination

_UNREACHABLE = frozenset({408, 502, 503, 504})
_PREFERRED = {401: 0, 407: 0, 415: 1, 420: 1, 484: 1}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request may go. `role` is node, media, registrar, trunk or phone; `side` edge or inside."""

    role: str
    name: str
    side: str
    destination: Destination
    uri: str | None = None
    """The new Request-URI; None keeps the one that it has."""
    record_routes: tuple[str, ...] = ()
    """Put on top one after the other: the last comes to stand first."""
    headers: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.role}={self.name}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a forwarded request ended."""

    status: int
    target: Target | None
    attempts: int


class Lines(Protocol):
    """What a forwarding needs of the proxy."""

    timer_c_s: float

    def send(
        self, request: Request, target: Target, branch: str, on_response: Callable[[Response], None]
    ) -> ClientTransaction:
        """Send on the target's side."""

    def random(self) -> str:
        """Something unique."""

    def unreachable(self, target: Target) -> None:
        """A target did not answer."""

    def answered(self, target: Target, response: Response) -> None:
        """A response came from a target."""


class _Branch:
    __slots__ = ("client", "done", "target")

    def __init__(self, target: Target) -> None:
        self.target = target
        self.client: ClientTransaction | None = None
        self.done = False


class Forwarding:
    """The response context of one request.

    With a `seed` the branches follow from it. So an INVITE that its sender repeats after this proxy was
    restarted is a retransmission to whoever has it already (17.2.3), and nobody is rung a second time.
    """

    def __init__(
        self,
        lines: Lines,
        tx: ServerTransaction,
        request: Request,
        groups: list[list[Target]],
        *,
        to_edge: bool,
        seed: str = "",
        done: Callable[[Outcome], None],
    ) -> None:
        self._lines = lines
        self._seed = seed
        self._tx = tx
        self._request = request
        self._groups = [group for group in groups if group]
        self._to_edge = to_edge
        self._done: Callable[[Outcome], None] | None = done
        self._branches: list[_Branch] = []
        self._failures: list[tuple[Response, Target]] = []
        self._answered = False
        self._attempts = 0
        self._timer_c: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Send to the first group; without any target the answer is 480."""
        self._tx.on_cancel = self._cancelled
        if self._tx.cancelled:
            self._tx.reply(487)
            self._finish(487, None)
            return
        if not self._groups:
            self._tx.reply(480)
            self._finish(480, None)
            return
        self._next_group()

    def _next_group(self) -> None:
        group = self._groups.pop(0)
        self._branches = [_Branch(target) for target in group]
        self._restart_timer_c()
        for branch in self._branches:
            self._attempts += 1
            copy = onward(self._request)
            target = branch.target
            if target.uri is not None:
                copy.uri = target.uri
            for route in target.record_routes:
                copy.prepend("Record-Route", route)
            for name, value in target.headers:
                copy.set(name, value)
            if target.side == "edge":
                strip_private(copy)
            token = branch_for(self._request, self._salt(target))
            branch.client = self._lines.send(copy, target, token, partial(self._response, branch))

    def _salt(self, target: Target) -> str:
        if not self._seed:
            return self._lines.random()
        text = f"{self._seed} {target.role} {target.name} {target.uri}"
        return hashlib.blake2s(text.encode(), digest_size=12).hexdigest()

    def _response(self, branch: _Branch, response: Response) -> None:
        if not response.local:
            self._lines.answered(branch.target, response)
        if response.status == 100:
            return
        if response.is_provisional:
            self._restart_timer_c()
            if not self._answered:
                self._pass_on(response)
        elif response.is_success:
            branch.done = True
            self._success(branch, response)
        elif not branch.done:
            branch.done = True
            self._failure(branch, response)

    def _success(self, branch: _Branch, response: Response) -> None:
        self._pass_on(response)
        if not self._answered:
            self._answered = True
            self._cancel_others()
            self._finish(response.status, branch.target)

    def _failure(self, branch: _Branch, response: Response) -> None:
        if response.local and response.status in _UNREACHABLE:
            self._lines.unreachable(branch.target)
        self._failures.append((response, branch.target))
        if response.status >= 600:
            self._groups.clear()
            self._cancel_others()
        if self._answered or not all(item.done for item in self._branches):
            return
        unreachable = all(item.status in _UNREACHABLE for item, _ in self._failures)
        if self._groups and unreachable and not self._tx.cancelled:
            self._next_group()
            return
        best, target = min(self._failures, key=lambda item: _rank(item[0]))
        self._answer_failure(best)
        self._finish(best.status, target)

    def _answer_failure(self, best: Response) -> None:
        if self._tx.cancelled:
            self._tx.reply(487)
        elif best.local:
            self._tx.reply(best.status)
        else:
            self._pass_on(best)

    def _pass_on(self, response: Response) -> None:
        response.pop_first("Via")
        if self._to_edge:
            strip_private(response)
        self._tx.respond(response)

    def _cancelled(self) -> None:
        self._groups.clear()
        self._cancel_others()

    def _cancel_others(self) -> None:
        for branch in self._branches:
            if not branch.done and branch.client is not None:
                branch.client.cancel()

    def _restart_timer_c(self) -> None:
        if self._request.method != "INVITE":
            return
        if self._timer_c is not None:
            self._timer_c.cancel()
        loop = asyncio.get_running_loop()
        self._timer_c = loop.call_later(self._lines.timer_c_s, self._cancelled)

    def _finish(self, status: int, target: Target | None) -> None:
        if self._timer_c is not None:
            self._timer_c.cancel()
        if self._done is not None:
            self._done(Outcome(status, target, self._attempts))
            self._done = None


def _rank(response: Response) -> tuple[int, int, int]:
    """Lower is better (16.7 step 6): 6xx, then the lowest class, a peer's word before our own."""
    return (
        0 if response.status >= 600 else response.status // 100,
        int(response.local),
        _PREFERRED.get(response.status, 2),
    )
