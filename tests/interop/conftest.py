"""The signalling side of the platform for user agents that this project did not write."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from ringback.contracts.configuration import kind_key, version_key
from ringback.domain.configuration import Configuration
from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import ValkeyForTests


@asynccontextmanager
async def signalling(
    valkey: ValkeyForTests, host: str, configuration: Configuration, *more: str, **env: str
) -> AsyncIterator[ServiceHarness]:
    """sip_proxy, sip_cluster, dialplan, config and `more` services at an address, on an empty Valkey."""
    await valkey.flush()
    services = ("config", "dialplan", *more, "sip_proxy", "sip_cluster")
    env = {"RINGBACK_SIP_PROXY_OVERLOAD_DELAY_S": "60", **env}  # the machine may be busy with other things
    async with ServiceHarness(*services, valkey_url=valkey.url, host=host, env=env) as harness:
        store = harness.process.valkey
        for kind, item in configuration.objects():
            await store.call("HSET", kind_key("demo", kind), item.id, msgspec.json.encode(item))
        await store.call("INCR", version_key("demo"))
        async with asyncio.timeout(30):
            while not all(harness[name].checks().get("configuration", True) for name in services):
                await asyncio.sleep(0.02)
        yield harness


async def no_calls(harness: ServiceHarness) -> None:
    """Every call has ended and is forgotten."""
    async with asyncio.timeout(30):
        while harness["sip_cluster"].ctx.metrics.get_sample_value("sips_calls"):
            await asyncio.sleep(0.02)
