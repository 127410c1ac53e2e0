"""The servers that tests share are clean for each test and come back after a fault."""

import asyncpg
import pytest

from ringback.testing.servers import KafkaForTests, PostgresForTests, ValkeyForTests


@pytest.mark.parametrize("_time", [1, 2])
async def test_each_test_gets_an_empty_valkey(valkey: ValkeyForTests, valkey_url: str, _time: int) -> None:
    assert valkey_url == valkey.url
    assert await valkey.server.command("DBSIZE") == "0"
    await valkey.server.command("SET", "left", "behind")


@pytest.mark.parametrize("_time", [1, 2])
async def test_each_test_gets_an_empty_database(postgres_dsn: str, _time: int) -> None:
    connection = await asyncpg.connect(postgres_dsn)
    await connection.execute("CREATE TABLE left_behind (n int)")
    await connection.close()


async def test_a_database_is_dropped_while_it_is_in_use(postgres: PostgresForTests) -> None:
    dsn = await postgres.fresh()
    connection = await asyncpg.connect(dsn)
    await postgres.drop_fresh(dsn)
    with pytest.raises(asyncpg.exceptions.InvalidCatalogNameError):
        await asyncpg.connect(dsn)
    connection.terminate()


def test_two_tests_never_share_a_topic(kafka: KafkaForTests) -> None:
    assert kafka.topic_prefix() != kafka.topic_prefix()


async def test_a_server_that_a_test_stopped_is_back_for_the_next(valkey: ValkeyForTests) -> None:
    url = valkey.url
    await valkey.server.kill()
    await valkey.flush()
    assert valkey.url == url
    assert await valkey.server.command("DBSIZE") == "0"
