"""A cluster node with dial plan and configuration on real stores, and scripted SIP peers around it."""

import asyncio
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest
from tests.integration.services.started import configured

from ringback.contracts import treatment
from ringback.contracts.events import CallEvent, calls_stream
from ringback.contracts.telephony import CallRequest, RequestReply
from ringback.domain.configuration import (
    Configuration,
    Extension,
    Gateway,
    Mailbox,
    RoutePoint,
    Tenant,
    Trunk,
)
from ringback.runtime.http import HttpClient
from ringback.runtime.migrate import migrate
from ringback.runtime.streams import parse_entries
from ringback.services.tenant.configuration import ConfigurationStore
from ringback.sip.build import response_to
from ringback.sip.dialog import Dialog
from ringback.sip.endpoint import SipEndpoint
from ringback.sip.exchange import ClientTransaction, ServerTransaction
from ringback.sip.message import Request, Response
from ringback.sip.transport import Destination
from ringback.sip.uri import NameAddr, SipUri
from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import private_host

HOST = private_host()
SERVICES = ("config", "dialplan", "sip_cluster", "frontend", "call_state")
TENANT = Configuration(
    tenant=Tenant(id="demo", domain="demo.example", country="US"),
    dns=(
        Extension(id="1001", mailbox="8500"),
        Extension(id="1002"),
        RoutePoint(id="8000", script="sales", default_dn="8500"),
        Mailbox(id="8500"),
        Trunk(id="carrier", gateways=(Gateway("192.0.2.1"),), numbers=("+!",)),
    ),
)


def sdp(name: str, direction: str = "sendrecv") -> str:
    """A description whose address tells who wrote it."""
    head = f"v=0\r\no={name} 1 1 IN IP4 192.0.2.9\r\ns={name}\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
    return f"{head}m=audio 4000 RTP/AVP 0\r\na={direction}\r\n"


def _timer(request: Request) -> list[tuple[str, str]]:
    """A session timer stays as it was asked for."""
    value = request.get("Session-Expires")
    return [] if value is None else [("Session-Expires", value)]


class Leg:
    """One scripted end of a dialog with the node."""

    def __init__(self, side: "Side", name: str) -> None:
        self.side = side
        self.name = name
        self.dialog: Dialog | None = None
        self.server: ServerTransaction | None = None
        self.client: ClientTransaction | None = None
        self.invite: Request | None = None
        self.offers: asyncio.Queue[str] = asyncio.Queue()
        self.commands: asyncio.Queue[treatment.Command] = asyncio.Queue()
        self.acked: asyncio.Future[Request | None] | None = None
        self.requests: asyncio.Queue[Request] = asyncio.Queue()
        """All that came inside the dialog."""
        self.cancelled = asyncio.Event()
        self.gone = asyncio.Event()
        self.lost = False
        """It has forgotten the dialog."""
        self.refuses = 0
        """With this status, what is no re-INVITE."""

        self.notified: asyncio.Queue[Request] = asyncio.Queue()

    def answer(self, text: str) -> None:
        """200 to the node's INVITE."""
        assert self.server is not None and self.invite is not None
        headers = [("Contact", str(self.side.contact))]
        if self.side.takes_first and self.invite.get(treatment.HEADER):
            headers.append((treatment.HEADER, treatment.TAKEN))
        response = response_to(
            self.invite, 200, to_tag=self.server.to_tag, headers=headers, body=text.encode()
        )
        self.acked = self.server.accept(response)

    def reply(self, status: int, *more: tuple[str, str], text: str = "") -> None:
        assert self.server is not None
        headers = [("Contact", str(self.side.contact)), *more]
        self.server.reply(status, headers=headers, body=text.encode())

    async def provisional(self) -> Response:
        """The next provisional response above 100 to `call`; one that must be is acknowledged by `prack`."""
        assert self.client is not None
        async with asyncio.timeout(20):
            async for response in self.client:
                assert response.is_provisional, response
                if response.status > 100:
                    return response
        raise AssertionError("no response")

    async def prack(self, response: Response, text: str = "") -> Response:
        """Acknowledge a provisional response of the node."""
        assert self.invite is not None
        if self.dialog is None:
            self.dialog = Dialog.from_response(self.invite, response)
        rack = ("RAck", f"{response.get('RSeq')} {self.invite.get('CSeq')}")
        return await self.request("PRACK", text.encode(), more=(rack,)).final(20)

    async def next(self, method: str) -> Request:
        """The next request inside the dialog with this method."""
        async with asyncio.timeout(20):
            while (request := await self.requests.get()).method != method:
                pass
        return request

    def request(
        self,
        method: str,
        body: bytes = b"",
        content_type: str = "application/sdp",
        more: tuple[tuple[str, str], ...] = (),
    ) -> ClientTransaction:
        """A request inside the dialog."""
        assert self.dialog is not None
        request = self.dialog.request(
            method, headers=more, body=body, content_type=content_type, contact=self.side.contact
        )
        return self.side.endpoint.send_request(request, self.side.toward)

    async def reinvite(self, text: str) -> Response:
        transaction = self.request("INVITE", text.encode())
        response = await transaction.final(20)
        if response.is_success:
            assert self.dialog is not None
            ack = self.dialog.ack(transaction.request.cseq.number)
            transaction.send_ack(ack, self.side.toward)
        return response

    async def bye(self) -> int:
        return (await self.request("BYE").final(20)).status

    async def ended(self, reference: str, reason: str = "finished", digits: str = "") -> int:
        """What a media server says when a treatment is over."""
        body = treatment.TreatmentEnded(reference=reference, reason=reason, digits=digits)  # type: ignore[arg-type]
        sent = self.request("INFO", msgspec.json.encode(body), treatment.CONTENT_TYPE)
        return (await sent.final(20)).status


