"""Servers that all tests share: started once per run, only when a test asks, in a temporary folder."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from ringback.testing.servers import KafkaForTests, PostgresForTests, ValkeyForTests

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("ringback", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ringback")


@pytest.fixture(scope="session")
def servers_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of this run's servers."""
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="session")
async def valkey(servers_folder: Path) -> AsyncIterator[ValkeyForTests]:
    """A Valkey for the whole run; tests that write use `valkey_url`, which is empty for each."""
    running = await ValkeyForTests.started(servers_folder / "valkey")
    yield running
    await running.server.stop()


@pytest.fixture(scope="session")
async def postgres(servers_folder: Path) -> AsyncIterator[PostgresForTests]:
    """A PostgreSQL for the whole run; `postgres_dsn` is an empty database of one test."""
    running = await PostgresForTests.started(servers_folder / "postgres")
    yield running
    await running.server.stop()


@pytest.fixture(scope="session")
async def kafka(servers_folder: Path) -> AsyncIterator[KafkaForTests]:
    """A broker for the whole run; `topic_prefix` keeps tests apart."""
    running = await KafkaForTests.started(servers_folder / "kafka")
    yield running
    await running.server.stop()


@pytest.fixture
async def valkey_url(valkey: ValkeyForTests) -> str:
    """The address of an empty Valkey."""
    await valkey.flush()
    return valkey.url


@pytest.fixture
async def postgres_dsn(postgres: PostgresForTests) -> AsyncIterator[str]:
    """The address of an empty database."""
    dsn = await postgres.fresh()
    yield dsn
    await postgres.drop_fresh(dsn)


@pytest.fixture
async def topic_prefix(kafka: KafkaForTests) -> str:
    """A prefix for Kafka topics and groups that no other test uses."""
    await kafka.server.start()
    return kafka.topic_prefix()
