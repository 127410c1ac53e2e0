"""The stores of a platform on one machine: servers that are given, or embedded ones."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ringback import topology
from ringback.runtime.embedded import EmbeddedKafka, EmbeddedPostgres, EmbeddedServer, EmbeddedValkey
from ringback.runtime.embedded.errors import EmbeddedError
from ringback.runtime.embedded.server import choose_port
from ringback.runtime.settings import read_toml


@dataclass(frozen=True, slots=True)
class Stores:
    """The embedded servers that are needed; None where the settings name a server that runs already."""

    valkey: EmbeddedValkey | None
    postgres: EmbeddedPostgres | None
    kafka: EmbeddedKafka | None

    @property
    def servers(self) -> Sequence[EmbeddedServer]:
        """Those that this platform starts itself."""
        return [server for server in (self.valkey, self.postgres, self.kafka) if server is not None]

    def addresses(self) -> dict[str, str]:
        """Environment names and values for the platform's processes; known after the start."""
        found = {}
        if self.valkey:
            found["RINGBACK_VALKEY_URL"] = self.valkey.url
        if self.postgres:
            found["RINGBACK_POSTGRES_DSN"] = self.postgres.dsn
        if self.kafka:
            found["RINGBACK_KAFKA_BOOTSTRAP"] = self.kafka.bootstrap
        return found


def needed_stores(data: Path, host: str, env: Mapping[str, str]) -> Stores:
    """The embedded servers for what neither environment nor configuration file names, not yet started.

    They listen on `host` when that is a loopback address and on 127.0.0.1 otherwise.
    """
    near = host if is_loopback(host) else "127.0.0.1"

    def named(setting: str) -> bool:
        variable = f"RINGBACK_{setting.upper()}"
        return variable in env or f"{variable}_FILE" in env or setting in read_toml(env).get("common", {})

    def port(usual: int) -> int:
        """The usual port, or any when another program has it."""
        try:
            return choose_port(near, usual)
        except EmbeddedError:
            return 0

    return Stores(
        valkey=None
        if named("valkey_url")
        else EmbeddedValkey(data / "valkey", host=near, port=port(topology.VALKEY_PORT)),
        postgres=None if named("postgres_dsn") else EmbeddedPostgres(data / "postgres"),
        kafka=None
        if named("kafka_bootstrap")
        else EmbeddedKafka(data / "kafka", host=near, port=port(topology.KAFKA_PORT)),
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
