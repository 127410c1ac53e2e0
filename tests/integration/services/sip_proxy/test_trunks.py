"""A carrier that wants to be registered at, and challenges: lines, supervision, limits, through a proxy."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest
from tests.integration.services.sip_proxy.conftest import configuration, publish

from ringback.contracts.events import DnEvent, dns_stream
from ringback.contracts.sip import TrunkState
from ringback.domain.configuration import Gateway, Line, Trunk
from ringback.runtime.http_client import HttpClient
from ringback.services.sip_proxy.trunks import read_passwords
from ringback.sip import Dialog, NameAddr, Request, Response
from ringback.sip.digest import DigestServer, Verdict, ha1
from ringback.sip.exchange import ServerTransaction
from ringback.testing.servers import run_host

Stage = Any
FAR = run_host(92)
LIMIT = 20.0
EDGES = (5084, 5085)
TRUNK = Trunk(
    id="line",
    gateways=(Gateway(FAR, 5083),),
    numbers=("+!",),
    line=Line(f"sip:{FAR}:5083", "account", "carrier.test", 600),
    options_s=0.2,
    capacity=1,
)


class Carrier:
    """Challenges REGISTER with 401, INVITE and BYE with 407, and remembers what it let in."""

    def __init__(self) -> None:
        self.digest = DigestServer("carrier.test", b"key")
        self.stored = {name: ha1("account", "carrier.test", "pass word", name) for name in ("SHA-256", "MD5")}
        self.contact = ""
        self.options = 200
        self.flows = False
        """It knows RFC 5626."""
        self.let_in: asyncio.Queue[Request] = asyncio.Queue()

    def __call__(self, tx: ServerTransaction, request: Request) -> None:
        if request.method == "OPTIONS":
            tx.reply(self.options)
            return
        proxy = request.method in ("INVITE", "BYE")
        if (proxy or request.method == "REGISTER") and not self._proven(request, proxy):
            name = "Proxy-Authenticate" if proxy else "WWW-Authenticate"
            tx.reply(
                407 if proxy else 401, headers=[(name, v) for v in self.digest.challenges(0.0, os.urandom(4))]
            )
            return
        self.let_in.put_nowait(request)
        if request.method == "REGISTER":
            self.contact = request.values("Contact")[0]
            flows = [("Require", "outbound"), ("Flow-Timer", "1")] if self.flows else []
            tx.reply(200, headers=[("Contact", self.contact), *flows])
        elif tx.can_respond:
            tx.reply(200, headers=[("Contact", f"<sip:gw@{FAR}:5083>")])

    def _proven(self, request: Request, proxy: bool) -> bool:
        given = request.get_all("Proxy-Authorization" if proxy else "Authorization")
        verdict = self.digest.check(given, request.method, "account", self.stored, 0.0)
        return verdict is Verdict.OK

    async def next(self, method: str) -> Request:
        async with asyncio.timeout(LIMIT):
            while (request := await self.let_in.get()).method != method:
                pass
        return request


@pytest.fixture
async def carrier() -> Carrier:
    return Carrier()


@pytest.fixture
def proxy_settings() -> dict[str, str]:
    return {"RINGBACK_SIP_PROXY_TRUNK_PASSWORDS": "# ours\ndemo/line pass word\n"}


@pytest.fixture
async def trunks(stage: Stage) -> AsyncIterator[Callable[[], Awaitable[TrunkState]]]:
    """Asks the proxy for the state of the trunk."""
    context = stage.harness["sip_proxy"].ctx
    client = HttpClient(context, "sip_proxy")

    async def ask() -> TrunkState:
        found = await client.get("/trunks", list[TrunkState])
        return next((item for item in found if item.trunk == "line"), msgspec.UNSET)  # type: ignore[return-value]

    yield ask


async def until(ask: Callable[[], Awaitable[Any]], true: Callable[[Any], bool]) -> Any:
    async with asyncio.timeout(LIMIT):
        while not true(found := await ask()):
            await asyncio.sleep(0.02)
    return found


async def test_a_line_is_registered_calls_go_both_ways_and_a_silent_carrier_is_out_of_service(
    stage: Stage, carrier: Carrier, trunks: Callable[[], Awaitable[TrunkState]]
) -> None:
    valkey = stage.harness.process.valkey
    node = await stage.node("n1")
    far = await stage.part("carrier", FAR, 5083)
    far.behaviour = carrier
    whole = configuration()
    await publish(valkey, msgspec.structs.replace(whole, dns=(*whole.dns, TRUNK)))

    async def events() -> list[str]:
        rows = await valkey.call("XRANGE", dns_stream("demo"), "-", "+")
        found = [msgspec.json.decode(row[1][1], type=DnEvent) for row in rows]
        return [event.id for event in found if event.this_dn == "line"]

    # RFC 3261 10.2, 22.2: registered with a password, known by a mark of its own
    register = await carrier.next("REGISTER")
    assert (str(register.to.uri), register.expires) == ("sip:account@carrier.test", 600)
    contact = NameAddr.parse(carrier.contact).uri
    assert (contact.user, len(contact.params["line"] or "")) == ("account", 16)
    state = await until(trunks, lambda item: item and item.state == "in")
    assert (state.line, [item.health for item in state.gateways]) == ("registered", ["in"])
    assert await until(events, bool) == ["EventDNBackInService"]

    # RFC 3261 22.3: an INVITE is challenged, and each try has a number of its own
    def invite() -> Request:
        made: Request = node.request(
            "INVITE",
            "sip:+15550100@demo.example",
            "sip:8000@demo.example",
            ("X-Ringback-Tenant", "demo"),
            ("X-Ringback-Target", "trunk=line"),
        )
        made.set("Contact", f"<sip:node@{node.address[0]}:{node.address[1]};transport=tcp>")
        return made

    first = invite()
    answer: Response = await node.endpoint.send_request(first, stage.inside).final(LIMIT)
    assert (answer.status, str(answer.cseq)) == (200, "1 INVITE")
    assert (await carrier.next("INVITE")).cseq.number == 2
    dialog = Dialog.from_response(first, answer)
    node.endpoint.send_ack(dialog.ack(1), dialog.destination)
    assert (await carrier.next("ACK")).cseq.number == 2

    # one call at a time: no second, in either direction
    assert (await node.endpoint.send_request(invite(), stage.inside).final(LIMIT)).status == 503
    inbound = far.request("INVITE", str(contact), "sip:+15550199@carrier.test")
    inbound.set("To", "<sip:+12025550100@carrier.test>")
    refused = await far.endpoint.send_request(inbound.copy(), stage.edge).final(LIMIT)
    assert (refused.status, refused.has("Retry-After")) == (503, True)

    bye = await node.endpoint.send_request(dialog.request("BYE"), dialog.destination).final(LIMIT)
    assert (bye.status, str(bye.cseq)) == (200, "2 BYE")
    assert (await carrier.next("BYE")).cseq.number == 3

    # nor while another proxy has one
    counts = stage.harness.process.valkey
    await counts.call("HSET", "{demo}:sip:calls:line", "p2", "1 9999999999")
    assert (await node.endpoint.send_request(invite(), stage.inside).final(LIMIT)).status == 503
    elsewhere = far.request("INVITE", str(contact), "sip:+15550199@carrier.test")
    assert (await far.endpoint.send_request(elsewhere, stage.edge).final(LIMIT)).status == 503
    await counts.call("HDEL", "{demo}:sip:calls:line", "p2")

    # a call to the line is this trunk's wherever it comes from, and To says what was dialled
    again = far.request("INVITE", str(contact), "sip:+15550199@carrier.test")
    again.set("To", "<sip:+12025550100@carrier.test>")
    assert (await far.endpoint.send_request(again, stage.edge).final(LIMIT)).status == 200
    _, got = await node.next("INVITE")
    assert (got.get("X-Ringback-Origin"), got.uri.user) == ("trunk=line", "+12025550100")
    forged = far.request("INVITE", str(contact.with_params(line="0" * 16)), "sip:+15550199@carrier.test")
    assert (await far.endpoint.send_request(forged, stage.edge).final(LIMIT)).status in (403, 407)

    # RFC 3261 11: a gateway that cannot serve is out of service, and tried all the same if there is no other
    carrier.options = 503
    state = await until(trunks, lambda item: item.state == "out")
    assert (state.calls, state.rejected) == (1, 4)
    await until(events, lambda found: found[-1] == "EventDNOutOfService")
    carrier.options = 405
    await until(events, lambda found: found[-1] == "EventDNBackInService")

    # a trunk that changes keeps its line; one that is gone, or a proxy that stops, takes it back (10.2.2)
    kept = stage.proxy._core.trunks._kept
    line = kept["demo", "line"].line
    more = msgspec.structs.replace(TRUNK, capacity=2)
    await publish(valkey, msgspec.structs.replace(whole, dns=(*whole.dns, more)))
    state = await until(trunks, lambda item: item.capacity == 2 and item.state == "in")
    assert kept["demo", "line"].line is line
    bare = msgspec.structs.replace(TRUNK, line=None)
    await publish(valkey, msgspec.structs.replace(whole, dns=(*whole.dns, bare)))
    assert (await carrier.next("REGISTER")).expires == 0
    state = await until(trunks, lambda item: item.line == "" and item.state == "in")
    assert len(await events()) == 3  # nothing of this put it out of service
    await publish(valkey, msgspec.structs.replace(whole, dns=(*whole.dns, TRUNK)))
    assert (await carrier.next("REGISTER")).expires == 600
    await until(trunks, lambda item: item.line == "registered")
    await stage.proxy._core.trunks.stop()
    assert (await carrier.next("REGISTER")).expires == 0


async def test_rfc5626_4_2_1_a_line_has_a_flow_over_each_edge_and_either_may_fail(
    stage: Stage, carrier: Carrier, trunks: Callable[[], Awaitable[TrunkState]]
) -> None:
    valkey, node = stage.harness.process.valkey, await stage.node("n1")
    edges = [await stage.part(f"edge{port}", FAR, port, transport="tcp") for port in EDGES]
    carrier.flows = True
    for edge in edges:
        edge.behaviour = carrier
    outbound = tuple(f"{FAR}:{port};transport=tcp" for port in EDGES)
    line = Line("carrier.test", "account", expires=600, outbound=outbound)
    trunk = Trunk(id="line", numbers=("+!",), line=line)
    whole = configuration()
    await publish(valkey, msgspec.structs.replace(whole, dns=(*whole.dns, trunk)))

    registers = [await carrier.next("REGISTER") for _ in EDGES]
    contacts = [NameAddr.parse(each.values("Contact")[0]) for each in registers]
    assert {contact.params["reg-id"] for contact in contacts} == {"1", "2"}
    assert len({contact.params["+sip.instance"] for contact in contacts}) == 1
    assert len({each.call_id for each in registers}) == 2
    assert {str(each.uri) for each in registers} == {"sip:carrier.test"}
    assert {each.get("Route") for each in registers} == {f"<sip:{each};lr>" for each in outbound}
    await until(trunks, lambda item: item and item.line == "registered")

    async def calls(edge: Any) -> None:
        """The carrier sends a call over one of its edges, by the flow."""
        _, register = await edge.next("REGISTER")
        contact = NameAddr.parse(register.values("Contact")[0])
        invite = edge.request("INVITE", str(contact.uri), "sip:+15550199@carrier.test")
        invite.set("To", "<sip:+12025550100@carrier.test>")
        assert (await edge.endpoint.send_request(invite, stage.edge_tcp).final(LIMIT)).status == 200
        assert (await node.next("INVITE"))[1].get("X-Ringback-Origin") == "trunk=line"

    for edge in edges:
        await calls(edge)

    # 4.4: each is kept alive by itself
    flows = [part.flow for part in stage.proxy._core.trunks._kept["demo", "line"].line.parts]
    due = [flow.due_at for flow in flows]
    async with asyncio.timeout(LIMIT):
        while any(flow.due_at <= before for flow, before in zip(flows, due, strict=True)):
            await asyncio.sleep(0.02)
    assert (await trunks()).line == "registered"
    await edges[0].endpoint.close()
    state = await until(trunks, lambda item: item.line == "registered 1/2")
    assert (state.state, state.reason != "") == ("in", True)
    await edges[1].endpoint.close()
    assert (await until(trunks, lambda item: item.state == "out")).line != "registered"


def test_passwords_are_lines_and_may_hold_blanks() -> None:
    assert read_passwords("a/b  c d \n\n# x y\nbroken\n") == {"a/b": "c d"}
