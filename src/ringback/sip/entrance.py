"""Where new calls come in to an endpoint: at most so many in one turn of the loop, others wait in a line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from ringback.sip.build import response_to
from ringback.sip.message import Request, Response
from ringback.sip.transport import Source
from ringback.sip.waiting_line import Held, Key, WaitingLine

_PATIENCE_S, _SHORT_S = 4.0, 1.0
_ROOM = 4000
_IN_A_TURN, _FEW_S = 16, 0.005
"""So many begin in one turn, or as many as do in so many seconds; then what waits in the sockets is read."""
_LOOK_S = 0.005
_LONG_LINE = 32
"""In a longer one who comes is told that the call is being tried, and so does not ask again."""


class Inner(Protocol):
    """What the entrance has to know of its endpoint, and asks of it."""

    @property
    def is_behind(self) -> bool:
        """True if messages wait to be read."""

    def let_in(self, held: Held) -> None:
        """Begin the transaction of an INVITE."""

    def reply(self, response: Response, source: Source) -> None:
        """Answer without a transaction."""

    def begin_cancelled(self, held: Held) -> None:
        """Begin the transaction of an INVITE that nobody wants any more: it is answered 487."""


class Entrance:
    """Holds INVITEs outside dialogs back while `is_open` says no, or too many come at once.

    `passes` is true for a call that never waits; `busy` makes the answer to one that has waited too long.
    What is in dialogs never waits here.
    """

    def __init__(
        self,
        endpoint: Inner,
        is_open: Callable[[], bool],
        passes: Callable[[Request], bool],
        busy: Callable[[Request], Response],
    ) -> None:
        self._endpoint, self._is_open = endpoint, is_open
        self._passes, self._busy = passes, busy
        self.line = WaitingLine(_PATIENCE_S, _SHORT_S, _ROOM)
        self._left = _IN_A_TURN
        self._serving = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def holds(self, request: Request, source: Source, key: Key, data: bytes) -> bool:
        """True if a request that has no transaction is not to be looked at now."""
        if request.method == "CANCEL":
            return len(self.line) > 0 and self._abandoned(key)
        if request.method != "INVITE" or request.to_tag is not None:
            return False
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        if not self._serving:
            self._serving = True
            loop.call_soon(self._serve)
        if not len(self.line) and self._left > 0 and self._is_open():
            self._left -= 1
            return False
        if self._passes(request):
            return False
        age, now = source.socket.age_of_last() if source.socket is not None else 0.0, loop.time()
        self.line.put(Held(key, data, request, source, now - age), now)
        if len(self.line) > _LONG_LINE:
            self._endpoint.reply(response_to(request, 100), source)
        return True

    def _abandoned(self, key: Key) -> bool:
        """The INVITE of a CANCEL waits: both are answered, and nobody else hears of it (RFC 3261 9.2)."""
        held = self.line.take((*key[:2], "INVITE"))
        if held is not None:
            self._endpoint.begin_cancelled(held)
        return False

    def _serve(self) -> None:
        """Let in as many of those who wait as a turn has room for, and refuse who has waited too long."""
        self._serving = False
        self._left = _IN_A_TURN
        line, loop = self.line, self._loop
        if not len(line) or loop is None:
            return
        now = loop.time()
        for held in line.given_up(now):
            self._endpoint.reply(self._busy(held.request), held.source)
        is_open, until = self._is_open(), 0.0 if self._endpoint.is_behind else now + _FEW_S
        while len(line) and is_open and (self._left > 0 or loop.time() < until):
            self._left -= 1
            self._endpoint.let_in(line.newest())
            is_open = self._is_open()
        if len(line):
            self._serving = True
            if is_open:
                loop.call_soon(self._serve)
            else:
                loop.call_later(_LOOK_S, self._serve)
