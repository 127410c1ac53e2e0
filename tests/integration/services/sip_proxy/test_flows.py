"""Flows that are kept alive, and what happens to those that are not (RFC 5626)."""

import asyncio
from typing import Any

import msgspec
import pytest
from tests.integration.services.sip_proxy.conftest import (
    DOMAIN,
    Part,
    configuration,
    publish,
    with_credentials,
)
from tests.integration.services.sip_proxy.test_secure_edges import invitation

from ringback.domain.configuration import Gateway, Line, Trunk
from ringback.services.sip_proxy import flows
from ringback.sip import Request, Response
from ringback.sip.exchange import ServerTransaction
from ringback.testing.servers import run_host

Stage = Any
HOST, FAR = run_host(62), run_host(96)
LIMIT = 20.0
LINE = Trunk(
    id="line",
    gateways=(Gateway(FAR, 5084, "tcp"),),
    numbers=("+!",),
    line=Line(f"sip:{FAR}:5084;transport=tcp", "account", "carrier.test", 600),
)


@pytest.fixture
def proxy_settings(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setattr(flows, "_GRACE_S", 0)
    return {"RINGBACK_SIP_PROXY_FLOW_TIMER_S": "1"}


async def register(stage: Stage, phone: Part, flow: int) -> Response:
    """Register a flow of one phone over TCP."""
    request = phone.request(
        "REGISTER", f"sip:{DOMAIN}", f"sip:1001@{DOMAIN}", ("Supported", "path, outbound")
    )
    request.set("To", f"<sip:1001@{DOMAIN}>")
    host, port = phone.address
    uri = f"<sip:1001@{host}:{port};transport=tcp;ob>"
    request.set("Contact", f'{uri};+sip.instance="<urn:uuid:1>";reg-id={flow};expires=60')
    challenge = await phone.endpoint.send_request(request, stage.edge_tcp).final(LIMIT)
    return await phone.endpoint.send_request(with_credentials(request, challenge), stage.edge_tcp).final(
        LIMIT
    )


async def test_5_3_and_5_4_a_flow_that_is_not_kept_alive_is_closed_and_calls_take_the_other(
    stage: Stage,
) -> None:
    node = await stage.node("n1")
    kept, silent = [await stage.part(name, HOST, transport="tcp") for name in ("kept", "silent")]
    for number, phone in ((1, kept), (2, silent)):
        answer = await register(stage, phone, number)
        assert (answer.status, answer.get("Flow-Timer"), answer.get("Require")) == (200, "1", "outbound")
    gone = asyncio.get_running_loop().create_future()
    silent.endpoint.on_connection_lost = lambda remote: gone.done() or gone.set_result(remote)
    async with asyncio.timeout(LIMIT):
        while not gone.done():
            assert kept.endpoint.ping(stage.edge_tcp)
            await asyncio.sleep(0.2)
    # The silent one registered last, so it would have been called first.
    await silent.endpoint.close()
    response = await node.endpoint.send_request(invitation(stage, node), stage.inside).final(LIMIT)
    assert response.status == 200
    _, invite = await kept.next("INVITE")
    assert "ob" in invite.uri.params
    assert silent.got.empty()
    assert kept.endpoint.is_connected(stage.edge_tcp)


async def test_4_4_a_line_whose_connection_is_lost_is_registered_anew_at_once(stage: Stage) -> None:
    far = await stage.part("carrier", FAR, 5084, transport="tcp")
    far.behaviour = knows_flows
    whole = configuration()
    await publish(stage.harness.process.valkey, msgspec.structs.replace(whole, dns=(*whole.dns, LINE)))
    tx, first = await far.next("REGISTER")
    assert "outbound" in first.values("Supported")
    assert tx.source.connection is not None
    tx.source.connection.close()
    again, second = await far.next("REGISTER")
    assert again.source.port != tx.source.port
    assert (second.call_id, second.cseq.number) == (first.call_id, first.cseq.number + 1)
    instances = {str(request.contacts[0].params["+sip.instance"]) for request in (first, second)}
    assert len(instances) == 1


def knows_flows(tx: ServerTransaction, request: Request) -> None:
    """A registrar that knows flows."""
    if tx.can_respond:
        tx.reply(200, headers=[("Contact", request.get("Contact") or ""), ("Require", "outbound")])
