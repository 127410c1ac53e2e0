"""Embedded servers for tests: started once per run in a temporary folder, cleaned between tests."""

import errno
import itertools
import os
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from ringback.runtime.embedded import EmbeddedKafka, EmbeddedPostgres, EmbeddedValkey

_names = itertools.count(1)
_CLAIM_PORT = 65_000


def _own_network() -> str:
    """The first three bytes of 250 loopback addresses: nobody else has them while this process lives."""
    while True:
        network = f"127.{100 + secrets.randbelow(100)}.{secrets.randbelow(250)}"
        with socket.socket() as claim:
            try:
                claim.bind((f"{network}.254", _CLAIM_PORT))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    continue
            claim.detach()  # it stays bound until the process ends
            return network


def _addresses() -> Iterator[str]:
    while True:
        network = _own_network()
        yield from (f"{network}.{number}" for number in range(1, 251))


_RUN = _own_network()
_private = _addresses()


def run_host(number: int) -> str:
    """Loopback address `number` (1 to 250) of this test run: the same in all its modules (Linux)."""
    return f"{_RUN}.{number}"


def private_host() -> str:
    """A loopback address that nobody else has, for a platform on its default ports (Linux)."""
    return next(_private)


@dataclass(slots=True)
class ValkeyForTests:
    """A Valkey of this test run; `server` can be stopped, killed and started again."""

    server: EmbeddedValkey

    @property
    def url(self) -> str:
        """`redis://` address."""
        return self.server.url

    async def flush(self) -> None:
        """Bring the server up if a test has stopped it, and remove all keys, scripts and functions."""
        await self.server.start()
        await self.server.command("FLUSHALL")

    @classmethod
    async def started(cls, folder: Path) -> Self:
        """Start one in `folder`; it keeps an append-only file, as the real one does.

        At an address of its own: nobody takes its port while a test has stopped it.
        """
        server = EmbeddedValkey(folder, host=private_host())
        await server.start()
        return cls(server)


@dataclass(slots=True)
class PostgresForTests:
    """A PostgreSQL of this test run; `dsn` is a database that all tests share."""

    server: EmbeddedPostgres
    made: list[str] = field(default_factory=list)

    @property
    def dsn(self) -> str:
        """`postgresql://` address of the shared database."""
        return self.server.dsn

    async def fresh(self) -> str:
        """Make an empty database; its `postgresql://` address. `drop_fresh` removes it."""
        await self.server.start()
        name = f"test_{os.getpid()}_{next(_names)}"
        await self.server.execute(f"CREATE DATABASE {name} STRATEGY file_copy")
        self.made.append(name)
        return self.server.dsn_of(name)

    async def drop_fresh(self, dsn: str) -> None:
        """Remove a database made by `fresh`, also when somebody still holds a connection to it."""
        await self.server.start()
        name = next(name for name in self.made if self.server.dsn_of(name) == dsn)
        await self.server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self.made.remove(name)

    @classmethod
    async def started(cls, folder: Path) -> Self:
        """Start one in `folder`, without fsync."""
        server = EmbeddedPostgres(folder, durable=False)
        await server.start()
        return cls(server)


@dataclass(slots=True)
class KafkaForTests:
    """A broker of this test run; topics live until its end, so tests take a prefix of their own."""

    server: EmbeddedKafka

    @property
    def bootstrap(self) -> str:
        """`HOST:PORT`."""
        return self.server.bootstrap

    def topic_prefix(self) -> str:
        """A prefix for topics and groups that nobody else uses."""
        return f"t{os.getpid()}-{next(_names)}-"

    @classmethod
    async def started(cls, folder: Path) -> Self:
        """Start one in `folder`."""
        server = EmbeddedKafka(folder, host=private_host())
        await server.start()
        return cls(server)
