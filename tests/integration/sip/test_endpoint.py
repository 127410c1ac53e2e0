"""The endpoint on real sockets: UDP and TCP, requests, responses, faults."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable

import pytest

from ringback.sip import Dialog, NameAddr, Request, Response, parse_message, response_to
from ringback.sip.endpoint import SipEndpoint
from ringback.sip.entrance import Entrance
from ringback.sip.exchange import ServerTransaction
from ringback.sip.transactions import Timers
from ringback.sip.transport import Destination, Source

ALICE = NameAddr.parse("<sip:alice@127.0.0.1>")
BOB = NameAddr.parse("<sip:bob@127.0.0.1>")
FAST = Timers(t1=0.02, t2=0.08, t4=0.1, d=0.5)
LIMIT = 20.0

Handler = Callable[[ServerTransaction, Request], None]


class Answerer:
    """An endpoint whose behaviour a test sets; keeps what it got."""

    def __init__(self) -> None:
        self.endpoint = SipEndpoint(self.handle, timers=FAST)
        self.behaviour: Handler = lambda tx, request: None
        self.got: asyncio.Queue[tuple[ServerTransaction, Request]] = asyncio.Queue()

    def handle(self, tx: ServerTransaction, request: Request) -> None:
        self.got.put_nowait((tx, request))
        self.behaviour(tx, request)

    async def next(self) -> tuple[ServerTransaction, Request]:
        return await asyncio.wait_for(self.got.get(), LIMIT)


def ok(tx: ServerTransaction, request: Request) -> None:
    if tx.can_respond:
        tx.reply(200, headers=[("Contact", "<sip:bob@127.0.0.1>")])


@pytest.fixture
async def bob() -> AsyncIterator[Answerer]:
    answerer = Answerer()
    yield answerer
    await answerer.endpoint.close()


@pytest.fixture
async def alice() -> AsyncIterator[Answerer]:
    answerer = Answerer()
    await answerer.endpoint.listen_udp("127.0.0.1")
    yield answerer
    await answerer.endpoint.close()


async def listen(answerer: Answerer, transport: str) -> Destination:
    start = answerer.endpoint.listen_udp if transport == "udp" else answerer.endpoint.listen_tcp
    return Destination(transport, *await start("127.0.0.1"))


def make(endpoint: SipEndpoint, method: str, destination: Destination) -> Request:
    contact = ("Contact", str(endpoint.contact(destination, "alice")))
    return endpoint.new_request(method, "sip:bob@127.0.0.1", from_=ALICE, to=BOB, headers=[contact])


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_call_is_set_up_and_ended(alice: Answerer, bob: Answerer, transport: str) -> None:
    destination = await listen(bob, transport)
    acknowledged: list[asyncio.Future[Request | None]] = []

    def answer(tx: ServerTransaction, request: Request) -> None:
        if request.method == "INVITE":
            tx.reply(180)
            contact = ("Contact", f"<sip:bob@127.0.0.1:{destination.port};transport={transport}>")
            acknowledged.append(tx.accept(response_to(request, 200, to_tag=tx.to_tag, headers=[contact])))
        else:
            ok(tx, request)

    bob.behaviour = answer
    tx = alice.endpoint.send_request(make(alice.endpoint, "INVITE", destination), destination)
    seen = [response.status async for response in tx if response.status > 100]
    assert seen == [180, 200]
    assert tx.response is not None
    dialog = Dialog.from_response(tx.request, tx.response)
    tx.send_ack(dialog.ack(1), dialog.destination)
    ack = await asyncio.wait_for(acknowledged[0], LIMIT)
    assert ack is not None
    assert ack.method == "ACK"
    bye = alice.endpoint.send_request(dialog.request("BYE"), dialog.destination)
    assert (await bye.final(LIMIT)).status == 200
    assert [(await bob.next())[1].method for _ in range(3)] == ["INVITE", "ACK", "BYE"]


async def test_what_cannot_be_cared_for_without_a_transaction_gets_one(
    alice: Answerer, bob: Answerer, caplog: pytest.LogCaptureFixture
) -> None:
    destination, seen = await listen(bob, "tcp"), list[str]()

    def takes(request: Request, source: Source) -> bool:
        seen.append(request.method)
        if len(seen) == 1:
            raise RuntimeError("out of order")
        bob.endpoint.send(response_to(request, 202, to_tag="quick"), source)
        return True

    bob.behaviour, bob.endpoint.takes["MESSAGE"] = ok, takes
    for expected in (200, 202):
        request = make(alice.endpoint, "MESSAGE", destination)
        response = await alice.endpoint.send_request(request, destination).final(LIMIT)
        assert response.status == expected
    assert seen == ["MESSAGE", "MESSAGE"]
    assert "could not be cared for" in caplog.text


async def test_a_lost_ack_is_sent_again_for_each_repeated_2xx(alice: Answerer, bob: Answerer) -> None:
    destination = await listen(bob, "udp")
    acknowledged: list[asyncio.Future[Request | None]] = []
    bob.behaviour = lambda tx, request: (
        acknowledged.append(tx.accept(response_to(request, 200, to_tag=tx.to_tag)))
        if tx.can_respond
        else None
    )
    tx = alice.endpoint.send_request(make(alice.endpoint, "INVITE", destination), destination)
    final = await tx.final(LIMIT)
    ack = Request("ACK", "sip:bob@127.0.0.1", [pair for pair in tx.request.headers if pair[0] != "Via"])
    ack.set("To", final.get("To"))
    ack.set("CSeq", "1 ACK")
    # The first ACK goes where nobody listens; the repetition of the 2xx brings out the next.
    lost = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    lost.bind(("127.0.0.1", 0))
    tx.send_ack(ack, Destination("udp", *lost.getsockname()))
    lost.close()
    tx._ack = (ack.to_tag, ack.to_bytes(), destination)
    assert await asyncio.wait_for(acknowledged[0], LIMIT) is not None
    assert alice.endpoint.counters.repeated >= 1


async def test_a_2xx_without_ack_is_reported(alice: Answerer, bob: Answerer) -> None:
    destination = await listen(bob, "udp")
    acknowledged: list[asyncio.Future[Request | None]] = []
    bob.behaviour = lambda tx, request: acknowledged.append(
        tx.accept(response_to(request, 200, to_tag=tx.to_tag))
    )
    await alice.endpoint.send_request(make(alice.endpoint, "INVITE", destination), destination).final(LIMIT)
    assert await asyncio.wait_for(acknowledged[0], LIMIT) is None
    assert bob.endpoint.counters.repeated > 3


async def test_a_cancel_reaches_the_user_and_ends_the_invite(alice: Answerer, bob: Answerer) -> None:
    destination = await listen(bob, "udp")

    def ring(tx: ServerTransaction, request: Request) -> None:
        tx.on_cancel = lambda: tx.reply(487) and None
        tx.reply(180)

    bob.behaviour = ring
    tx = alice.endpoint.send_request(make(alice.endpoint, "INVITE", destination), destination)
    async for response in tx:
        if response.status == 180:
            tx.cancel()
    assert response.status == 487
    assert (await bob.next())[0].cancelled


async def test_nobody_there_is_408_over_udp_and_503_over_tcp(alice: Answerer) -> None:
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 0))
    for destination, status in (
        (Destination("udp", *silent.getsockname()), 408),
        (Destination("tcp", *silent.getsockname()), 503),
        (Destination("udp", silent.getsockname()[0], 0), 503),  # the kernel takes no datagram for port 0
    ):
        tx = alice.endpoint.send_request(make(alice.endpoint, "OPTIONS", destination), destination)
        response = await tx.final(LIMIT)
        assert (response.status, response.local) == (status, True)
    silent.close()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_rfc4320_4_2_no_408_is_sent_to_a_non_invite_and_nothing_of_it_is_kept(
    alice: Answerer, bob: Answerer, transport: str
) -> None:
    destination = await listen(bob, transport)
    bob.behaviour = lambda tx, request: tx.reply(408) and None
    tx = alice.endpoint.send_request(make(alice.endpoint, "OPTIONS", destination), destination)
    assert await tx.final(LIMIT)
    assert (await bob.next())[0].final == 408
    assert tx.response is not None and tx.response.local
    async with asyncio.timeout(LIMIT):
        while bob.endpoint.transactions:
            await asyncio.sleep(0.05)
    assert bob.got.empty()


async def test_a_connection_that_dies_fails_its_requests_at_once(alice: Answerer) -> None:
    accepted: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    server = await asyncio.start_server(lambda reader, writer: accepted.put_nowait(writer), "127.0.0.1", 0)
    destination = Destination("tcp", *server.sockets[0].getsockname()[:2])
    tx = alice.endpoint.send_request(make(alice.endpoint, "INVITE", destination), destination)
    writer = await asyncio.wait_for(accepted.get(), LIMIT)
    writer.close()
    assert (await tx.final(20)).status == 503
    server.close()


async def test_one_connection_serves_many_requests(alice: Answerer, bob: Answerer) -> None:
    destination = await listen(bob, "tcp")
    bob.behaviour = ok
    requests = [make(alice.endpoint, "OPTIONS", destination) for _ in range(20)]
    sent = [alice.endpoint.send_request(request, destination) for request in requests]
    assert {(await tx.final(LIMIT)).status for tx in sent} == {200}
    assert bob.endpoint.connections == alice.endpoint.connections == 1


async def test_a_response_goes_where_the_request_came_from(bob: Answerer) -> None:
    """RFC 3581: the Via lies about the address, rport and received tell the truth."""
    destination = await listen(bob, "udp")
    bob.behaviour = ok
    data = request_bytes("SIP/2.0/UDP 203.0.113.1:9;branch=z9hG4bKx;rport")
    response = parse_message(await udp_exchange(destination, data))
    assert response.via.params["received"] == "127.0.0.1"
    assert response.via.reply_address[0] == "127.0.0.1"


async def test_a_handler_that_fails_answers_500_and_the_endpoint_lives(
    alice: Answerer, bob: Answerer
) -> None:
    destination = await listen(bob, "udp")

    def fail(tx: ServerTransaction, request: Request) -> None:
        raise RuntimeError("a bug")

    for behaviour, status in ((fail, 500), (ok, 200)):
        bob.behaviour = behaviour
        tx = alice.endpoint.send_request(make(alice.endpoint, "OPTIONS", destination), destination)
        assert (await tx.final(LIMIT)).status == status


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_nothing_is_kept_when_it_is_over(alice: Answerer, bob: Answerer, transport: str) -> None:
    destination = await listen(bob, transport)
    bob.behaviour = lambda tx, request: tx.can_respond and tx.reply(486) and None
    for method in ("INVITE", "OPTIONS", "INVITE"):
        request = make(alice.endpoint, method, destination)
        assert (await alice.endpoint.send_request(request, destination).final(LIMIT)).status == 486
    async with asyncio.timeout(LIMIT):
        while alice.endpoint.transactions or bob.endpoint.transactions:
            await asyncio.sleep(0.02)
    for endpoint in (alice.endpoint, bob.endpoint):
        assert endpoint._layer.next_timer() is None
        assert not endpoint._layer.queue


async def test_many_messages_of_one_turn_leave_in_order(alice: Answerer, bob: Answerer) -> None:
    destination = await listen(bob, "tcp")
    sent = [make(alice.endpoint, "MESSAGE", destination) for _ in range(50)]
    for request in sent:
        alice.endpoint.send_request(request, destination)
    got = [(await bob.next())[1].call_id for _ in sent]
    assert got == [request.call_id for request in sent]


async def test_a_callback_that_fails_costs_nobody_else_a_message(alice: Answerer, bob: Answerer) -> None:
    destination = await listen(bob, "tcp")
    bob.behaviour = ok

    def fail(response: Response) -> None:
        raise RuntimeError("a bug")

    alice.endpoint.send_request(make(alice.endpoint, "OPTIONS", destination), destination, on_response=fail)
    good = alice.endpoint.send_request(make(alice.endpoint, "OPTIONS", destination), destination)
    assert (await good.final(LIMIT)).status == 200


async def test_a_host_name_is_resolved(alice: Answerer, bob: Answerer) -> None:
    destination = await listen(bob, "udp")
    bob.behaviour = ok
    named = Destination("udp", "localhost", destination.port)
    tx = alice.endpoint.send_request(make(alice.endpoint, "OPTIONS", named), named)
    assert (await tx.final(LIMIT)).status == 200


async def test_a_trace_sees_both_directions(bob: Answerer) -> None:
    seen: list[str] = []
    tracer = SipEndpoint(
        lambda tx, request: tx.reply(200) and None, trace=lambda way, data, peer: seen.append(way)
    )
    destination = Destination("udp", *await tracer.listen_udp("127.0.0.1"))
    await udp_exchange(destination, request_bytes("SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx;rport"))
    await tracer.close()
    assert seen == ["in", "out"]


class TestMalformedInput:
    """400 or silence, never a traceback, and the others are unharmed."""

    BROKEN = (
        b"OPTIONS sip:bob@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx;rport\r\n"
        b'From: "Alice <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nl: 0\r\n\r\n'
    )
    SILENT = (b"", b"\x00" * 40, b"\xff\xfe", b"GET / HTTP/1.1\r\n\r\n", b"SIP/2.0 9999 x\r\n\r\n", b"INVITE")

    async def test_what_can_be_answered_over_udp_gets_400(self, bob: Answerer) -> None:
        destination = await listen(bob, "udp")
        assert (await udp_exchange(destination, self.BROKEN)).startswith(b"SIP/2.0 400 Bad Request\r\n")
        assert bob.got.empty()

    async def test_garbage_over_udp_is_silence_and_the_next_request_is_served(self, bob: Answerer) -> None:
        destination = await listen(bob, "udp")
        bob.behaviour = ok
        good = request_bytes("SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKy;rport")
        response = parse_message(await udp_exchange(destination, *self.SILENT, good))
        assert isinstance(response, Response)
        assert response.status == 200

    async def test_a_broken_message_over_tcp_gets_400_and_the_connection_goes_on(self, bob: Answerer) -> None:
        destination = await listen(bob, "tcp")
        bob.behaviour = ok
        reader, writer = await asyncio.open_connection(destination.host, destination.port)
        writer.write(self.BROKEN + request_bytes("SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKz"))
        heads = [await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LIMIT) for _ in range(2)]
        assert [head.split(b" ")[1] for head in heads] == [b"400", b"200"]
        writer.close()

    async def test_a_stream_without_lengths_is_closed_and_others_live(self, bob: Answerer) -> None:
        destination = await listen(bob, "tcp")
        bob.behaviour = ok
        good_reader, good = await asyncio.open_connection(destination.host, destination.port)
        reader, writer = await asyncio.open_connection(destination.host, destination.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await asyncio.wait_for(reader.read(), LIMIT) == b""
        good.write(b"\r\n\r\n" + request_bytes("SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKw"))
        answer = await asyncio.wait_for(good_reader.readuntil(b"\r\n\r\n"), LIMIT)
        assert answer.startswith(b"\r\nSIP/2.0 200")
        good.close()
        writer.close()

    async def test_a_request_in_single_bytes_is_served(self, bob: Answerer) -> None:
        destination = await listen(bob, "tcp")
        bob.behaviour = ok
        reader, writer = await asyncio.open_connection(destination.host, destination.port)
        for byte in request_bytes("SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKv"):
            writer.write(bytes([byte]))
            await writer.drain()
        assert (await asyncio.wait_for(reader.readline(), LIMIT)).startswith(b"SIP/2.0 200")
        writer.close()


def request_bytes(via: str) -> bytes:
    headers = [
        ("Via", via),
        ("From", f"{ALICE};tag=1"),
        ("To", str(BOB)),
        ("Call-ID", "raw"),
        ("CSeq", "1 OPTIONS"),
    ]
    return Request("OPTIONS", "sip:bob@127.0.0.1", headers).to_bytes()


async def udp_exchange(destination: Destination, *datagrams: bytes) -> bytes:
    """Send datagrams from one socket; return the first answer."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind(("127.0.0.1", 0))
    try:
        for data in datagrams:
            sock.sendto(data, (destination.host, destination.port))
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(sock, 65_535), LIMIT)
    finally:
        sock.close()


