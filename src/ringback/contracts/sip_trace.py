"""Following a call over all services: who wants to see which messages, and the messages that were seen.

While nobody traces, nothing listens. Traces hold what was said on the wire, numbers
and all: they live for minutes, in a bounded stream, and only those who may read Valkey see them.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from ringback.runtime.valkey import ValkeyError, ValkeyUnavailable

if TYPE_CHECKING:
    from ringback.runtime.context import Context

WANTED = "ringback:sip:trace"
"""JSON list of words: a message that holds one of them is kept, and what has its Call-ID. Expires unless
renewed."""
STREAM = "ringback:sip:traces"
WANTED_S = 30
"""Seconds that a wish lasts without being renewed."""
_KEPT = 20_000
_LOOK_S = 0.5
_MOST_WORDS = 8
_MOST_CALLS = 1000
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


class SipTracer:
    """Listens to the endpoints of a service while somebody wants to see their messages.

    The Call-ID of what holds a word is a word, too: so a call is followed over the edge, where headers of
    ours are taken off, and through its responses.
    """

    def __init__(self, ctx: Context, *endpoints: Endpoint) -> None:
        self._ctx = ctx
        self._endpoints = endpoints
        self._words: tuple[bytes, ...] = ()
        self._calls: OrderedDict[bytes, None] = OrderedDict()

    def start(self) -> None:
        """Look now and then whether somebody wants to see something."""
        self._ctx.spawn(self._follow(), "trace")

    def _wants(self, data: bytes) -> bool:
        found = _CALL_ID(data)
        call = found[1] if found is not None else b""
        if not any(word in data for word in self._words):
            return call in self._calls
        if call:
            self._calls[call] = None
            if len(self._calls) > _MOST_CALLS:
                self._calls.popitem(last=False)
        return True

    def _keep(self, endpoint: Endpoint, direction: str, data: bytes, peer: Peer) -> None:
        """Keep a message if it is wanted."""
        if not self._wants(data):
            return
        seen = TracedMessage(
            time=self._ctx.now(),
            service=self._ctx.service,
            node=self._ctx.node,
            direction=direction,
            transport=peer.transport,
            local=endpoint.local_address(peer.transport, peer.host),
            peer=(peer.host, peer.port),
            data=data,
        )
        row = ("XADD", STREAM, "MAXLEN", "~", _KEPT, "*", "e", msgspec.json.encode(seen))
        try:
            self._ctx.valkey.post([row]).add_done_callback(_seen)
        except ValkeyUnavailable:
            endpoint.listener = None

    async def _follow(self) -> None:
        while True:
            try:
                raw = await self._ctx.valkey.call("GET", WANTED)
                words = msgspec.json.decode(raw, type=list[str]) if raw else []
            except (ValkeyUnavailable, ValkeyError, msgspec.MsgspecError):
                words = []
            wanted = tuple(word.encode() for word in words[:_MOST_WORDS] if word)
            if wanted != self._words:
                self._words = wanted
                self._calls.clear()
            for endpoint in self._endpoints:
                endpoint.listener = partial(self._keep, endpoint) if wanted else None
            await asyncio.sleep(_LOOK_S)


def _seen(reply: asyncio.Future[list[object]]) -> None:
    """A trace that could not be kept is no reason to disturb the call."""
    if not reply.cancelled():
        reply.exception()
