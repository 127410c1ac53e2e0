"""Who may stay connected to an HTTP listener, and for how long.

aiohttp reads heads and bodies within bounds of its own (a line 8 KiB, 128 headers) and closes what has been
idle for long; a body has its time in `http_server`. Here is what it leaves open: connections that never ask
for anything, answers that nobody reads, and how many connections there may be. The times are looked after
by one round every few seconds while there are connections, so that a request costs nothing of it.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from ringback.runtime import unread

HEAD_S = 20.0
"""A connection's first request must have come with its whole head in so many seconds."""
IDLE_S = 75.0
"""Between two requests, and for the head of the second: longer than balancers keep a connection."""
SLOWEST_BYTES_PER_S = 1_000
"""Who takes an answer more slowly than this for `unread.UNREAD_S` is given up too."""
ROUND_S = 5.0
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Room:
    """How many connections there may be: in all, and from one address that is not among `many`."""

    most: int
    most_of_one: int
    many: Collection[str] = ()


@dataclass(slots=True)
class _Guest:
    """One connection."""

    address: str
    transport: asyncio.Transport
    taken: int | None = None
    """Bytes that it had taken of us at `noted`, while more waits for it; None: nothing waits."""
    noted: float = 0.0


class HttpDoor(web.Server):
    """aiohttp's server with a limit on connections; `turned_away` counts them by reason."""

    def __init__(self, inner: web.Server, room: Room) -> None:
        super().__init__(inner.request_handler, access_log=None, keepalive_timeout=IDLE_S)
        self._clock = asyncio.get_running_loop()
        self._make = inner.request_factory
        self.request_factory = self._asked
        self._room = room
        self._guests: dict[web.RequestHandler, _Guest] = {}
        self._silent: OrderedDict[web.RequestHandler, float] = OrderedDict()
        """Those that have asked for nothing yet, and since when; the oldest first."""
        self._of_one: Counter[str] = Counter()
        self._round: asyncio.TimerHandle | None = None
        self.turned_away: Counter[str] = Counter()

    @property
    def open(self) -> int:
        """How many connections there are."""
        return len(self._guests)

    # aiohttp's hooks

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """A connection has come: it stays, or is told that there is no room."""
        super().connection_made(handler, transport)
        address = str((transport.get_extra_info("peername") or ("",))[0])
        reason = self._reason_against(address, transport)
        if reason:
            self.turned_away[reason] += 1
            transport.write(_FULL)
            self._clock.call_soon(handler.force_close)
            return
        unread.give_up_when_unread(transport)
        self._guests[handler] = _Guest(address, transport)
        self._silent[handler] = self._clock.time()
        self._of_one[address] += 1
        if self._round is None:
            self._round = self._clock.call_later(ROUND_S, self._look_round)

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        """It has gone."""
        super().connection_lost(handler, exc)
        self._forget(handler)

    def _asked(self, message: Any, payload: Any, protocol: web.RequestHandler, *more: Any) -> web.BaseRequest:
        self._silent.pop(protocol, None)
        return self._make(message, payload, protocol, *more)

    def pre_shutdown(self) -> None:
        """Nobody is looked after any more."""
        if self._round is not None:
            self._round.cancel()
            self._round = None
        super().pre_shutdown()

    # Who may stay

    def _reason_against(self, address: str, transport: asyncio.Transport) -> str:
        """Why there is no room for one more from this address; empty when there is."""
        own = str((transport.get_extra_info("sockname") or ("",))[0])
        one_of_many = address == own or address in self._room.many
        if not one_of_many and self._of_one[address] >= self._room.most_of_one:
            return "too_many_of_one_address"
        if len(self._guests) >= self._room.most and not self._make_room():
            return "too_many"
        return ""

    def _make_room(self) -> bool:
        """The oldest that has asked for nothing has to go; False when there is none."""
        handler = next(iter(self._silent), None)
        if handler is not None:
            self._end(handler, "too_many")
        return handler is not None

    def _look_round(self) -> None:
        now = self._clock.time()
        for handler, since in list(self._silent.items()):
            if now - since <= HEAD_S:
                break
            self._end(handler, "no_request")
        for handler, guest in list(self._guests.items()):
            if not handler.writing_paused:
                guest.taken = None
            elif not _takes(guest, now):
                self._end(handler, "answer_not_read")
        self._round = self._clock.call_later(ROUND_S, self._look_round) if self._guests else None

    def _end(self, handler: web.RequestHandler, reason: str) -> None:
        self.turned_away[reason] += 1
        transport = self._guests[handler].transport
        self._forget(handler)
        transport.abort()

    def _forget(self, handler: web.RequestHandler) -> None:
        guest = self._guests.pop(handler, None)
        self._silent.pop(handler, None)
        if guest is None:
            return
        self._of_one[guest.address] -= 1
        if not self._of_one[guest.address]:
            del self._of_one[guest.address]


def _takes(guest: _Guest, now: float) -> bool:
    """Whether an answer that waits to be taken is taken fast enough."""
    taken, before = unread.taken(guest.transport), guest.taken
    if before is None or taken is None:
        guest.taken, guest.noted = taken, now
        return True
    wanted = SLOWEST_BYTES_PER_S * (now - guest.noted)
    if now - guest.noted < unread.UNREAD_S:
        return True
    guest.taken, guest.noted = taken, now
    return taken - before >= wanted