INVITE_RAW = (
    b"INVITE sip:bob@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK%b;rport\r\n"
    b"From: <sip:alice@127.0.0.1>;tag=1\r\nTo: <sip:bob@127.0.0.1>\r\nCall-ID: %b\r\nCSeq: 1 INVITE\r\n"
    b"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


async def test_17_2_1_a_repeated_request_is_answered_without_being_read(alice: Answerer) -> None:
    read: list[Request] = []
    alice.endpoint.takes["INVITE"] = lambda request, source: bool(read.append(request))
    alice.behaviour = lambda tx, request: tx.reply(486) and None
    port = alice.endpoint.local_address("udp")[1]
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.setblocking(False)
        data = INVITE_RAW % (peer.getsockname()[1], b"one", b"one")
        answers = []
        for _ in range(3):
            peer.sendto(data, ("127.0.0.1", port))
            answers.append(await asyncio.wait_for(loop.sock_recv(peer, 65536), LIMIT))
    assert (len(read), alice.got.qsize()) == (1, 1)
    assert answers[0] == answers[1] == answers[2]
    assert answers[0].startswith(b"SIP/2.0 486")


def stand_still(seconds: float) -> None:
    time.sleep(seconds)


async def test_what_was_answered_while_the_process_stood_still_is_not_repeated(alice: Answerer) -> None:
    port = alice.endpoint.local_address("udp")[1]
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.setblocking(False)
        destination = Destination("udp", *peer.getsockname())
        tx = alice.endpoint.send_request(make(alice.endpoint, "OPTIONS", destination), destination)
        request = parse_message(await asyncio.wait_for(loop.sock_recv(peer, 65536), LIMIT))
        assert isinstance(request, Request)
        before = alice.endpoint.counters.repeated
        for _ in range(100):  # more than are read at once stand before the answer
            peer.sendto(b"\r\n\r\n", ("127.0.0.1", port))
        peer.sendto(response_to(request, 200, to_tag="t").to_bytes(), ("127.0.0.1", port))
        stand_still(0.1)  # five times as long as until the first repetition
        assert (await tx.final(LIMIT)).status == 200
        assert alice.endpoint.counters.repeated == before


async def test_13_3_1_4_a_2xx_whose_ack_came_while_the_process_stood_still_is_not_repeated(
    alice: Answerer, bob: Answerer
) -> None:
    destination = await listen(bob, "tcp")
    accepted: asyncio.Queue[asyncio.Future[Request | None]] = asyncio.Queue()

    def answer(tx: ServerTransaction, request: Request) -> None:
        if request.method == "INVITE":
            contact = ("Contact", f"<sip:bob@127.0.0.1:{destination.port};transport=tcp>")
            accepted.put_nowait(tx.accept(response_to(request, 200, to_tag=tx.to_tag, headers=[contact])))

    bob.behaviour = answer
    reader, writer = await asyncio.open_connection(destination.host, destination.port)
    writer.write((INVITE_RAW % (9, b"one", b"one")).replace(b"UDP", b"TCP"))
    response = parse_message(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LIMIT))
    assert isinstance(response, Response)
    ack = (INVITE_RAW % (9, b"two", b"one")).replace(b"UDP", b"TCP").replace(b"INVITE", b"ACK")
    to = f"To: {response.get('To')}\r\n".encode()
    loop, before = asyncio.get_running_loop(), bob.endpoint.counters.repeated
    loop.call_soon(writer.transport.write, ack.replace(b"To: <sip:bob@127.0.0.1>\r\n", to))
    loop.call_soon(stand_still, 0.1)
    loop.call_soon(bob.endpoint._timer_fired)  # uvloop runs its timers before it reads
    assert await asyncio.wait_for(await accepted.get(), LIMIT) is not None
    assert bob.endpoint.counters.repeated == before
    writer.close()


async def test_9_2_a_call_that_was_cancelled_while_it_waited_ends_without_anybody_knowing(
    alice: Answerer,
) -> None:
    endpoint = alice.endpoint
    endpoint._admit = lambda request, source: None
    endpoint.entrance = Entrance(
        endpoint, lambda: False, lambda request: False, lambda request: response_to(request, 503)
    )
    port = endpoint.local_address("udp")[1]
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.setblocking(False)
        invite = INVITE_RAW % (peer.getsockname()[1], b"one", b"one")
        for data in (invite, invite, invite.replace(b"INVITE", b"CANCEL")):
            peer.sendto(data, ("127.0.0.1", port))
        answers = [
            parse_message(await asyncio.wait_for(loop.sock_recv(peer, 65536), LIMIT)) for _ in range(2)
        ]
    assert alice.got.qsize() == 0
    assert sorted(
        (answer.cseq.method, answer.status) for answer in answers if isinstance(answer, Response)
    ) == [
        ("CANCEL", 200),
        ("INVITE", 487),
    ]
