"""Which way a message takes on real sockets: size, lost connections, keep-alives, certificates, IPv6."""

import asyncio
import socket
import struct
from pathlib import Path

import pytest
from tests.integration.sip.test_endpoint import ALICE, BOB, LIMIT, Answerer, alice, bob, listen, ok

from ringback.sip import Request, Response, keep_alive, parse_message
from ringback.sip import connection as connection_module
from ringback.sip.endpoint import SipEndpoint
from ringback.sip.exchange import ServerTransaction
from ringback.sip.stun import MAGIC
from ringback.sip.transport import Destination
from ringback.testing.certificates import make_certificate
from ringback.testing.servers import private_host

__all__ = ["alice", "bob"]


async def ask(caller: SipEndpoint, to: Destination, size: int = 0) -> Response:
    request = caller.new_request("OPTIONS", "sip:bob@example.test", from_=ALICE, to=BOB)
    request.set_body(b"x" * size, "text/plain")
    return await caller.send_request(request, to).final(LIMIT)


class TestSize:
    """RFC 3261 18.1.1: more than 1300 bytes go over a transport that knows congestion."""

    async def test_a_large_request_goes_by_tcp_and_a_small_one_as_asked(
        self, alice: Answerer, bob: Answerer
    ) -> None:
        bob.behaviour = ok
        # An address where no other socket has the port that is free for UDP.
        place = Destination("udp", *await bob.endpoint.listen_udp(private_host()))
        await bob.endpoint.listen_tcp(place.host, place.port)
        for size, transport in ((2000, "TCP"), (100, "UDP")):
            assert (await ask(alice.endpoint, place, size)).status == 200
            tx, request = await bob.next()
            assert (request.via.transport, tx.source.transport.upper()) == (transport, transport)

    async def test_where_there_is_no_tcp_it_goes_as_a_datagram_and_tcp_is_not_tried_again_soon(
        self, alice: Answerer, bob: Answerer
    ) -> None:
        bob.behaviour = ok
        place = await listen(bob, "udp")
        for _ in range(2):
            assert (await ask(alice.endpoint, place, 2000)).status == 200
            assert (await bob.next())[1].via.transport == "UDP"
        assert alice.endpoint.transactions <= 2
        assert alice.endpoint._sockets.streams._connecting == {}

    async def test_one_that_was_cancelled_meanwhile_is_not_sent(self, alice: Answerer, bob: Answerer) -> None:
        place = await listen(bob, "udp")
        invite = alice.endpoint.new_request("INVITE", "sip:bob@example.test", from_=ALICE, to=BOB)
        invite.set_body(b"x" * 2000, "application/sdp")
        client = alice.endpoint.send_request(invite, place)
        client.cancel()
        assert (await client.final(LIMIT)).status == 503
        assert bob.got.empty()


