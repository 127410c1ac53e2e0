"""Phones over TLS, browsers over WebSocket, trunks over TLS: through a running proxy and registrar."""

import asyncio
import re
import ssl
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.integration.services.sip_proxy.conftest import Part, configuration, publish
from tests.integration.services.sip_proxy.test_foreign_agents import speak
from websockets.asyncio.client import ClientConnection, connect

from ringback.commands.siptools.phones import register
from ringback.contracts.sip import Binding, bindings_key
from ringback.domain.configuration import Gateway, Trunk
from ringback.sip import Dialog, Request, Response, parse_message
from ringback.sip.digest import DigestClient
from ringback.sip.identity import client_context
from ringback.sip.sdp import build_offer
from ringback.sip.stream import Tls
from ringback.sip.transport import Destination
from ringback.testing.certificates import Certificate, make_certificate
from ringback.testing.servers import run_host

Stage = Any
HOST = run_host(62)
DOMAIN = "demo.example"
SECRET = "first secret"
LIMIT = 20.0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("edge"), HOST, DOMAIN)


@pytest.fixture
def proxy_settings(certificate: Certificate) -> dict[str, str]:
    return {
        "RINGBACK_SIP_PROXY_TLS_CERTIFICATE": str(certificate.chain),
        "RINGBACK_SIP_PROXY_TLS_KEY": str(certificate.key),
        "RINGBACK_SIP_PROXY_TLS_AUTHORITIES": str(certificate.authority),
        "RINGBACK_SIP_PROXY_WEBSOCKET": "true",
        "RINGBACK_SIP_PROXY_TLS_ASK": "true",
    }


class Browser:
    """A scripted user agent over somebody else's WebSocket: it comes, and cannot be called (RFC 7118)."""

    def __init__(self, socket: ClientConnection, name: str) -> None:
        self.socket = socket
        self.via = f"SIP/2.0/{name} q3v7x.invalid"
        self.contact = "<sip:1001@q3v7x.invalid;transport=ws>"
        self._count = 0

    async def ask(self, method: str, uri: str, *more: str) -> Response:
        """Send a request; the final response."""
        self._count += 1
        head = [
            f"{method} {uri} SIP/2.0",
            f"Via: {self.via};branch=z9hG4bK{self._count}",
            "Max-Forwards: 70",
            f"From: <sip:1001@{DOMAIN}>;tag=b",
            f"To: <sip:1001@{DOMAIN}>",
            "Call-ID: browser-1",
            f"CSeq: {self._count} {method}",
            f"Contact: {self.contact};expires=60",
            *more,
        ]
        await self.socket.send("\r\n".join([*head, "", ""]))
        while True:
            answer = await self.next()
            if isinstance(answer, Response) and answer.status >= 200:
                return answer

    async def next(self) -> Request | Response:
        """The next message."""
        text = await asyncio.wait_for(self.socket.recv(), LIMIT)
        return parse_message(text.encode() if isinstance(text, str) else text)

    async def request(self, method: str) -> Request:
        """The next request, which must be this one."""
        message = await self.next()
        assert isinstance(message, Request)
        assert message.method == method
        return message

    async def reply(self, request: Request, status: str, *more: str) -> None:
        """Answer a request."""
        head = [f"SIP/2.0 {status}", *(f"Via: {via}" for via in request.get_all("Via"))]
        head += [f"Record-Route: {route}" for route in request.get_all("Record-Route")]
        head += [f"From: {request.get('From')}", f"To: {request.get('To')};tag=browser"]
        head += [f"Call-ID: {request.call_id}", f"CSeq: {request.get('CSeq')}", f"Contact: {self.contact}"]
        await self.socket.send("\r\n".join([*head, *more, "", ""]))

    async def register(self) -> None:
        """Register with the password."""
        uri = f"sip:{DOMAIN}"
        challenge = await self.ask("REGISTER", uri)
        assert challenge.status == 401
        values = challenge.get_all("WWW-Authenticate")
        proof = DigestClient("1001", SECRET).answer(values, "REGISTER", uri, "c")
        assert (await self.ask("REGISTER", uri, f"Authorization: {proof}")).status == 200


def invitation(stage: Stage, node: Part) -> Request:
    """A call of the platform to extension 1001."""
    invite = node.request(
        "INVITE",
        f"sip:1001@{DOMAIN}",
        f"sip:8000@{DOMAIN}",
        ("X-Ringback-Tenant", "demo"),
        ("X-Ringback-Target", "dn=1001"),
    )
    invite.set("Contact", f"<sip:node@{node.address[0]}:{node.address[1]};transport=tcp>")
    invite.set_body(build_offer(HOST, 40_000, "2").to_bytes())
    return invite


