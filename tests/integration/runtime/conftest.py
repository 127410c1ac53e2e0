"""A process on real stores, and one that reports."""

from collections.abc import AsyncIterator

import pytest

from ringback.runtime.context import Context, Process
from ringback.runtime.settings import CommonSettings
from ringback.testing.servers import KafkaForTests

_ANY_PORTS = {"RINGBACK_CONFIG_PORT": "0", "RINGBACK_RQ_LINK_PORT": "0"}


@pytest.fixture
async def process(valkey_url: str) -> AsyncIterator[Process]:
    """A process that is connected to an empty Valkey."""
    running = Process(
        CommonSettings(valkey_url=valkey_url, node="n1", cluster_secret="s3cret"), env=dict(_ANY_PORTS)
    )
    await running.start(needs_postgres=False)
    yield running
    await running.stop()


@pytest.fixture
async def reporting(valkey_url: str, kafka: KafkaForTests) -> AsyncIterator[Process]:
    """A process with a broker."""
    await kafka.server.start()
    common = CommonSettings(valkey_url=valkey_url, node="n1", kafka_bootstrap=kafka.bootstrap)
    running = Process(common, env={})
    await running.start(needs_postgres=False)
    yield running
    await running.stop()


@pytest.fixture
def ctx(process: Process) -> Context:
    """A context with every port free."""
    return Context(process, "config")