async def test_rfc3261_18_2_2_a_response_whose_connection_is_gone_goes_to_where_via_says(
    bob: Answerer,
) -> None:
    got: asyncio.Queue[bytes] = asyncio.Queue()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.put_nowait(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    place = await listen(bob, "tcp")
    _, writer = await asyncio.open_connection(place.host, place.port)
    writer.write(
        f"OPTIONS sip:bob@example.test SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:{port};branch=z9hG4bKa\r\n"
        "From: <sip:a@b.test>;tag=1\r\nTo: <sip:b@b.test>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n"
        "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n".encode()
    )
    tx, _ = await bob.next()
    writer.close()
    await writer.wait_closed()
    async with asyncio.timeout(LIMIT):
        while tx.source.connection is not None and tx.source.connection.is_open:
            await asyncio.sleep(0.005)
        tx.reply(200)
        answer = parse_message(await got.get())
    assert isinstance(answer, Response)
    assert answer.status == 200
    server.close()


async def test_rfc5626_8_stun_and_line_breaks_keep_a_way_open_and_sip_goes_on(bob: Answerer) -> None:
    bob.behaviour = ok
    place = await listen(bob, "udp")
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.setblocking(False)
        phone.bind(("127.0.0.1", 0))
        phone.sendto(b"\r\n\r\n", (place.host, place.port))
        phone.sendto(struct.pack("!HHI12s", 1, 0, MAGIC, b"a" * 12), (place.host, place.port))
        answer = await asyncio.wait_for(loop.sock_recv(phone, 1500), LIMIT)
        mapped = struct.unpack_from("!H", answer, 26)[0] ^ (MAGIC >> 16)
        assert mapped == phone.getsockname()[1]
    assert bob.endpoint.counters.parse_errors == 0


async def test_rfc5626_4_4_2_a_udp_peer_says_how_it_sees_us_and_one_that_is_silent_is_missed(
    alice: Answerer, bob: Answerer, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await listen(bob, "udp")
    assert await asyncio.wait_for(alice.endpoint.seen_as(place), LIMIT) == alice.endpoint.local_address("udp")
    monkeypatch.setattr(keep_alive, "_PAUSES_S", (0.01, 0.02))
    await bob.endpoint.close()
    with pytest.raises(TimeoutError, match="no answer of udp"):
        await alice.endpoint.seen_as(place)


async def test_who_connects_and_says_nothing_is_not_waited_for(
    alice: Answerer, bob: Answerer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections are few; one that has been used stays."""
    monkeypatch.setattr(connection_module, "STALLED_S", 0.2)
    bob.behaviour = ok
    place = await listen(bob, "tcp")
    reader, writer = await asyncio.open_connection(place.host, place.port)
    assert (await ask(alice.endpoint, place)).status == 200
    assert await asyncio.wait_for(reader.read(), LIMIT) == b""
    writer.close()
    assert alice.endpoint.is_connected(place)


async def test_rfc5626_4_4_1_a_connection_on_which_no_pong_comes_is_closed(
    alice: Answerer, bob: Answerer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob.behaviour = ok
    place = await listen(bob, "tcp")
    assert (await ask(alice.endpoint, place)).status == 200
    (connection,) = alice.endpoint._sockets.streams._by_remote.values()
    before = connection._heard
    assert alice.endpoint.ping(place)
    async with asyncio.timeout(LIMIT):
        while connection._heard == before:
            await asyncio.sleep(0.005)
    connection._look_for_pong(before)  # ten seconds later
    assert alice.endpoint.is_connected(place)
    monkeypatch.setattr(connection_module, "PONG_S", 0.2)
    assert alice.endpoint.counters.parse_errors == 0

    lost: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
    alice.endpoint.on_connection_lost = lost.put_nowait
    writers: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0)
    deaf = Destination("tcp", *silent.sockets[0].getsockname()[:2])
    alice.endpoint.send_request(
        alice.endpoint.new_request("OPTIONS", "sip:b@b.test", from_=ALICE, to=BOB), deaf
    )
    async with asyncio.timeout(LIMIT):
        while not alice.endpoint.ping(deaf):
            await asyncio.sleep(0.01)
        assert await lost.get() == (deaf.host, deaf.port)
    assert not alice.endpoint.ping(deaf)
    silent.close()
    for writer in writers:
        writer.close()


async def test_rfc3261_18_4_a_connection_to_a_host_name_is_kept_and_its_loss_told_by_that_name(
    alice: Answerer, bob: Answerer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def found(host: str, port: int, **_: object) -> list[object]:
        asked.append(host)
        return [(0, 0, 0, "", ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", found)
    place = await listen(bob, "tcp")
    named = Destination("tcp", "bob.test", place.port)
    bob.behaviour = ok
    for _ in range(2):
        assert (await ask(alice.endpoint, named)).status == 200
    assert asked == ["bob.test"]
    assert alice.endpoint.is_connected(named)

    lost: list[tuple[str, int]] = []
    alice.endpoint.on_connection_lost = lost.append
    bob.behaviour = lambda tx, request: None
    request = alice.endpoint.new_request("OPTIONS", "sip:b@b.test", from_=ALICE, to=BOB)
    waiting = alice.endpoint.send_request(request, named)
    tx, _ = await bob.next()
    while tx.request.call_id != request.call_id:
        tx, _ = await bob.next()
    await bob.endpoint.close()
    assert (await waiting.final(LIMIT)).status == 503
    assert lost == [("127.0.0.1", place.port), ("bob.test", place.port)]


@pytest.mark.parametrize(
    ("named", "domain", "status"),
    [
        (("sip:carrier.test", "dns.test"), "carrier.test", 200),
        (("sip:carrier.test", "dns.test"), "dns.test", 503),
        (("*.carrier.test",), "sip.carrier.test", 503),
        (("carrier.test",), "carrier.test", 200),
    ],
)
async def test_rfc5922_7_the_certificate_must_name_the_domain_that_was_asked_for(
    bob: Answerer, tmp_path: Path, named: tuple[str, ...], domain: str, status: int
) -> None:
    certificate = make_certificate(tmp_path, *named)
    server = SipEndpoint(bob.handle, tls=certificate.tls())
    bob.behaviour = ok
    host, port = await server.listen("tls", "127.0.0.1")
    caller = SipEndpoint(_deaf, tls=certificate.tls())
    try:
        assert (await ask(caller, Destination("tls", host, port, domain))).status == status
    finally:
        await caller.close()
        await server.close()


async def test_rfc5118_both_versions_of_ip_on_one_port_and_each_answers_its_own(bob: Answerer) -> None:
    bob.behaviour = ok
    host, port = await bob.endpoint.listen_udp("::1")
    await bob.endpoint.listen_udp("127.0.0.1", port)
    caller = SipEndpoint(_deaf)
    await caller.listen_udp("::1")
    await caller.listen_udp("127.0.0.1")
    try:
        for address in (host, "127.0.0.1"):
            assert (await ask(caller, Destination("udp", address, port))).status == 200
            tx, request = await bob.next()
            assert request.via.host == tx.source.host == address
    finally:
        await caller.close()


def _deaf(tx: ServerTransaction, request: Request) -> None:
    """Nobody calls the caller."""
