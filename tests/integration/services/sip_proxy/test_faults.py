"""Bad input at the edge, floods, loops: refused without harm to the calls of others."""

import asyncio
import contextlib
import socket
from typing import Any

import pytest

from ringback.runtime.counters import read_totals
from ringback.services.sip_proxy.overload import Overload
from ringback.sip import Dialog, Request, Response, parse_message
from ringback.sip.transport import Destination
from ringback.testing.servers import run_host

Stage = Any
HOST = run_host(62)
CARRIER_HOST = run_host(50)
LIMIT = 20.0
BROKEN = (
    b"INVITE sip:8000@127.31.6.2 SIP/2.0\r\nVia: SIP/2.0/UDP 127.31.6.50;branch=z9hG4bKbad;rport\r\n"
    b'From: "Unbalanced <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCall-ID: bad\r\nCSeq: 1 INVITE\r\nl: 0\r\n\r\n'
)
GARBAGE = (b"\x00\xff" * 50, b"INVITE\r\n\r\n", b"SIP/2.0 200\r\n\r\n", b"", b"GET / HTTP/1.0\r\n\r\n")


async def call(stage: Stage, carrier: Any) -> tuple[Response, Dialog]:
    invite = carrier.request("INVITE", f"sip:8000@{HOST}", "sip:+1@carrier.example")
    response = await carrier.endpoint.send_request(invite, stage.edge).final(LIMIT)
    return response, Dialog.from_response(invite, response) if response.is_success else Dialog(*[""] * 6)


def first_register(place: str, number: int) -> bytes:
    """What a phone sends before it was challenged."""
    return (
        "REGISTER sip:demo.example SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {place};branch=z9hG4bK{number};rport\r\n"
        "From: <sip:1001@demo.example>;tag=a\r\nTo: <sip:1001@demo.example>\r\n"
        f"Call-ID: {number}\r\nCSeq: 1 REGISTER\r\nMax-Forwards: 70\r\n"
        f"Contact: <sip:1001@{place}>\r\nContent-Length: 0\r\n\r\n"
    ).encode()


async def hang_up(carrier: Any, dialog: Dialog) -> int:
    response = await carrier.endpoint.send_request(dialog.request("BYE"), dialog.destination).final(LIMIT)
    return int(response.status)


@pytest.fixture
async def carrier(stage: Stage) -> Any:
    await stage.node("n1")
    return await stage.part("carrier", CARRIER_HOST, 5060)


async def test_malformed_sip_over_udp_is_400_or_silence_and_calls_live(stage: Stage, carrier: Any) -> None:
    _, dialog = await call(stage, carrier)
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind((CARRIER_HOST, 0))
    for data in (*GARBAGE, BROKEN):
        sock.sendto(data, (HOST, 5060))
    got = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(sock, 65_535), LIMIT)
    sock.close()
    assert got.startswith(b"SIP/2.0 400 ")
    assert await hang_up(carrier, dialog) == 200


async def test_malformed_sip_over_tcp_harms_only_its_own_connection(stage: Stage, carrier: Any) -> None:
    _, dialog = await call(stage, carrier)
    half_open = [await asyncio.open_connection(HOST, 5060, local_addr=(CARRIER_HOST, 0)) for _ in range(5)]
    for (_, writer), data in zip(half_open, GARBAGE, strict=True):
        writer.write(data or b"INVITE sip:8000@x SIP/2.0\r\nVia: SIP/2.0/TCP a")
    reader, writer = await asyncio.open_connection(HOST, 5060, local_addr=(CARRIER_HOST, 0))
    writer.write(BROKEN.replace(b"/UDP", b"/TCP"))
    assert (await asyncio.wait_for(reader.readline(), LIMIT)).startswith(b"SIP/2.0 400 ")
    assert await hang_up(carrier, dialog) == 200
    for _, open_writer in (*half_open, (reader, writer)):
        open_writer.close()