@pytest.mark.parametrize(("scheme", "port"), [("ws", 8088), ("wss", 8089)])
async def test_a_browser_registers_is_called_and_hung_up_on(
    stage: Stage, certificate: Certificate, scheme: str, port: int
) -> None:
    """RFC 7118 5 and 6: requests to a browser take the connection on which it registered."""
    node = await stage.node("n1")
    secure = {"ssl": ssl.create_default_context(cafile=certificate.authority)} if scheme == "wss" else {}
    async with connect(f"{scheme}://{HOST}:{port}/", subprotocols=["sip"], **secure) as socket:
        browser = Browser(socket, scheme.upper())
        await browser.register()
        (row,) = await stage.harness.process.valkey.call("HVALS", bindings_key("demo", "1001"))
        assert msgspec.json.decode(row, type=Binding).received.startswith(f"{scheme}:127.")

        invite = invitation(stage, node)
        tx = node.endpoint.send_request(invite, stage.inside)
        got = await browser.request("INVITE")
        assert got.raw_uri == "sip:1001@q3v7x.invalid;transport=ws"
        route = got.get_all("Record-Route")[0]
        assert re.search(rf":{port};transport=ws;lr", route)
        assert not any("X-Ringback" in name for name, _ in got.headers)
        await browser.reply(got, "200 OK")
        answer = await tx.final(LIMIT)
        assert answer.status == 200
        dialog = Dialog.from_response(invite, answer)
        tx.send_ack(dialog.ack(1), dialog.destination)
        await browser.request("ACK")
        bye = node.endpoint.send_request(dialog.request("BYE"), dialog.destination)
        await browser.reply(await browser.request("BYE"), "200 OK")
        assert (await bye.final(LIMIT)).status == 200


async def test_a_browser_that_has_gone_is_not_waited_for(stage: Stage) -> None:
    node = await stage.node("n1")
    async with connect(f"ws://{HOST}:8088/", subprotocols=["sip"]) as socket:
        await Browser(socket, "WS").register()
    answer = await node.endpoint.send_request(invitation(stage, node), stage.inside).final(LIMIT)
    assert answer.status in (480, 503)


async def test_a_phone_over_tls_calls_and_is_called_on_its_connection(
    stage: Stage, certificate: Certificate
) -> None:
    node = await stage.node("n1")
    phone = Part("1001")
    phone.endpoint = type(phone.endpoint)(phone._handle, tls=certificate.tls())
    stage.parts.append(phone)
    phone.address = await phone.endpoint.listen_tcp(HOST)
    edge = Destination("tls", HOST, 5061)
    uri = f"sip:{DOMAIN}"
    register = phone.request("REGISTER", uri, f"sip:1001@{DOMAIN}")
    register.set("To", f"<sip:1001@{DOMAIN}>")
    assert (await stage.as_phone(phone, register, edge)).status == 200

    called = await node.endpoint.send_request(invitation(stage, node), stage.inside).final(LIMIT)
    assert called.status == 200
    tx, invite = await phone.next("INVITE")
    assert (tx.source.transport, invite.via.transport) == ("tls", "TLS")
    assert ":5061;transport=tls;lr" in invite.get_all("Record-Route")[0]

    call = phone.request("INVITE", f"sip:8000@{DOMAIN}", f"sip:1001@{DOMAIN}")
    assert (await stage.as_phone(phone, call, edge)).status == 200
    assert (await node.next("INVITE"))[1].get("X-Ringback-Origin") == "dn=1001"