class Side:
    """A SIP element around the node: callers, or everything that stands behind sip_proxy."""

    def __init__(self, toward: Destination) -> None:
        self.endpoint = SipEndpoint(self._request)
        self.toward = toward
        self.legs: dict[str, Leg] = {}
        self.arrived: dict[str, asyncio.Queue[Leg]] = {}
        self.contact = NameAddr(SipUri("sip", "x", "127.0.0.1", 5060))
        self.forgetful = False
        self.silent_media = False
        """Media does not answer by itself."""
        self.takes_first = False
        """Media takes the command that comes with the INVITE."""

    def forget(self) -> None:
        """The INVITE that was under way is not known as such any more (RFC 3261 8.2.2.2)."""
        self.endpoint._layer._server.clear()
        self.forgetful = True

    async def listen(self, port: int) -> None:
        host, bound = await self.endpoint.listen_tcp(HOST, port)
        self.contact = NameAddr(SipUri("sip", "far", host, bound, {"transport": "tcp"}))

    def queue(self, target: str) -> asyncio.Queue[Leg]:
        return self.arrived.setdefault(target, asyncio.Queue())

    async def leg(self, target: str) -> Leg:
        """The next INVITE for a target (`dn=1001`, `trunk=carrier`, `media`)."""
        return await asyncio.wait_for(self.queue(target).get(), 20)

    def _request(self, tx: ServerTransaction, request: Request) -> None:
        if not tx.can_respond:
            return
        if request.to_tag is None:
            self._invite(tx, request)
            return
        leg = self.legs[request.call_id]
        assert leg.dialog is not None
        if leg.lost:
            tx.reply(481)
            return
        leg.dialog.receive(request)
        leg.requests.put_nowait(request)
        if request.method == "INVITE":
            leg.offers.put_nowait(request.body.decode())
            headers = [("Contact", str(self.contact)), *_timer(request)]
            text = sdp(leg.name).encode()
            tx.accept(response_to(request, 200, to_tag=tx.to_tag, headers=headers, body=text))
            return
        if request.method == "INFO" and request.content_type == treatment.CONTENT_TYPE:
            leg.commands.put_nowait(treatment.decode_command(request.body))
        elif request.method == "BYE":
            leg.gone.set()
        elif request.method == "NOTIFY":
            leg.notified.put_nowait(request)
        if leg.refuses:
            tx.reply(leg.refuses)
            return
        text = sdp(leg.name).encode() if request.method == "UPDATE" and request.body else b""
        tx.reply(200, headers=_timer(request), body=text)

    def _invite(self, tx: ServerTransaction, request: Request) -> None:
        if self.forgetful:
            tx.reply(482)
            return
        target = request.get("X-Ringback-Target") or ""
        target = "media" if target.startswith("media=") else target
        leg = self.legs[request.call_id] = Leg(self, target)
        leg.server, leg.invite = tx, request
        leg.dialog = Dialog.from_request(request, tx.to_tag)

        def cancelled() -> None:
            leg.cancelled.set()
            tx.reply(487)

        tx.on_cancel = cancelled
        if target == "media" and not self.silent_media:
            leg.answer(sdp("media"))
        self.queue(target).put_nowait(leg)

    def call(
        self,
        number: str,
        *,
        origin: str = "trunk=carrier",
        caller: str = "+15550001",
        tenant: str = "demo",
        body: str | None = None,
        more: tuple[tuple[str, str], ...] = (),
    ) -> Leg:
        """A new call to the node; an empty body makes no offer."""
        uri = SipUri("sip", number, "demo.example")
        headers = [
            ("Contact", str(self.contact)),
            ("X-Ringback-Tenant", tenant),
            ("X-Ringback-Origin", origin),
            *more,
        ]
        sender = NameAddr(SipUri("sip", caller, "carrier.example"))
        request = self.endpoint.new_request("INVITE", uri, from_=sender, to=NameAddr(uri), headers=headers)
        request.set_body((sdp("caller") if body is None else body).encode())
        leg = Leg(self, "caller")
        leg.client = self.endpoint.send_request(request, self.toward)
        leg.invite = request
        self.legs[request.call_id] = leg
        return leg

    async def answered(self, leg: Leg, timeout: float = 20.0) -> Response:
        """The final response to `call`; a 200 is acknowledged."""
        assert leg.client is not None and leg.invite is not None
        response = await leg.client.final(timeout)
        if response.is_success:
            leg.dialog = Dialog.from_response(leg.invite, response)
            leg.client.send_ack(leg.dialog.ack(leg.invite.cseq.number), self.toward)
        return response