async def test_rfc3261_20_14_who_sends_what_cannot_be_cut_is_told_so_before_the_connection_ends(
    stage: Stage, carrier: Any
) -> None:
    good = carrier.request("OPTIONS", f"sip:{HOST}", "sip:+1@carrier.example")
    good.prepend("Via", f"SIP/2.0/TCP {CARRIER_HOST};branch=z9hG4bKcut")
    text = good.to_bytes().decode()
    for wrong, status, why in (
        (text.replace("Content-Length: 0\r\n", ""), 400, "Content-Length"),
        (text.replace("Content-Length: 0", "Content-Length: 9000000"), 513, "body too large"),
        (text.replace("OPTIONS", "ACK").replace("Content-Length: 0\r\n", ""), 0, ""),
    ):
        reader, writer = await asyncio.open_connection(HOST, 5060, local_addr=(CARRIER_HOST, 0))
        writer.write(wrong.encode())
        said = await asyncio.wait_for(reader.read(), LIMIT)
        assert said.startswith(f"SIP/2.0 {status} ".encode()) if status else said == b""
        assert why.encode() in said
        writer.close()


class TestConnections:
    """Connections are bounded, and nobody can take all of them."""

    @pytest.fixture
    def proxy_settings(self) -> dict[str, str]:
        return {
            "RINGBACK_SIP_PROXY_MAX_SOURCE_CONNECTIONS": "3",
            "RINGBACK_SIP_PROXY_NEVER_BANNED": "192.0.2.0/24",
        }

    async def test_one_source_has_no_more_than_its_share_and_others_come_in(
        self, stage: Stage, carrier: Any
    ) -> None:
        taken = [await asyncio.open_connection(HOST, 5060, local_addr=(run_host(70), 0)) for _ in range(4)]
        assert await asyncio.wait_for(taken[3][0].read(1), LIMIT) == b""
        assert stage.proxy._edge.refused_connections == 1
        options = carrier.request("OPTIONS", f"sip:{HOST}", "sip:+1@carrier.example")
        assert (await carrier.endpoint.send_request(options, stage.edge_tcp).final(LIMIT)).status == 200
        taken[0][1].close()
        async with asyncio.timeout(LIMIT):
            while stage.proxy._edge.connections > 3:
                await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_connection(HOST, 5060, local_addr=(run_host(70), 0))
        writer.write(b"\r\n\r\n")
        assert await asyncio.wait_for(reader.read(2), LIMIT) == b"\r\n"
        for _, each in (*taken, (reader, writer)):
            each.close()


class TestLimits:
    """Admission control."""

    @pytest.fixture
    def proxy_settings(self) -> dict[str, str]:
        return {"RINGBACK_SIP_PROXY_CALLS_PER_SECOND": "0.01", "RINGBACK_SIP_PROXY_CALL_BURST": "5"}

    async def test_a_flood_is_503_with_retry_after_and_calls_under_way_are_unharmed(
        self, stage: Stage, carrier: Any
    ) -> None:
        response, dialog = await call(stage, carrier)
        assert response.status == 200
        flood = [
            carrier.endpoint.send_request(
                carrier.request("INVITE", f"sip:8000@{HOST}", "sip:+1@carrier.example"), stage.edge
            )
            for _ in range(60)
        ]
        answers = [await tx.final(LIMIT) for tx in flood]
        refused = [answer for answer in answers if answer.status == 503]
        assert len(refused) >= 50
        assert all(int(answer.get("Retry-After") or 0) >= 1 for answer in refused)
        assert sum(answer.status == 200 for answer in answers) == 4
        assert await hang_up(carrier, dialog) == 200

    async def test_the_limit_is_per_source(self, stage: Stage, carrier: Any) -> None:
        for _ in range(6):
            last, _ = await call(stage, carrier)
        assert last.status == 503
        other = await stage.part("x", run_host(70))
        invite = other.request("INVITE", f"sip:8000@{HOST}", "sip:+1@else.example")
        assert (await other.endpoint.send_request(invite, stage.edge).final(LIMIT)).status == 407

    async def test_a_refused_call_leaves_no_transaction(self, stage: Stage, carrier: Any) -> None:
        for _ in range(6):
            last, _ = await call(stage, carrier)
        assert last.status == 503
        before = stage.proxy._edge.transactions
        assert (await call(stage, carrier))[0].status == 503
        assert stage.proxy._edge.transactions == before


