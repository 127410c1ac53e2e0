"""A sip_proxy with config and registrar, a trunk and one played cluster node: for hostile traffic."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import msgspec

from ringback.contracts.configuration import kind_key, version_key
from ringback.contracts.telephony import ClusterNode
from ringback.domain.configuration import Configuration, Tenant, Trunk
from ringback.runtime.directory import announce
from ringback.services.sip_proxy.service import SipProxyService
from ringback.sip import Request
from ringback.sip.endpoint import SipEndpoint
from ringback.sip.exchange import ServerTransaction
from ringback.testing.platform import ServiceHarness

_UNLIMITED = {
    "RINGBACK_CONFIG_REFRESH_S": "0.05",
    "RINGBACK_SIP_PROXY_CALLS_PER_SECOND": "1000000",
    "RINGBACK_SIP_PROXY_CALL_BURST": "1000000",
    "RINGBACK_SIP_PROXY_REGISTERS_PER_SECOND": "1000000",
    "RINGBACK_SIP_PROXY_OVERLOAD_DELAY_S": "60",
    "RINGBACK_SIP_PROXY_MAX_CALL_S": "1",
    "RINGBACK_SIP_PROXY_NODE_OPTIONS_S": "0",
}
_LIMIT_S = 10.0
Behaviour = Callable[[ServerTransaction, Request], None]


@asynccontextmanager
async def edge_stage(
    valkey_url: str, host: str, trunk: str, behaviour: Behaviour, env: Mapping[str, str] | None = None
) -> AsyncIterator[SipProxyService]:
    """Calls from the address or network `trunk` are let in and come to a node with this behaviour."""
    carrier = Trunk(id="carrier", addresses=(trunk,))
    whole = Configuration(tenant=Tenant(id="demo", domain="demo.example"), dns=(carrier,))
    services = ("config", "registrar", "sip_proxy")
    settings = {**_UNLIMITED, **(env or {})}
    async with ServiceHarness(*services, valkey_url=valkey_url, host=host, env=settings) as running:
        valkey, node = running.process.valkey, SipEndpoint(behaviour)
        for kind, item in whole.objects():
            await valkey.call("HSET", kind_key("demo", kind), item.id, msgspec.json.encode(item))
        await valkey.call("INCR", version_key("demo"))
        await _configured(running)
        bound = await node.listen_tcp(host)
        entry = ClusterNode(node="n1", http="", sip_host=bound[0], sip_port=bound[1])
        await announce(valkey, "sip_cluster", "n1", entry, 86_400)
        proxy = running["sip_proxy"]
        assert isinstance(proxy, SipProxyService)
        await proxy._core.directory.refresh()
        yield proxy
        await node.close()


async def _configured(running: ServiceHarness) -> None:
    async with asyncio.timeout(_LIMIT_S):
        while not running["config"].checks()["configuration"]:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
