"""Keep-alives over UDP: STUN, asked and answered, and datagrams without content (RFC 5626 4.4.2, 8)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from ringback.sip import stun
from ringback.sip.transport import Source

FILLERS = (b"", b"\r", b"\n", b"\x00", b"\x01")
"""How datagrams begin that are no SIP: nothing, line breaks, STUN and its answers."""
_PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 8.0)
"""RFC 5389 7.2.1."""


class KeepAlives:
    """Those of one endpoint."""

    def __init__(self) -> None:
        self._asked: dict[bytes, asyncio.Future[tuple[str, int]]] = {}
        """What was asked and is not answered yet."""

    async def seen_as(self, peer: str, send: Callable[[bytes], object]) -> tuple[str, int]:
        """How the peer sees us to whom `send` sends; `peer` names it. Raises TimeoutError if it is silent."""
        transaction = os.urandom(12)
        answer: asyncio.Future[tuple[str, int]] = asyncio.get_running_loop().create_future()
        self._asked[transaction] = answer
        data = stun.request(transaction)
        try:
            for pause in _PAUSES_S:
                send(data)
                await asyncio.wait([answer], timeout=pause)
                if answer.done():
                    return answer.result()
            raise TimeoutError(f"no answer of {peer}")
        finally:
            del self._asked[transaction]

    def takes(self, data: bytes, source: Source) -> bool:
        """Whether a datagram is one: STUN is answered (8), an empty one only opens a NAT binding."""
        if data.strip(b"\r\n\x00") == b"":
            return True
        if source.socket is None or not stun.is_stun(data):
            return False
        asked = self._asked.get(data[8:20])
        if asked is not None:
            mapped = stun.mapped_address(data, data[8:20])
            if mapped is not None and not asked.done():
                asked.set_result(mapped)
            return True
        answer = stun.answer(data, source.host, source.port)
        if answer is not None:
            source.socket.send(answer, source.host, source.port, _nothing)
        return True


def _nothing() -> None:
    """Nobody waits for it."""