class TestCallsAtATime:
    """A source has only so many calls."""

    @pytest.fixture
    def proxy_settings(self) -> dict[str, str]:
        return {"RINGBACK_SIP_PROXY_MAX_CALLS": "2"}

    async def test_one_more_is_refused_until_one_has_ended(self, stage: Stage, carrier: Any) -> None:
        dialogs = [(await call(stage, carrier))[1] for _ in range(2)]
        assert (await call(stage, carrier))[0].status == 503
        assert await hang_up(carrier, dialogs[0]) == 200
        assert (await call(stage, carrier))[0].status == 200


class TestOverload:
    """The process does not keep up."""

    async def test_what_is_new_is_503_and_dialogs_and_emergencies_go_on(
        self, stage: Stage, carrier: Any
    ) -> None:
        _, dialog = await call(stage, carrier)
        before = stage.proxy._edge.transactions
        stage.proxy._core.overload.delay = 1000.0
        response, _ = await call(stage, carrier)
        assert (response.status, 2 <= int(response.get("Retry-After") or 0) <= 10) == (503, True)
        assert stage.proxy._edge.transactions == before
        urgent = carrier.request("INVITE", f"sip:112@{HOST}", "sip:+1@carrier.example")
        assert (await carrier.endpoint.send_request(urgent, stage.edge).final(LIMIT)).status == 200
        assert await hang_up(carrier, dialog) == 200
        stage.proxy._core.overload.delay = 0.0
        assert stage.proxy._core.metrics.refused.counts["overload",] == 1
        assert (await call(stage, carrier))[0].status == 200


class AtTheLimit(Overload):
    """A proxy that just keeps up."""

    def measured(self, delay: float, queued: int) -> None:
        """It stays so."""


class TestAllPhonesAtOnce:
    """The proxy was restarted, and whoever was registered comes back in the same second."""

    @pytest.fixture
    def proxy_settings(self) -> dict[str, str]:
        # All services share a process with the phones here: the limit leaves room for their work.
        return {
            "RINGBACK_SIP_PROXY_REGISTERS_PER_SECOND": "1000000",
            "RINGBACK_SIP_PROXY_OVERLOAD_DELAY_S": "10",
        }

    async def test_calls_are_taken_while_phones_are_told_to_wait(self, stage: Stage, carrier: Any) -> None:
        stage.proxy._core.overload = AtTheLimit(delay_s=0.2, waiting=0, delay=0.2)
        phone = await stage.part("phone", run_host(59))
        register = phone.request("REGISTER", "sip:demo.example", "sip:1001@demo.example")
        response = await phone.endpoint.send_request(register, stage.edge).final(LIMIT)
        assert (response.status, 2 <= int(response.get("Retry-After") or 0) <= 10) == (503, True)
        assert (await call(stage, carrier))[0].status == 200

    async def test_every_call_is_answered_while_a_thousand_phones_come(
        self, stage: Stage, carrier: Any
    ) -> None:
        phones, host, answers = 1000, run_host(59), asyncio.Queue[bytes]()

        class Phones(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
                answers.put_nowait(data)

        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Phones, local_addr=(host, 0))
        with contextlib.closing(transport):
            place = f"{host}:{transport.get_extra_info('sockname')[1]}"
            for number in range(phones):
                transport.sendto(first_register(place, number), (HOST, 5060))
            calls = await asyncio.gather(*(call(stage, carrier) for _ in range(10)))
            assert {response.status for response, _ in calls} == {200}
            async with asyncio.timeout(LIMIT):
                found = {(await answers.get())[8:11] for _ in range(100)}  # its own kernel may drop others
        assert b"401" in found <= {b"401", b"503"}


