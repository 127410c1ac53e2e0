"""TLS, WebSocket and IPv6 on real sockets; the WebSocket client is somebody else's."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ringback.sip import NameAddr, Request, Response, parse_message
from ringback.sip.endpoint import SipEndpoint
from ringback.sip.exchange import ServerTransaction
from ringback.sip.stream import Tls
from ringback.sip.transport import Destination
from ringback.testing.certificates import Certificate, make_certificate

LIMIT = 20.0
ALICE = NameAddr.parse("<sip:alice@example.test>")
OPTIONS = (
    "OPTIONS sip:bob@example.test SIP/2.0\r\n"
    "Via: SIP/2.0/{name} df7jal23ls0d.invalid;branch=z9hG4bK{branch}\r\n"
    "Max-Forwards: 70\r\nFrom: <sip:alice@example.test>;tag=1\r\nTo: <sip:bob@example.test>\r\n"
    "Call-ID: {branch}\r\nCSeq: 1 OPTIONS\r\n{more}\r\n"
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificates"), "localhost", "127.0.0.1")


class Bob:
    """Answers everything with 200 and remembers from where it came."""

    def __init__(self, tls: Tls) -> None:
        self.endpoint = SipEndpoint(self._handle, tls=tls)
        self.sources: list[str] = []
        self.vias: list[str] = []

    def _handle(self, tx: ServerTransaction, request: Request) -> None:
        self.sources.append(tx.source.transport)
        self.vias.append(str(request.via))
        if tx.can_respond:
            tx.reply(200)


@pytest.fixture
async def bob(certificate: Certificate) -> AsyncIterator[Bob]:
    answerer = Bob(certificate.tls())
    yield answerer
    await answerer.endpoint.close()


async def ask(caller: SipEndpoint, destination: Destination) -> Response:
    request = caller.new_request("OPTIONS", "sip:bob@example.test", from_=ALICE, to=ALICE)
    return await caller.send_request(request, destination).final(LIMIT)


class TestTls:
    """RFC 3261 26.2.1 and RFC 5922."""

    async def test_a_request_goes_over_tls_and_says_so_in_its_via(
        self, bob: Bob, certificate: Certificate
    ) -> None:
        _, port = await bob.endpoint.listen("tls", "127.0.0.1")
        caller = SipEndpoint(_deaf, tls=certificate.tls())
        try:
            for host in ("127.0.0.1", "localhost"):
                assert (await ask(caller, Destination("tls", host, port))).status == 200
            assert bob.sources == ["tls", "tls"]
            assert bob.vias[0].startswith("SIP/2.0/TLS")
            assert caller.is_connected(Destination("tls", "127.0.0.1", port))
        finally:
            await caller.close()

    @pytest.mark.parametrize(("name", "expired"), [("other.example.test", False), ("127.0.0.1", True)])
    async def test_section_7_a_server_whose_certificate_names_another_or_has_expired_is_not_talked_to(
        self, tmp_path: Path, name: str, expired: bool
    ) -> None:
        other = make_certificate(tmp_path, name, expired=expired)
        bob = Bob(other.tls())
        _, port = await bob.endpoint.listen("tls", "127.0.0.1")
        caller = SipEndpoint(_deaf, tls=other.tls())
        try:
            assert (await ask(caller, Destination("tls", "127.0.0.1", port))).status == 503
            assert bob.sources == []
        finally:
            await caller.close()
            await bob.endpoint.close()

    @pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1")
    @pytest.mark.parametrize(("version", "taken"), [("TLSv1_1", False), ("TLSv1_2", True), ("TLSv1_3", True)])
    async def test_nothing_older_than_tls_1_2_is_spoken(
        self, bob: Bob, certificate: Certificate, version: str, taken: bool
    ) -> None:
        """RFC 8996; the refusal must come from us, so the client is told to speak what nobody should."""
        host, port = await bob.endpoint.listen("tls", "127.0.0.1")
        client = ssl.create_default_context(cafile=str(certificate.authority))
        client.set_ciphers("DEFAULT@SECLEVEL=0")
        client.check_hostname = False
        client.minimum_version = ssl.TLSVersion.TLSv1_1
        client.maximum_version = ssl.TLSVersion[version]
        try:
            _, writer = await asyncio.open_connection(host, port, ssl=client)
        except OSError as error:
            # Told so, or cut off: anything else would be the client's own doing.
            told = isinstance(error, ssl.SSLError) and "PROTOCOL_VERSION" in (error.reason or "")
            assert told or isinstance(error, ConnectionError)
            assert not taken
        else:
            assert taken
            writer.close()
            await writer.wait_closed()

    async def test_a_server_whose_authority_is_unknown_is_not_talked_to(
        self, bob: Bob, certificate: Certificate
    ) -> None:
        _, port = await bob.endpoint.listen("tls", "127.0.0.1")
        caller = SipEndpoint(_deaf, tls=Tls(None, ssl.create_default_context()))
        try:
            assert (await ask(caller, Destination("tls", "127.0.0.1", port))).status == 503
        finally:
            await caller.close()

    async def test_without_a_certificate_there_is_no_listening(self) -> None:
        endpoint = SipEndpoint(_deaf)
        with pytest.raises(ValueError, match="needs a certificate"):
            await endpoint.listen("tls", "127.0.0.1")

    async def test_a_client_that_speaks_no_tls_harms_nobody(self, bob: Bob, certificate: Certificate) -> None:
        _, port = await bob.endpoint.listen("tls", "127.0.0.1")
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"OPTIONS sip:bob SIP/2.0\r\n\r\n")
        caller = SipEndpoint(_deaf, tls=certificate.tls())
        try:
            assert (await ask(caller, Destination("tls", "127.0.0.1", port))).status == 200
        finally:
            writer.close()
            await caller.close()


class TestWebSocket:
    """RFC 7118."""

    @pytest.fixture(params=["ws", "wss"])
    async def place(
        self, request: pytest.FixtureRequest, bob: Bob, certificate: Certificate
    ) -> dict[str, Any]:
        name = request.param
        _, port = await bob.endpoint.listen(name, "127.0.0.1")
        secure = {"ssl": ssl.create_default_context(cafile=certificate.authority)} if name == "wss" else {}
        return {"uri": f"{name}://127.0.0.1:{port}/", "name": name.upper(), **secure}

    async def test_section_5_a_request_is_answered_on_its_connection(
        self, bob: Bob, place: dict[str, Any]
    ) -> None:
        name = place.pop("name")
        async with connect(**place, subprotocols=["sip"]) as client:
            assert client.subprotocol == "sip"
            await client.send(OPTIONS.format(name=name, branch="one", more=""))
            answer = parse_message((await asyncio.wait_for(client.recv(), LIMIT)).encode())
            assert isinstance(answer, Response)
            assert answer.status == 200
            assert "received=127.0.0.1" in str(answer.via)
            assert bob.sources == [name.lower()]

    async def test_section_4_2_binary_messages_and_fragments_are_taken(
        self, bob: Bob, place: dict[str, Any]
    ) -> None:
        text = OPTIONS.format(name=place.pop("name"), branch="two", more="Content-Length: 0\r\n")
        async with connect(**place, subprotocols=["sip"]) as client:
            await client.send(text.encode())
            await asyncio.wait_for(client.recv(), LIMIT)
            await client.send([text[:40].replace("two", "three"), text[40:].replace("two", "three")])
            await asyncio.wait_for(client.recv(), LIMIT)
        assert len(bob.sources) == 2

    async def test_section_4_1_a_client_that_does_not_ask_for_sip_is_refused(
        self, place: dict[str, Any]
    ) -> None:
        place.pop("name")
        with pytest.raises(InvalidStatus) as caught:
            async with connect(**place, subprotocols=["chat"]):
                pass
        assert caught.value.response.status_code == 400

    @pytest.mark.parametrize(
        ("fragments", "code"), [(["x" * 400_000], 1009), ([b"OPTIONS \xff", b"\xfe sip:a SIP/2.0"], 1007)]
    )
    async def test_a_message_beyond_the_limit_or_no_utf8_ends_the_connection(
        self, bob: Bob, place: dict[str, Any], fragments: list[str] | list[bytes], code: int
    ) -> None:
        """RFC 6455 7.4.1, 8.1."""
        place.pop("name")
        async with connect(**place, subprotocols=["sip"]) as client:
            await client.send(fragments, text=True)
            with pytest.raises(ConnectionClosed) as caught:
                await asyncio.wait_for(client.recv(), LIMIT)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == code
        assert bob.sources == []

    async def test_pings_are_answered_and_a_close_is_taken(self, bob: Bob, place: dict[str, Any]) -> None:
        place.pop("name")
        async with connect(**place, subprotocols=["sip"]) as client:
            await asyncio.wait_for(await client.ping(), LIMIT)
            assert bob.endpoint.connections == 1
        assert client.close_code == 1000

    async def test_nobody_can_call_a_browser_that_has_gone(self, bob: Bob) -> None:
        answer = await ask(bob.endpoint, Destination("ws", "127.0.0.1", 9))
        assert answer.status == 503


async def test_what_is_no_websocket_at_all_is_closed(bob: Bob) -> None:
    _, port = await bob.endpoint.listen("ws", "127.0.0.1")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"REGISTER sip:x SIP/2.0\r\n\r\n\r\n")
    await asyncio.wait_for(reader.read(), LIMIT)
    writer.close()
    assert bob.sources == []


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_a_request_goes_over_ipv6(tmp_path: Path, transport: str) -> None:
    """RFC 3261 18 with RFC 5118 addresses in Via and Contact."""
    tls = make_certificate(tmp_path, "::1").tls()
    bob, caller = Bob(tls), SipEndpoint(_deaf, tls=tls)
    try:
        if transport == "udp":
            address = await bob.endpoint.listen_udp("::1")
            await caller.listen_udp("::1")
        else:
            address = await bob.endpoint.listen(transport, "::1")
        destination = Destination(transport, *address)
        assert (await ask(caller, destination)).status == 200
        if transport == "udp":
            assert "[::1]" in bob.vias[0]
            assert "[::1]" in str(caller.contact(destination, "alice"))
    finally:
        await caller.close()
        await bob.endpoint.close()


def _deaf(tx: ServerTransaction, request: Request) -> None:
    """Nobody calls this one."""