async def test_rfc5922_7_a_hand_phone_registers_over_tls_where_it_trusts_the_server(
    stage: Stage, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = stage.proxy._core.edge.port_of("tls")

    def ask() -> int:
        return register("1001", SECRET, f"{HOST}:{port}", DOMAIN, "tls", 0)

    run = asyncio.get_running_loop().run_in_executor
    assert await run(None, ask) == 1
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    assert await run(None, ask) == 0


@pytest.mark.parametrize(
    ("named", "status"), [(HOST, 200), ("other.example.test", 503)], ids=["its own name", "another name"]
)
async def test_a_trunk_over_tls_is_used_only_if_its_certificate_names_it(
    stage: Stage, certificate: Certificate, tmp_path: Path, named: str, status: int
) -> None:
    """RFC 5922 7: the identity of the gateway is held against the host that is configured."""
    server = certificate.tls() if named == HOST else make_certificate(tmp_path, named).tls()
    carrier = Part("carrier")
    carrier.endpoint = type(carrier.endpoint)(carrier._handle, tls=server)
    stage.parts.append(carrier)
    carrier.address = await carrier.endpoint.listen("tls", HOST)
    trunk = Trunk(id="secure", gateways=(Gateway(HOST, carrier.address[1], "tls"),), numbers=("+!",))
    whole = configuration()
    await publish(stage.harness.process.valkey, msgspec.structs.replace(whole, dns=(*whole.dns, trunk)))
    node = await stage.node("n1")
    answer: Response | None = None
    async with asyncio.timeout(LIMIT):
        while answer is None or answer.status == 404:  # until the proxy has read the configuration
            request = node.request(
                "INVITE",
                "sip:+15550100@elsewhere.test",
                f"sip:8000@{DOMAIN}",
                ("X-Ringback-Tenant", "demo"),
                ("X-Ringback-Target", "trunk=secure"),
            )
            answer = await node.endpoint.send_request(request, stage.inside).final(LIMIT)
    assert answer.status == status
    if status == 200:
        assert (await carrier.next("INVITE"))[1].uri.number == "+15550100"
    else:
        assert carrier.got.empty()


async def test_rfc5922_7_a_trunk_is_known_by_the_certificate_that_it_shows(
    stage: Stage, certificate: Certificate
) -> None:
    """Mutual TLS: its address is nobody's, and without the certificate it is asked for a password."""
    trunk = Trunk(id="mutual", gateways=(Gateway(DOMAIN, 5061, "tls"),), numbers=("+!",))
    whole = configuration()
    await publish(stage.harness.process.valkey, msgspec.structs.replace(whole, dns=(*whole.dns, trunk)))
    node = await stage.node("n1")
    shows, hides = client_context(str(certificate.authority)), client_context(str(certificate.authority))
    shows.load_cert_chain(certificate.chain, certificate.key)

    async def call(context: ssl.SSLContext) -> int:
        carrier = Part("carrier")
        carrier.endpoint = type(carrier.endpoint)(carrier._handle, tls=Tls(None, context))
        stage.parts.append(carrier)
        carrier.address = await carrier.endpoint.listen_tcp(HOST)
        invite = carrier.request("INVITE", f"sip:8000@{DOMAIN}", "sip:+15550100@carrier.test")
        answer = await carrier.endpoint.send_request(invite, Destination("tls", HOST, 5061)).final(LIMIT)
        return answer.status

    async with asyncio.timeout(LIMIT):
        while await call(shows) != 200:  # until the proxy has read the configuration
            await asyncio.sleep(0.02)
    assert (await node.next("INVITE"))[1].get("X-Ringback-Origin") == "trunk=mutual"
    assert await call(hides) in (403, 407)


async def test_a_browser_that_loses_its_websocket_while_it_rings_is_rung_again_when_it_comes_back(
    stage: Stage,
) -> None:
    """RFC 7118 leaves it to us: the same Contact, the same branch, another WebSocket."""
    node = await stage.node("n1")
    url = f"ws://{HOST}:8088/"
    async with connect(url, subprotocols=["sip"]) as socket:
        browser = Browser(socket, "WS")
        await browser.register()
        calls = [node.endpoint.send_request(invitation(stage, node), stage.inside) for _ in range(2)]
        rung = [await browser.request("INVITE") for _ in calls]
        for invite in rung:
            await browser.reply(invite, "180 Ringing")
        for call in calls:
            await ringing(call)
    async with connect(url, subprotocols=["sip"]) as socket:
        browser.socket = socket
        await browser.register()
        again = [await browser.request("INVITE") for _ in calls]
        assert [each.via.branch for each in again] == [each.via.branch for each in rung]
        assert again[0].get("Record-Route") != rung[0].get("Record-Route")
        await browser.reply(again[0], "200 OK")
        response = await calls[0].final(LIMIT)
        assert response.status == 200
        dialog = Dialog.from_response(calls[0].request, response)
        calls[0].send_ack(dialog.ack(1), dialog.destination)
        await browser.request("ACK")
        await browser.reply(again[1], "180 Ringing")
        await ringing(calls[1])
        calls[1].cancel()
        await browser.reply(await browser.request("CANCEL"), "200 OK")
        await browser.reply(again[1], "487 Request Terminated")
        await browser.request("ACK")
        assert (await calls[1].final(LIMIT)).status == 487
    assert not stage.proxy._core.returning._ringing


async def ringing(call: Any) -> None:
    async with asyncio.timeout(LIMIT):
        async for response in call:
            if response.status == 180:
                return


async def test_baresip_registers_and_calls_over_tls_and_checks_the_certificate(
    stage: Stage, certificate: Certificate
) -> None:
    baresip = pytest.importorskip("baresip", reason="the baresip-python wheel is not installed")
    node = await stage.node("n1")
    trust = f"sip_cafile {certificate.authority}\nsip_verify_server yes\n"
    runtime = baresip.Runtime()
    await runtime.start(
        baresip.Config(net_interface="127.0.0.1", audio_driver="aumem", extra_config_text=trust)
    )
    try:
        account = baresip.Account(
            "1001", DOMAIN, SECRET, registrar=f"{HOST}:5061;transport=tls", reg_interval=60, transport="tls"
        )
        agent = await baresip.UserAgent.create(runtime, account)
        await agent.register(timeout=LIMIT)
        node.behaviour = speak
        call = await agent.dial(f"sip:8000@{DOMAIN}")
        await call.wait_established(LIMIT)
        _, invite = await node.next("INVITE")
        assert any("SIP/2.0/TLS" in via for via in invite.get_all("Via"))
        await call.hangup()
        await node.next("BYE")
    finally:
        await runtime.close()