class TestOneTenant:
    """A tenant has only so many calls."""

    @pytest.fixture
    def proxy_settings(self) -> dict[str, str]:
        return {"RINGBACK_SIP_PROXY_MAX_TENANT_CALLS": "1"}

    async def test_one_more_is_refused_until_one_has_ended(self, stage: Stage, carrier: Any) -> None:
        _, dialog = await call(stage, carrier)
        refused, _ = await call(stage, carrier)
        assert (refused.status, refused.get("Retry-After")) == (503, "5")
        assert await hang_up(carrier, dialog) == 200
        assert (await call(stage, carrier))[0].status == 200


class TestRfc3261Section16_3:  # noqa: N801
    """Request validation."""

    async def test_no_hops_left_is_483(self, stage: Stage, carrier: Any) -> None:
        request = carrier.request("INVITE", f"sip:8000@{HOST}", "sip:+1@carrier.example")
        request.set("Max-Forwards", "0")
        assert (await carrier.endpoint.send_request(request, stage.edge).final(LIMIT)).status == 483

    async def test_options_to_us_needs_no_hops_and_a_strange_scheme_is_416(
        self, stage: Stage, carrier: Any
    ) -> None:
        options = carrier.request("OPTIONS", f"sip:{HOST}", "sip:+1@carrier.example")
        options.set("Max-Forwards", "0")
        beyond = carrier.request("OPTIONS", "sip:8000@elsewhere.example", "sip:+1@carrier.example")
        beyond.set("Max-Forwards", "0")
        strange = carrier.request("INVITE", "mailto:a@b.example", "sip:+1@carrier.example")
        for request, status in ((options, 200), (beyond, 483), (strange, 416)):
            assert (await carrier.endpoint.send_request(request, stage.edge).final(LIMIT)).status == status

    async def test_an_unknown_proxy_extension_is_420(self, stage: Stage, carrier: Any) -> None:
        request = carrier.request(
            "INVITE", f"sip:8000@{HOST}", "sip:+1@carrier.example", ("Proxy-Require", "magic")
        )
        response = await carrier.endpoint.send_request(request, stage.edge).final(LIMIT)
        assert (response.status, response.get("Unsupported")) == (420, "magic")

    async def test_a_request_that_comes_back_unchanged_is_482(self, stage: Stage) -> None:
        node = await stage.node("n1")
        carrier = await stage.part("carrier", CARRIER_HOST, 5060)
        await carrier.endpoint.send_request(
            carrier.request("INVITE", f"sip:8000@{HOST}", "sip:+1@carrier.example"), stage.edge
        ).final(LIMIT)
        _, received = await node.next("INVITE")
        looped = Request(received.method, received.raw_uri)
        looped.headers = [pair for pair in received.headers if pair[0] != "Record-Route"]
        response = await carrier.endpoint.send_request(looped, stage.edge).final(LIMIT)
        assert response.status == 482


async def test_rfc3261_8_2_1_and_12_2_2_what_begins_nothing_is_refused_by_what_is_wrong_with_it(
    stage: Stage, carrier: Any
) -> None:
    """A method that Allow names is never 405: what comes in dialogs has none here, 481 (15.1.2, 3311 5.2)."""
    dialogs = dict.fromkeys(("BYE", "INFO", "NOTIFY", "PRACK", "UPDATE"), 481)
    others = {"OPTIONS": 200, "REFER": 403, "PUBLISH": 405, "MESSAGE": 405, "SPEAK": 405}
    for method, status in {**dialogs, **others}.items():
        request = carrier.request(method, f"sip:{HOST}", "sip:+1@carrier.example")
        response = await carrier.endpoint.send_request(request, stage.edge).final(LIMIT)
        assert (method, response.status) == (method, status)
        allowed = (response.get("Allow") or "").split(", ")
        assert method not in allowed if status == 405 else True
        assert ("INVITE" in allowed) is (status in (200, 405))


