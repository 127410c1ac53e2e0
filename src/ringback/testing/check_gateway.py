"""A WebRTC media gateway that announces itself is found and supervised. It says that it takes no calls."""

from __future__ import annotations

from ringback.contracts.sip import WebrtcState
from ringback.contracts.telephony import SipNode
from ringback.runtime.directory import announce, withdraw
from ringback.runtime.http import HttpClient
from ringback.sip import Request
from ringback.sip.endpoint import SipEndpoint
from ringback.sip.exchange import ServerTransaction
from ringback.testing.check_report import Steps
from ringback.testing.check_world import World, until

_LEASE_S = 20.0


async def supervised(world: World, steps: Steps) -> None:
    """Play one for a moment. Raises CheckFailed."""
    steps.journey("Browsers")
    name, endpoint = world.ctx.node, SipEndpoint(_answer, user_agent="Ringback check")
    host, port = await endpoint.listen_udp(world.host)
    entry = SipNode(node=name, sip_host=host, sip_port=port, draining=True)
    proxy = HttpClient(world.ctx, "sip_proxy")

    async def seen() -> bool:
        gateways = await proxy.get("/webrtc", list[WebrtcState])
        return any(each.address == f"udp:{host}:{port}" and each.health == "in" for each in gateways)

    try:
        with steps.step(
            "sip_proxy finds a WebRTC gateway that announces itself, and asks whether it is there"
        ):
            await announce(world.ctx.valkey, "webrtc", name, entry, _LEASE_S)
            await until(seen, bool, 8.0)
    finally:
        await withdraw(world.ctx.valkey, "webrtc", name)
        await endpoint.close()


def _answer(tx: ServerTransaction, request: Request) -> None:
    if tx.can_respond:
        tx.reply(200 if request.method == "OPTIONS" else 480)
