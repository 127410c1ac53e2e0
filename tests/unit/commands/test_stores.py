"""Which stores a platform on one machine starts itself."""

import socket
from pathlib import Path

from ringback import topology
from ringback.commands.stores import is_loopback, needed_stores
from ringback.testing.servers import private_host


def test_all_three_are_embedded_when_nothing_is_set(tmp_path: Path) -> None:
    host = private_host()
    stores = needed_stores(tmp_path, host, {})
    assert [server.name for server in stores.servers] == ["Valkey", "PostgreSQL", "Kafka"]
    assert stores.valkey is not None
    assert (stores.valkey.host, stores.valkey.port) == (host, topology.VALKEY_PORT)


def test_a_store_that_is_set_is_not_started(tmp_path: Path) -> None:
    config = tmp_path / "ringback.toml"
    config.write_text('[common]\nkafka_bootstrap = "kafka:9092"\n')
    env = {"RINGBACK_VALKEY_URL": "redis://elsewhere", "RINGBACK_CONFIG": str(config)}
    env["RINGBACK_POSTGRES_DSN_FILE"] = "/run/secrets/dsn"
    assert needed_stores(tmp_path, "127.0.0.1", env).servers == []


def test_a_port_that_another_program_has_is_replaced_by_a_free_one(tmp_path: Path) -> None:
    host = private_host()
    with socket.create_server((host, topology.VALKEY_PORT)):
        stores = needed_stores(tmp_path, host, {})
    assert stores.valkey is not None
    assert stores.valkey.port == 0


def test_stores_stay_on_the_loopback_when_the_platform_is_open_to_the_network(tmp_path: Path) -> None:
    stores = needed_stores(tmp_path, "0.0.0.0", {})
    assert stores.valkey is not None
    assert stores.valkey.host == "127.0.0.1"
    assert not is_loopback("0.0.0.0")
    assert is_loopback("::1")
