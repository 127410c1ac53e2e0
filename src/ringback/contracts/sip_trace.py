"""Following a call over all services: who wants to see which messages, and the messages that were seen.

A call has many names: its ConnID, and the Call-ID of each leg. Who knows a call by one of them tells the
others to all services; each keeps what passed a moment ago, for the first message of a leg mostly comes
before anybody knows whose it is.

While nobody traces, nothing listens. Traces hold what was said on the wire, numbers
and all: they live for minutes, in a bounded stream, and only those who may read Valkey see them.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from ringback.runtime.valkey import Argument, ValkeyError, ValkeyUnavailable

if TYPE_CHECKING:
    from ringback.runtime.context import Context

WANTED = "ringback:sip:trace"
"""JSON list of words: a message that holds one of them is kept, and what has its Call-ID. Expires unless
renewed."""
NAMES = "ringback:sip:trace:names"
"""Set of the Call-IDs of the calls that are followed, for all services."""
STREAM = "ringback:sip:traces"
WANTED_S = 30
"""Seconds that a wish lasts without being renewed."""
_KEPT = 20_000
_LOOK_S = 0.5
_MOST_WORDS = 8
_MOST_CALLS = 1000
_RECENT_BYTES = 8 * 1024 * 1024
_CALL_ID = re.compile(rb"\r\n(?:call-id|i)[ \t]*:[ \t]*([^\r\n]+)", re.IGNORECASE).search


class Peer(Protocol):
    """The other side of a message."""

    transport: str
    host: str
    port: int


class TracedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message as one side saw it."""

    time: float
    """Seconds since the epoch."""
    service: str
    node: str
    direction: str
    """`in` or `out`."""
    transport: str
    local: tuple[str, int]
    peer: tuple[str, int]
    data: bytes


class Endpoint(Protocol):
    """What is traced; a SIP endpoint."""

    listener: Callable[[str, bytes, Any], None] | None

    def local_address(self, transport: str, toward: str = "") -> tuple[str, int]:
        """What the endpoint calls itself."""


class _Heard(NamedTuple):
    """A message as it passed."""

    time: float
    endpoint: Endpoint
    direction: str
    peer: Peer
    data: bytes
    call: bytes


class SipTracer:
    """Listens to the endpoints of a service while somebody wants to see their messages.

    The Call-ID of what holds a word is a name, too: so a call is followed over the edge, where headers of
    ours are taken off, and through its responses. `kin` gives all names of the call that has a name, where
    the service knows calls.
    """

    def __init__(
        self, ctx: Context, *endpoints: Endpoint, kin: Callable[[str], Iterable[str]] = lambda name: ()
    ) -> None:
        self._ctx = ctx
        self._endpoints = endpoints
        self._kin = kin
        self._words: tuple[bytes, ...] = ()
        self._names: OrderedDict[bytes, None] = OrderedDict()
        self._recent: deque[_Heard] = deque()
        self._recent_bytes = 0

    def start(self) -> None:
        """Look now and then whether somebody wants to see something."""
        self._ctx.spawn(self._follow(), "trace")

    # What passes

    def _hear(self, endpoint: Endpoint, direction: str, data: bytes, peer: Peer) -> None:
        """Keep a message if it is wanted, and for a moment if it is not."""
        found = _CALL_ID(data)
        heard = _Heard(self._ctx.now(), endpoint, direction, peer, data, found[1] if found else b"")
        if self._wants(heard):
            self._tell(heard)
            return
        self._recent.append(heard)
        self._recent_bytes += len(data)
        while self._recent_bytes > _RECENT_BYTES:
            self._recent_bytes -= len(self._recent.popleft().data)

    def _wants(self, heard: _Heard) -> bool:
        call = heard.call
        if call in self._names:
            return True
        kin = self._family(call)
        if (
            not any(word in heard.data or word in kin for word in self._words)
            and not kin & self._names.keys()
        ):
            return False
        self._learn(kin, told=False)
        return True

    def _family(self, name: bytes) -> set[bytes]:
        """The name and all others of the call that has it."""
        return {name, *(other.encode() for other in self._kin(name.decode("utf-8", "replace")))} - {b""}

    def _learn(self, names: Iterable[bytes], *, told: bool) -> None:
        """Follow these names from now on, and look what has passed already; `told`: the others know them."""
        new = [name for name in names if name not in self._names]
        if not new:
            return
        self._names.update(dict.fromkeys(new))
        while len(self._names) > _MOST_CALLS:
            self._names.popitem(last=False)
        if not told:
            self._post([("SADD", NAMES, *new), ("EXPIRE", NAMES, WANTED_S)])
        earlier, self._recent = self._recent, deque()
        self._recent.extend(heard for heard in earlier if heard.call not in self._names)
        self._recent_bytes = sum(len(heard.data) for heard in self._recent)
        for heard in earlier:
            if heard.call in self._names:
                self._tell(heard)

    def _tell(self, heard: _Heard) -> None:
        peer = heard.peer
        seen = TracedMessage(
            time=heard.time,
            service=self._ctx.service,
            node=self._ctx.node,
            direction=heard.direction,
            transport=peer.transport,
            local=heard.endpoint.local_address(peer.transport, peer.host),
            peer=(peer.host, peer.port),
            data=heard.data,
        )
        self._post([("XADD", STREAM, "MAXLEN", "~", _KEPT, "*", "e", msgspec.json.encode(seen))])

    def _post(self, commands: list[tuple[Argument, ...]]) -> None:
        try:
            self._ctx.valkey.post(commands).add_done_callback(_seen)
        except ValkeyUnavailable:
            self._stop()

    # What is wanted

    async def _follow(self) -> None:
        while True:
            words, names = await self._wishes()
            if words != self._words:
                self._stop()
                self._words = words
            if words:
                self._learn(names, told=True)
                for name in (*words, *names):
                    self._learn(self._family(name) - {name}, told=False)
            for endpoint in self._endpoints:
                endpoint.listener = partial(self._hear, endpoint) if words else None
            await asyncio.sleep(_LOOK_S)

    async def _wishes(self) -> tuple[tuple[bytes, ...], list[bytes]]:
        """The words, and the names that others have found."""
        try:
            raw = await self._ctx.valkey.call("GET", WANTED)
            words = msgspec.json.decode(raw, type=list[str]) if raw else []
            names: list[bytes] = list(await self._ctx.valkey.call("SMEMBERS", NAMES)) if words else []
        except (ValkeyUnavailable, ValkeyError, msgspec.MsgspecError):
            return (), []
        return tuple(word.encode() for word in words[:_MOST_WORDS] if word), names[:_MOST_CALLS]

    def _stop(self) -> None:
        """Forget all."""
        for endpoint in self._endpoints:
            endpoint.listener = None
        self._words, self._recent_bytes = (), 0
        self._names.clear()
        self._recent.clear()


def _seen(reply: asyncio.Future[list[object]]) -> None:
    """A trace that could not be kept is no reason to disturb the call."""
    if not reply.cancelled():
        reply.exception()
