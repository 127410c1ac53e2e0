"""RFC 4475 and RFC 5118 through a running sip_proxy, over UDP and TCP, with a user agent server behind it.

What the proxy can judge itself it answers; what is good travels to the node or to the registrar. Over TCP a
message that cannot be cut out of the stream costs its connection (RFC 3261 18.3, 20.14).
"""

import asyncio
import csv
import os
import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ringback.services.sip_proxy.service import SipProxyService
from ringback.sip import Request
from ringback.sip.exchange import ServerTransaction
from ringback.sip.uas import Capabilities, refuse
from ringback.testing.edge_stage import edge_stage
from ringback.testing.servers import run_host

PROJECT = Path(__file__).resolve().parents[2]
SUITES = Path(os.environ.get("RINGBACK_SUITES", PROJECT / "../shared/suites"))
RFC4475, RFC5118 = SUITES / "rfc4475", SUITES / "rfc5118"
HOST = run_host(62)
NETWORK = f"{HOST.rpartition('.')[0]}.0/24"
SILENT_S = 0.4
LIMIT = 15.0
ANSWERED = re.compile(rb"SIP/2\.0 (\d{3}) ")
VIA_PORT = re.compile(rb"(?:^|\r\n)v(?:ia)?\s*:\s*SIP\s*/\s*2\.0\s*/\s*\w+\s+([^\s;,]+)", re.IGNORECASE)
ABLE = Capabilities(content_types=frozenset({"application/sdp"}))
REFUSED = {400, 413, 414, 505, 513}
"""What says that a message is wrong, not that it is unwelcome."""
PRIVATE = {
    "insuf": {0},  # without From, To and Call-ID nothing can be addressed
    "zeromf": {483},
    "regaut01": {401},
    "unksm2": {400, 404, 416},
    "bext01": {420},
}
"""Where the proxy's verdict is another than a user agent's, or more exact."""
TORN_STREAM = {"dblreq"}
"""In a stream its second message is one too, and torn: the connection ends before the first is answered."""


def cases() -> list[tuple[str, bytes, str]]:
    if not RFC4475.is_dir() or not RFC5118.is_dir():
        return []
    with (RFC4475 / "expected.tsv").open() as table:
        rows = [(row["file"], row["expect"]) for row in csv.DictReader(table, delimiter="\t")]
    found = [(name, (RFC4475 / f"{name}.dat").read_bytes(), expect) for name, expect in rows]
    bad = {"ipv6-bad"}
    for path in sorted(RFC5118.glob("*")):
        found.append((path.name, path.read_bytes(), "reject 400" if path.name in bad else "accept"))
    return found


def behave(tx: ServerTransaction, request: Request) -> None:
    """A user agent server that knows SDP."""
    if not tx.can_respond:
        return
    refusal = refuse(request, ABLE, tx.to_tag)
    if refusal is not None:
        tx.respond(refusal)
    else:
        tx.reply(486)


@pytest.fixture(scope="module")
async def proxy(valkey: object) -> AsyncIterator[SipProxyService]:
    url = valkey.url  # type: ignore[attr-defined]
    async with edge_stage(url, HOST, NETWORK, behave) as running:
        yield running


def accepted(name: str, expect: str, data: bytes) -> set[int]:
    """The answers that are right; 0 is silence, or over TCP the end of the connection."""
    if data.lstrip()[:4].upper() == b"SIP/":
        return {0}
    if name in PRIVATE:
        return PRIVATE[name]
    numbers = {int(word) for word in re.findall(r"\b[45]\d\d\b", expect)}
    if expect.startswith("reject") and " or " not in expect.replace("501 or 400", ""):
        return numbers
    others = set(range(200, 700)) - REFUSED
    return others | numbers | ({400} if "never crash" in expect else set())


async def by_udp(data: bytes, source: str, patience_s: float) -> int:
    """The final answer, at the port that the Via names (RFC 3261 18.2.2), or at the one it came from."""
    match = VIA_PORT.search(data)
    port = re.search(rb":(\d{4,5})$", match[1]) if match else None
    ports = {5060, int(port[1]) if port else 5060}
    loop, sockets = asyncio.get_running_loop(), []
    for number in sorted(ports):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.bind((source, number))
        sockets.append(sock)
    await loop.sock_sendto(sockets[-1], data, (HOST, 5060))
    tasks = [asyncio.ensure_future(_final(sock)) for sock in sockets]
    done, waiting = await asyncio.wait(tasks, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    for sock in sockets:
        sock.close()
    return done.pop().result() if done else 0


async def _final(sock: socket.socket) -> int:
    while True:
        match = ANSWERED.match(await asyncio.get_running_loop().sock_recv(sock, 65_535))
        if match is not None and int(match[1]) >= 200:
            return int(match[1])


async def by_tcp(data: bytes, patience_s: float = LIMIT) -> int:
    """The final answer; 0 if there is none before the connection ends or falls silent."""
    reader, writer = await asyncio.open_connection(HOST, 5060, local_addr=(run_host(79), 0))
    writer.write(data)
    got = b""
    try:
        async with asyncio.timeout(patience_s):
            while part := await reader.read(65_535):
                got += part
                finals = [int(found) for found in ANSWERED.findall(got) if int(found) >= 200]
                if finals:
                    return finals[0]
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.close()
    return 0


def patience(right: set[int]) -> float:
    """How long an answer is waited for: a silence that is right is believed soon."""
    return SILENT_S if 0 in right else LIMIT


def forget(proxy: SipProxyService) -> None:
    """Some of the messages have one branch: they are no retransmissions of each other."""
    proxy._edge._layer._server.clear()


def cannot_be_cut(data: bytes) -> bool:
    """True without a single usable Content-Length, or with one that says more than there is."""
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = set(re.findall(rb"\r\n(?:content-length|l)\s*:\s*(\S+)", head, re.IGNORECASE))
    length = lengths.pop() if len(lengths) == 1 else b""
    return not length.isdigit() or int(length) > len(body)


@pytest.mark.skipif(not cases(), reason=f"no suites at {SUITES}")
class TestThroughARunningProxy:
    """One message, one verdict, on either transport."""

    @pytest.mark.parametrize(("name", "data", "expect"), cases(), ids=[case[0] for case in cases()])
    async def test_udp(self, proxy: SipProxyService, name: str, data: bytes, expect: str) -> None:
        # Each from an address of its own: what is answered late to another is not taken for its answer.
        source = run_host(120 + [case[0] for case in cases()].index(name))
        forget(proxy)
        right = accepted(name, expect, data)
        assert await by_udp(data, source, patience(right)) in right

    @pytest.mark.parametrize(("name", "data", "expect"), cases(), ids=[case[0] for case in cases()])
    async def test_tcp(self, proxy: SipProxyService, name: str, data: bytes, expect: str) -> None:
        # Where it is a request that says from whom it is, the end of the connection comes with a word.
        torn = cannot_be_cut(data) or name in TORN_STREAM
        right = {0, 400} if torn else accepted(name, expect, data)
        forget(proxy)
        assert await by_tcp(data, patience(right)) in right

    async def test_all_61_are_judged_and_the_proxy_lives(self, proxy: SipProxyService) -> None:
        assert len(cases()) == 49 + 12
        options = (
            f"OPTIONS sip:{HOST} SIP/2.0\r\nVia: SIP/2.0/TCP x;branch=z9hG4bKlast\r\n"
            f"From: <sip:a@b>;tag=1\r\nTo: <sip:{HOST}>\r\nCall-ID: last\r\n"
            "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        )
        assert await by_tcp(options.encode()) == 200
        assert proxy.checks()["nodes"]
