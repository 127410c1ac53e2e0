"""A whole platform for the journeys: every service, on real stores and sockets, at an address of its own."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from ringback.runtime.embedded import EmbeddedKafka, EmbeddedPostgres, EmbeddedValkey
from ringback.runtime.migrate import migrate
from ringback.services import REGISTRY
from ringback.testing.check_world import World, until
from ringback.testing.demo_load import load_demo
from ringback.testing.demo_tenant import CHECK_DIGITAL_PORT, CHECK_PHONES, CHECK_WEB_PORT
from ringback.testing.platform import ServiceHarness
from ringback.testing.scene import Scene
from ringback.testing.servers import private_host, run_host

HOST = run_host(41)


@pytest.fixture(scope="module")
def platform_settings() -> dict[str, str]:
    """Settings that the tests of a file want beside the usual."""
    return {}


@pytest.fixture(scope="module")
async def platform(
    tmp_path_factory: pytest.TempPathFactory, platform_settings: dict[str, str]
) -> AsyncIterator[ServiceHarness]:
    """All services with the demo tenant, started once for the tests of a file."""
    folder = tmp_path_factory.mktemp("platform")
    valkey = EmbeddedValkey(folder / "valkey", host=private_host())
    postgres = EmbeddedPostgres(folder / "pg", durable=False)
    kafka = EmbeddedKafka(folder / "kafka", host=private_host())
    await asyncio.gather(valkey.start(), postgres.start(), kafka.start())
    await migrate(postgres.dsn, REGISTRY)
    try:
        async with ServiceHarness(
            *REGISTRY,
            valkey_url=valkey.url,
            postgres_dsn=postgres.dsn,
            kafka_bootstrap=kafka.bootstrap,
            host=HOST,
            data=str(folder / "data"),
            env={
                "RINGBACK_DESIGNER_FETCH_ALLOW": f"http://{HOST}:{CHECK_WEB_PORT}",
                "RINGBACK_DESIGNER_DIGITAL_CHANNELS": f"http://{HOST}:{CHECK_DIGITAL_PORT}",
                "RINGBACK_SIP_PROXY_OVERLOAD_DELAY_S": "60",  # the machine may be busy with other things
                **platform_settings,
            },
        ) as harness:
            await load_demo(harness.context("administrator"))
            yield harness
    finally:
        await asyncio.gather(valkey.stop(), postgres.stop(), kafka.stop())


@pytest.fixture
async def scene(platform: ServiceHarness) -> AsyncIterator[Scene]:
    """Phones of one test; afterwards everybody is logged out and nobody waits."""
    world = World(platform.context("test"))
    await until(lambda: _ready(platform), lambda ready: ready, 40.0)
    first, second = (world.phone(dn) for dn in CHECK_PHONES[:2])
    async with world.carrier() as carrier, first, second:
        yield Scene(world, carrier, first, second)
    for agent in ("check-1", "check-2"):
        await world.agent_becomes(agent, "logged_out")
    for queue in ("VQ_Check", "CB_Check"):
        await world.waiting(queue, 0)


async def _ready(platform: ServiceHarness) -> bool:
    return all(all(service.ctx.checks().values()) for service in platform.host.services.values())