class World:
    """The platform under test and what surrounds it."""

    def __init__(
        self, harness: ServiceHarness, far: Side, near: Side, start_node: Callable[..., object]
    ) -> None:
        self.harness = harness
        self.far = far
        self.near = near
        self.start_node = start_node
        self.position = "0"
        self.seen: list[CallEvent] = []
        self.frontend = HttpClient(harness.context("orchestration"), "frontend", connection="voice-38")

    async def ask(self, request: CallRequest) -> RequestReply:
        return await self.frontend.post("/requests", request, RequestReply)

    async def event(self, name: str, **wanted: object) -> CallEvent:
        """Wait for an event after those that were waited for."""
        async with asyncio.timeout(20):
            while True:
                for event in await self._read():
                    self.seen.append(event)
                for place, event in enumerate(self.seen):
                    if event.id == name and all(getattr(event, k) == v for k, v in wanted.items()):
                        del self.seen[: place + 1]
                        return event
                await self.harness.process.valkey.call(*self._blocking())

    def _blocking(self) -> tuple[str, ...]:
        return ("WAIT", "0", "20")

    async def _read(self) -> list[CallEvent]:
        rows = await self.harness.process.valkey.call(
            "XRANGE", calls_stream("demo"), f"({self.position}" if self.position != "0" else "-", "+"
        )
        entries = parse_entries("calls", rows)
        if entries:
            self.position = entries[-1].id
        return [entry.json(CallEvent) for entry in entries]


@pytest.fixture
async def world(valkey_url: str, postgres_dsn: str) -> AsyncIterator[World]:
    await migrate(postgres_dsn, ["tenant"])
    env = {"RINGBACK_SIP_CLUSTER_LEASE_S": "1"}
    stores = {"valkey_url": valkey_url, "postgres_dsn": postgres_dsn}
    async with ServiceHarness(*SERVICES, **stores, host=HOST, node="one", env=env) as harness:  # type: ignore[arg-type]
        await harness.process.postgres.start()
        store = ConfigurationStore(harness.context("tenant"), "demo")
        await store.import_(TENANT)
        for dn in ("1001", "1002"):
            await harness.process.valkey.call("SET", f"{{demo}}:sip:bindings:{dn}", "x")
        await configured(harness["sip_cluster"])
        host, port = harness.context("sip_proxy").address("sip_cluster", "sip")
        node = Destination("tcp", host, port)
        far, near = Side(node), Side(node)
        await far.listen(harness.context().address("sip_proxy", "inside")[1])
        await near.listen(0)

        def start_node(name: str, **more: str) -> ServiceHarness:
            ports = {"RINGBACK_SIP_CLUSTER_SIP_PORT": "0", "RINGBACK_SIP_CLUSTER_PORT": "0"}
            return ServiceHarness("sip_cluster", **stores, host=HOST, node=name, env={**env, **ports, **more})  # type: ignore[arg-type]

        yield World(harness, far, near, start_node)
        await far.endpoint.close()
        await near.endpoint.close()


@pytest.fixture
def describe() -> Callable[..., str]:
    return sdp