async def test_every_torture_message_of_a_stranger_is_survived(stage: Stage, carrier: Any) -> None:
    """A mutated message at each offset, then an ordinary call."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((CARRIER_HOST, 0))
    good = carrier.request("INVITE", f"sip:8000@{HOST}", "sip:+1@carrier.example")
    good.prepend("Via", f"SIP/2.0/UDP {CARRIER_HOST}:{sock.getsockname()[1]};branch=z9hG4bKm;rport")
    data = good.to_bytes()
    for at in range(0, len(data), 3):
        sock.sendto(data[:at] + b'"<\x00' + data[at + 2 :], (HOST, 5060))
    response, dialog = await call(stage, carrier)
    assert response.status == 200
    assert await hang_up(carrier, dialog) == 200
    sock.close()


async def test_the_connections_of_the_proxy_are_counted(stage: Stage, carrier: Any) -> None:
    _, dialog = await call(stage, carrier)
    await hang_up(carrier, dialog)
    process = stage.harness.process
    await process.connections.flush(process.valkey)
    totals = await read_totals(process.valkey)
    assert totals["voice-51"] >= 2
    assert totals["voice-59"] >= 2
    assert totals["voice-23"] >= 1


async def test_without_valkey_calls_go_on_and_begin_and_phones_are_503(
    stage: Stage, carrier: Any, valkey: Any
) -> None:
    _, dialog = await call(stage, carrier)
    await valkey.server.stop()
    try:
        await stage.look()
        response, other = await call(stage, carrier)
        assert response.status == 200
        assert [await hang_up(carrier, item) for item in (dialog, other)] == [200, 200]
        node = stage.parts[0]
        target = ("X-Ringback-Target", "dn=1001")
        invite = node.request("INVITE", "sip:1001@demo.example", "sip:8000@demo.example", target)
        response = await node.endpoint.send_request(invite, stage.inside).final(LIMIT)
        assert (response.status, response.get("Retry-After")) == (503, "2")
    finally:
        await valkey.server.start()
    async with asyncio.timeout(10):
        while not stage.harness.process.valkey.connected:
            await asyncio.sleep(0.02)
    await stage.look()
    assert (await call(stage, carrier))[0].status == 200


class TestReporting:
    """What Kafka is told."""

    @pytest.fixture
    def broker(self, kafka: Any) -> str:
        return str(kafka.bootstrap)

    async def test_each_invite_is_reported_and_the_broker_gets_it(self, stage: Stage, carrier: Any) -> None:
        _, dialog = await call(stage, carrier)
        await hang_up(carrier, dialog)
        connections, valkey = stage.harness.process.connections, stage.harness.process.valkey
        async with asyncio.timeout(LIMIT):
            while "voice-60" not in await read_totals(valkey):
                await connections.flush(valkey)
                await asyncio.sleep(0.02)


async def test_a_draining_proxy_takes_no_new_call_and_waits_for_the_old(stage: Stage, carrier: Any) -> None:
    _, dialog = await call(stage, carrier)
    drained = asyncio.create_task(stage.proxy.drain())
    await asyncio.sleep(0)
    response, _ = await call(stage, carrier)
    assert response.status == 503
    assert not drained.done()
    assert await hang_up(carrier, dialog) == 200
    await asyncio.wait_for(drained, LIMIT)


async def test_a_reply_that_nobody_waits_for_is_dropped(stage: Stage, carrier: Any) -> None:
    """RFC 6026 8.9: a proxy does not forward stray responses."""
    stray = Response(200)
    stray.headers = carrier.request("INVITE", f"sip:8000@{HOST}", "sip:+1@carrier.example").headers
    stray.prepend("Via", f"SIP/2.0/UDP {CARRIER_HOST}:5060;branch=z9hG4bKstray")
    stray.prepend("Via", f"SIP/2.0/UDP {HOST}:5060;branch=z9hG4bKnone")
    assert isinstance(parse_message(stray.to_bytes()), Response)
    carrier.endpoint.send(stray, Destination("udp", HOST, 5060))
    response, dialog = await call(stage, carrier)
    assert response.status == 200
    assert stage.proxy._edge._layer.stray == 1
    assert await hang_up(carrier, dialog) == 200
