"""A Kamailio with the outbound module: a carrier with two edges, a line with a flow over each (RFC 5626)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.integration.services.sip_proxy.conftest import configuration, publish
from tests.integration.services.sip_proxy.kamailio import IS_THERE, MODULES, kamailio_of
from tests.integration.services.sip_proxy.test_kamailio import hang_up

from ringback.domain.configuration import Line, Trunk
from ringback.sip import Via
from ringback.sip.transport import Destination
from ringback.testing.servers import run_host

Stage = Any
FAR, BEHIND = run_host(93), run_host(94)
EDGES = tuple(Destination("tcp", FAR, port) for port in (5064, 5066))
HOME = Destination("udp", FAR, 5060)
LIMIT = 20.0
pytestmark = pytest.mark.skipif(
    not IS_THERE or not (MODULES[0] / "outbound.so").exists(),
    reason="kamailio knows no flows here (Debian: kamailio, kamailio-outbound-modules)",
)


@pytest.fixture
async def kamailio(tmp_path: Path) -> AsyncIterator[None]:
    """A running Kamailio of our configuration."""
    async with kamailio_of("kamailio_flows.cfg", tmp_path, HOST=FAR):
        yield


@pytest.fixture
def proxy_settings() -> dict[str, str]:
    return {"RINGBACK_SIP_PROXY_TRUNK_PASSWORDS": "demo/line pass word"}


async def test_rfc5626_4_2_1_kamailio_reaches_a_line_by_the_flow_over_either_of_its_edges(
    stage: Stage, kamailio: None
) -> None:
    """Each flow is registered through its edge (Path), kept, and calls come by what is left of them."""
    node = await stage.node("n1")
    far = await stage.part("far", BEHIND, 5060)
    outbound = tuple(f"{place.host}:{place.port};transport=tcp" for place in EDGES)
    wanted = Line("carrier.test", "account", expires=600, outbound=outbound)
    whole = configuration()
    trunk = Trunk(id="line", numbers=("+!",), line=wanted)
    await publish(stage.harness.process.valkey, msgspec.structs.replace(whole, dns=(*whole.dns, trunk)))
    kept = stage.proxy._core.trunks._kept

    async def shown(word: str) -> Any:
        """The line, once that is how operators see it."""
        async with asyncio.timeout(2 * LIMIT):
            while not (known := kept.get(("demo", "line"))) or known.line.word(known_at()) != word:
                await asyncio.sleep(0.02)
        return known.line

    def known_at() -> float:
        return float(stage.proxy._core.ctx.now())

    async def called() -> int:
        """A call of the carrier; gives the port of the edge by which it has come."""
        call = far.request("INVITE", "sip:account@carrier.test", "sip:+15550199@carrier.test")
        call.set("To", "<sip:+12025550100@carrier.test>")
        answer = await far.endpoint.send_request(call, HOME).final(LIMIT)
        assert answer.status == 200
        _, got = await node.next("INVITE")
        assert (got.get("X-Ringback-Origin"), got.uri.user) == ("trunk=line", "+12025550100")
        await hang_up(far, call, answer)
        await node.next("BYE")
        assert node.got.empty(), "one call, by one flow"
        vias = [Via.parse(value) for value in got.get_all("Via")]
        return next(via.port for via in vias if via.host == FAR)

    line = await shown("registered")
    assert [part.flow.place for part in line.parts] == list(EDGES)  # the registrar says that it knows flows
    port = await called()

    # 4.4, 4.5: the connection is gone and this edge takes us no more; what is registered there is a dead flow
    part = next(part for part in line.parts if part.flow.place.port == port)
    part.registration._challenges._digest.password = "wrong"
    stage.proxy._edge._sockets.streams.open_to(("tcp", FAR, port, ""))._transport.abort()
    await shown("registered 1/2")
    assert {port, await called()} == {place.port for place in EDGES}
