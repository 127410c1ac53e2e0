"""A name server on loopback, UDP and TCP, that serves a few records and counts what it is asked."""

from __future__ import annotations

import asyncio
import struct
from collections import Counter
from collections.abc import Mapping, Sequence

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

Zone = dict[tuple[str, str], list[str]]
"""Name and type to the records as text: `("_sip._udp.a.test", "SRV"): ["10 0 5060 b.test."]`."""


class DnsServer(asyncio.DatagramProtocol):
    """Answers for the names of `zone`; NXDOMAIN for all others. `silent` drops every question."""

    def __init__(self, zone: Mapping[tuple[str, str], Sequence[str]], *, ttl: int = 60) -> None:
        self.zone: Zone = {key: list(texts) for key, texts in zone.items()}
        self.ttl = ttl
        self.silent = False
        self.truncates = False
        """Over UDP nothing fits: who asks must come again over TCP."""
        self.asked: Counter[tuple[str, str]] = Counter()
        self.address = ("", 0)
        self._server: asyncio.Server | None = None
        self._udp: asyncio.DatagramTransport | None = None

    async def start(self, host: str) -> None:
        """Listen on one free port, TCP and UDP."""
        loop = asyncio.get_running_loop()
        self._server = await asyncio.start_server(self._stream, host, 0)
        self.address = self._server.sockets[0].getsockname()[:2]
        self._udp, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=self.address)

    async def stop(self) -> None:
        """Close the sockets."""
        if self._udp is not None:
            self._udp.close()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    @property
    def name(self) -> str:
        """The address as settings write it."""
        return f"{self.address[0]}:{self.address[1]}"

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """asyncio: a question came over UDP."""
        answer = self._answer(data, whole=not self.truncates)
        if answer is not None and self._udp is not None:
            self._udp.sendto(answer.to_wire(), addr)

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            (size,) = struct.unpack("!H", await reader.readexactly(2))
            answer = self._answer(await reader.readexactly(size), whole=True)
            if answer is not None:
                wire = answer.to_wire()
                writer.write(struct.pack("!H", len(wire)) + wire)
                await writer.drain()
        except asyncio.IncompleteReadError:
            return
        finally:
            writer.close()

    def _answer(self, data: bytes, *, whole: bool) -> dns.message.Message | None:
        question = dns.message.from_wire(data)
        (asked,) = question.question
        name, kind = asked.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(asked.rdtype)
        self.asked[(name, kind)] += 1
        if self.silent:
            return None
        answer = dns.message.make_response(question)
        if not whole:
            answer.flags |= dns.flags.TC
        elif texts := self.zone.get((name, kind)):
            answer.answer.append(dns.rrset.from_text(asked.name, self.ttl, "IN", kind, *texts))
        elif not any(known == name for known, _ in self.zone):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer
