"""Calls of browsers go through a WebRTC media gateway that nobody here wrote: sipp, back to back."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from tests.integration.services.sip_proxy.conftest import PASSWORDS, Part
from tests.integration.services.sip_proxy.test_foreign_agents import speak
from tests.integration.services.sip_proxy.test_secure_edges import Browser, invitation
from websockets.asyncio.client import connect

from ringback.contracts.telephony import SipNode
from ringback.runtime.counters import read_totals
from ringback.runtime.directory import announce
from ringback.services.sip_proxy.supervision import Health
from ringback.sip import Dialog, NameAddr, Request, Response, SipUri, parse_message
from ringback.sip.digest import DigestClient
from ringback.sip.sdp import Sdp
from ringback.sip.transport import Destination
from ringback.testing import check_gateway
from ringback.testing.check_report import Steps
from ringback.testing.servers import run_host

SIPP = shutil.which("sipp")
pytestmark = pytest.mark.skipif(SIPP is None, reason="sipp is not installed (Debian: sip-tester)")
Stage = Any
HOST, GATEWAY = run_host(62), run_host(95)
DOMAIN = "demo.example"
LIMIT = 20.0
PLAIN = "m=audio 40000 RTP/AVP 0"
FINGERPRINT = ":".join(["4A"] * 32)
SECURED = f"m=audio 40002 UDP/TLS/RTP/SAVPF 0\na=fingerprint:sha-256 {FINGERPRINT}\na=setup:passive"
BROWSER_SDP = "\r\n".join(
    [
        "v=0",
        "o=- 4611731400430051336 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0",
        "a=msid-semantic: WMS",
        "m=audio 9 UDP/TLS/RTP/SAVPF 0 8 101",
        "c=IN IP4 127.0.0.1",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=ice-ufrag:Oyef",
        "a=ice-pwd:yLGBzpsHDZyEBJYmtEd5MZ1g",
        f"a=fingerprint:sha-256 {FINGERPRINT}",
        "a=setup:actpass",
        "a=mid:0",
        "a=sendrecv",
        "a=rtcp-mux",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "",
    ]
)


@pytest.fixture
def proxy_settings() -> dict[str, str]:
    return {
        "RINGBACK_SIP_PROXY_WEBSOCKET": "true",
        "RINGBACK_SIP_PROXY_WEBRTC_GATEWAYS": GATEWAY,
        "RINGBACK_SIP_PROXY_WEBRTC_OPTIONS_S": "0.3",
    }


@dataclass
class Gateway:
    """sipp, back to back: one process takes calls in at 5070, its twin makes them anew."""

    folder: Path
    twin: int
    """A port of all addresses: sipp knows no other."""
    processes: list[asyncio.subprocess.Process] = field(default_factory=list)

    async def start(self, answer: str, offer: str) -> None:
        """Answer what comes in with one audio line, offer another."""
        out = self._scenario("gateway_out", "OFFER", offer)
        await self._run(out, "-i", GATEWAY, "-p", "5071", "-t", "t1", f"{HOST}:5080")
        await bound("tcp", self.twin)
        await self._run(self._scenario("gateway_in", "ANSWER", answer), "-i", GATEWAY, "-p", "5070", "-aa")
        await bound("udp", 5070)

    def _scenario(self, name: str, word: str, lines: str) -> Path:
        text = (Path(__file__).parent / "sipp" / f"{name}.xml").read_text(encoding="utf-8")
        path = self.folder / f"{name}.xml"
        path.write_text(text.replace(word, lines))
        return path

    async def _run(self, scenario: Path, *more: str) -> None:
        arguments = ("-sf", str(scenario), "-3pcc", f"{GATEWAY}:{self.twin}", "-nostdin", "-trace_err", *more)
        path = self.folder / f"{scenario.stem}.log"
        with path.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                str(SIPP), *arguments, cwd=self.folder, stdout=log, stderr=log
            )
        self.processes.append(process)

    async def stop(self) -> None:
        """End both."""
        for process in self.processes:
            if process.returncode is None:
                process.kill()
            await process.wait()
        self.processes.clear()


async def bound(kind: str, port: int) -> None:
    """Wait until a socket of sipp is bound; it must not be tried, for the first that comes is its twin."""
    table = Path(f"/proc/net/{kind}")
    async with asyncio.timeout(LIMIT):
        while f":{port:04X} 00000000:0000 " not in table.read_text(encoding="ascii"):  # noqa: ASYNC240 - memory
            await asyncio.sleep(0.02)


@pytest.fixture
async def gateway(stage: Stage, tmp_path: Path) -> AsyncIterator[Gateway]:
    with socket.create_server(("", 0)) as free:
        made = Gateway(tmp_path, free.getsockname()[1])
    yield made
    await made.stop()


async def state(stage: Stage, wanted: Health) -> None:
    """Wait until the proxy finds its one gateway in this state."""
    await state_of(stage, f"udp:{GATEWAY}:5070", wanted)


@pytest.fixture
async def browser(stage: Stage) -> AsyncIterator[Browser]:
    async with connect(f"ws://{HOST}:8088/", subprotocols=["sip"]) as socket:
        made = Browser(socket, "WS")
        await made.register()
        yield made


def offer(proof: str = "", number: int = 1) -> str:
    """The INVITE of a browser to 8000."""
    uri = f"sip:8000@{DOMAIN}"
    head = [
        f"INVITE {uri} SIP/2.0",
        f"Via: SIP/2.0/WS q3v7x.invalid;branch=z9hG4bKweb{number}",
        "Max-Forwards: 70",
        f"From: <sip:1001@{DOMAIN}>;tag=web",
        f"To: <{uri}>",
        "Call-ID: web-call",
        f"CSeq: {number} INVITE",
        "Contact: <sip:1001@q3v7x.invalid;transport=ws>",
        "Content-Type: application/sdp",
        f"Content-Length: {len(BROWSER_SDP)}",
        *([f"Proxy-Authorization: {proof}"] if proof else []),
    ]
    return "\r\n".join([*head, "", BROWSER_SDP])


async def call(browser: Browser, number: int = 1) -> tuple[Request, Response]:
    """Call 8000 with the password; the INVITE and its final answer."""
    await browser.socket.send(offer("", number))
    challenge = await final(browser)
    assert challenge.status == 407
    values = challenge.get_all("Proxy-Authenticate")
    proof = DigestClient("1001", PASSWORDS["1001"]).answer(values, "INVITE", f"sip:8000@{DOMAIN}", "c")
    text = offer(proof or "", number + 1)
    await browser.socket.send(text)
    request = parsed(text)
    return request, await final(browser)


def parsed(text: str) -> Request:
    message = parse_message(text.encode())
    assert isinstance(message, Request)
    return message


async def final(browser: Browser) -> Response:
    while True:
        message = await browser.next()
        if isinstance(message, Response) and message.status >= 200:
            return message


async def send(browser: Browser, request: Request) -> None:
    """Send a request in a dialog."""
    request.prepend("Via", f"SIP/2.0/WS q3v7x.invalid;branch=z9hG4bK{request.method}")
    await browser.socket.send(request.to_bytes().decode())


async def test_a_browser_calls_through_the_gateway_and_hangs_up(
    stage: Stage, gateway: Gateway, browser: Browser
) -> None:
    await gateway.start(SECURED, PLAIN)
    await state(stage, Health.IN)
    node = await stage.node("n1")
    node.behaviour = speak
    request, answer = await call(browser)
    assert answer.status == 200
    assert b"UDP/TLS/RTP/SAVP" in answer.body
    assert b"fingerprint" in answer.body
    assert GATEWAY not in f"{answer.get('Contact')}{answer.get_all('Record-Route')}"
    got = (await node.next("INVITE"))[1]
    audio = Sdp.parse(got.body).audio
    assert audio is not None
    assert audio.protocol == "RTP/AVP"
    assert got.get("X-Ringback-Origin") == "dn=1001"
    assert got.get("X-Ringback-Tenant") == "demo"
    assert got.uri.user == "8000"
    assert got.raw_uri == f"sip:8000@{DOMAIN}"
    await node.next("ACK")

    dialog = Dialog.from_response(request, answer)
    await send(browser, dialog.ack(2))
    await send(browser, dialog.request("BYE"))
    assert (await final(browser)).status == 200
    assert (await node.next("BYE"))[0].can_respond
    assert not stage.proxy._core.admission.calls
    await carried(stage)


async def carried(stage: Stage) -> None:
    """Wait until the connection to the gateway is counted."""
    async with asyncio.timeout(LIMIT):
        process = stage.harness.process
        while "voice-57" not in await read_totals(process.valkey):
            await process.connections.flush(process.valkey)


async def test_the_platform_calls_a_browser_through_the_gateway_and_hangs_up(
    stage: Stage, gateway: Gateway, browser: Browser
) -> None:
    await gateway.start(PLAIN, SECURED)
    await state(stage, Health.IN)
    node = await stage.node("n1")
    invite = invitation(stage, node)
    tx = node.endpoint.send_request(invite, stage.inside)
    got = await browser.request("INVITE")
    assert got.raw_uri == "sip:1001@q3v7x.invalid;transport=ws"
    assert b"UDP/TLS/RTP/SAVP" in got.body
    assert GATEWAY not in got.to_bytes().decode().replace(got.body.decode(), "")
    answer = BROWSER_SDP.replace("setup:actpass", "setup:active").encode()
    await accept(browser, got, answer)
    await browser.request("ACK")
    response = await tx.final(LIMIT)
    assert response.status == 200
    assert b" RTP/AVP " in response.body
    ours = Dialog.from_response(invite, response)
    tx.send_ack(ours.ack(1), ours.destination)
    bye = node.endpoint.send_request(ours.request("BYE"), ours.destination)
    assert (await bye.final(LIMIT)).status == 200
    await browser.reply(await browser.request("BYE"), "200 OK")


async def accept(browser: Browser, request: Request, body: bytes) -> None:
    """Answer an INVITE with a description."""
    head = ["SIP/2.0 200 OK", *(f"Via: {via}" for via in request.get_all("Via"))]
    head += [f"Record-Route: {route}" for route in request.get_all("Record-Route")]
    head += [f"From: {request.get('From')}", f"To: {request.get('To')};tag=browser"]
    head += [f"Call-ID: {request.call_id}", f"CSeq: {request.get('CSeq')}", f"Contact: {browser.contact}"]
    head += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
    await browser.socket.send("\r\n".join([*head, "", body.decode()]))


async def test_what_the_gateway_begins_in_a_dialog_reaches_the_browser_and_the_other_way(
    stage: Stage, browser: Browser
) -> None:
    """RFC 3261 12.2: the browser knows no Contact of the gateway, and finds it all the same."""
    played = await stage.part("gateway", GATEWAY, 5070)
    await played.endpoint.listen_tcp(GATEWAY, 5070)
    await state(stage, Health.IN)
    request, answer = await call(browser)
    tx, got = await played.next("INVITE")
    dialog, ours = Dialog.from_response(request, answer), Dialog.from_request(got, tx.to_tag, confirmed=True)
    await send(browser, dialog.ack(2))
    assert (await played.next("ACK"))[1].uri == answer_contact(played)
    await send(browser, dialog.request("INFO"))
    assert (await final(browser)).status == 200
    assert (await played.next("INFO"))[1].uri == answer_contact(played)

    again = ours.request("UPDATE", contact=NameAddr(answer_contact(played)))
    update = played.endpoint.send_request(again, ours.destination)
    seen = await browser.request("UPDATE")
    assert GATEWAY not in seen.to_bytes().decode()
    await browser.reply(seen, "200 OK")
    assert (await update.final(LIMIT)).status == 200
    bye = played.endpoint.send_request(ours.request("BYE"), ours.destination)
    await browser.reply(await browser.request("BYE"), "200 OK")
    assert (await bye.final(LIMIT)).status == 200
    assert not stage.proxy._core.admission.calls


def answer_contact(part: Part) -> SipUri:
    """What a played part says as Contact when it is asked over TCP."""
    return SipUri("sip", "part", *part.address, {"transport": "tcp"})


async def test_a_made_up_passage_and_a_datagram_lead_nowhere(stage: Stage) -> None:
    await stage.node("n1")
    played = await stage.part("gateway", GATEWAY, 5070)
    made_up = played.request("INVITE", f"sip:8000@{HOST}:5080;transport=tcp;passage=bm8", "sip:x@y")
    assert (await played.endpoint.send_request(made_up, stage.inside).final(LIMIT)).status == 404
    datagram = played.request("INVITE", f"sip:8000@{HOST}:5080", "sip:x@y")
    place = Destination("udp", HOST, 5080)
    assert (await played.endpoint.send_request(datagram, place).final(LIMIT)).status == 403


async def test_without_a_gateway_in_service_calls_are_refused_and_say_why(
    stage: Stage, browser: Browser
) -> None:
    node = await stage.node("n1")
    await state(stage, Health.OUT)
    _, answer = await call(browser)
    assert answer.status == 503
    assert "WebRTC gateway" in (answer.get("Warning") or "")
    assert answer.has("Retry-After")
    refused = await node.endpoint.send_request(invitation(stage, node), stage.inside).final(LIMIT)
    assert (refused.status, "WebRTC gateway" in (refused.get("Warning") or "")) == (503, True)
    assert node.got.empty()


async def test_a_gateway_that_announces_itself_is_asked_and_gets_no_calls_while_it_drains(
    stage: Stage, browser: Browser
) -> None:
    """What `ringback check` does on a platform that may have no gateway."""
    world = SimpleNamespace(ctx=stage.harness.context("check"), host=GATEWAY)
    steps = Steps(None)
    await check_gateway.supervised(world, steps)  # type: ignore[arg-type]
    assert [step.ok for step in steps.report().steps] == [True]
    await stage.look()
    stage.proxy._core.webrtc.refresh()
    assert [str(place) for place in stage.proxy._core.webrtc._known] == [f"udp:{GATEWAY}:5070"]

    played = await stage.part("gateway", GATEWAY, 5077)
    entry = SipNode(node="w", sip_host=GATEWAY, sip_port=5077, draining=True)
    for number, draining, status in ((1, True, 503), (3, False, 200)):
        entry = msgspec.structs.replace(entry, draining=draining)
        await announce(stage.harness.process.valkey, "webrtc", "w", entry, 60)
        async with asyncio.timeout(LIMIT):
            await played.next("OPTIONS")
        await stage.look()
        stage.proxy._core.webrtc.refresh()
        await state_of(stage, f"udp:{GATEWAY}:5070", Health.OUT)
        assert (await call(browser, number))[1].status == status


async def state_of(stage: Stage, address: str, wanted: Health) -> None:
    """Wait until the proxy finds one of its gateways in this state."""
    async with asyncio.timeout(LIMIT):
        while True:
            known = {str(place): item.watch.health for place, item in stage.proxy._core.webrtc._known.items()}
            if known.get(address) is wanted:
                return
            await asyncio.sleep(0.02)
