"""What a process and each of its services stand on."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import aiohttp
from prometheus_client import CollectorRegistry

from ringback.runtime.addresses import Addresses, bracketed
from ringback.runtime.counters import ConnectionCounters
from ringback.runtime.http_wire import HttpWires
from ringback.runtime.kafka import Kafka, KafkaConsumer, KafkaMessage
from ringback.runtime.logs import Log, get_log
from ringback.runtime.outgoing import Outgoing
from ringback.runtime.settings import CommonSettings
from ringback.runtime.sql import Postgres
from ringback.runtime.valkey import Valkey

if TYPE_CHECKING:
    from ringback.runtime.http_door import HttpDoor
    from ringback.runtime.link import LinkClient


class Process:
    """One operating-system process: its stores, its counters, its tasks, shared by its services."""

    def __init__(
        self,
        common: CommonSettings,
        *,
        env: Mapping[str, str] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.common = common
        self.env = os.environ if env is None else env
        self.addresses = Addresses(common, self.env)
        self.node = common.node or f"{socket.gethostname()}-{os.getpid()}"
        self.now = now
        self.connections = ConnectionCounters()
        self.valkey = Valkey(common.valkey_url, name=self.node)
        self.valkey.count_with(lambda row, n: self.connections.count(row, sent=n))
        self.postgres = Postgres(common.postgres_dsn, name=self.node)
        self.kafka = Kafka(self)
        self.log = get_log("process", self.node)
        self.started = now()
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None
        self.http_wires = HttpWires()

    async def start(self, *, needs_postgres: bool = True) -> None:
        """Connect to the stores; raises what says which one is away."""
        await self.valkey.start()
        if needs_postgres:
            await self.postgres.start()
        await self.kafka.start()
        self.spawn(self._flush_counters(), "connection-counters")

    async def stop(self) -> None:
        """End the tasks and close the stores."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.kafka.stop()
        if self.valkey.connected:
            await asyncio.wait({asyncio.create_task(self.connections.flush(self.valkey))}, timeout=1.0)
        self.http_wires.close()
        if self._session is not None:
            await self._session.close()
        await self.postgres.stop()
        await self.valkey.stop()

    def spawn(self, coro: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run a task until the process stops; a crash is logged."""
        task = asyncio.create_task(self._guard(coro, name), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # A task that is cancelled before its first step never awaits what it guards.
        task.add_done_callback(lambda _: coro.close())
        return task

    def http_session(self) -> aiohttp.ClientSession:
        """The shared HTTP client session of this process, for the outside."""
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, limit_per_host=64, keepalive_timeout=15.0)
            # Services talk to each other: cookies would be looked up for every request and never be there.
            cookies = aiohttp.DummyCookieJar()
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=cookies)
        return self._session

    async def _guard(self, coro: Coroutine[Any, Any, None], name: str) -> None:
        try:
            await coro
        except asyncio.CancelledError:
            raise
        except Exception:
            self.log.exception("task_failed", task=name)

    async def _flush_counters(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            try:
                await self.connections.flush(self.valkey)
            except Exception as error:
                self.log.debug("counters_not_flushed", error=repr(error))


class Context:
    """What one service sees of its process."""

    def __init__(
        self, process: Process, service: str, checks: Callable[[], dict[str, bool]] | None = None
    ) -> None:
        self._process = process
        self._checks = checks
        self.service = service
        self.ready = False
        self.metrics = CollectorRegistry()
        self.outgoing = Outgoing()
        self.http_doors: dict[str, HttpDoor] = {}
        """Of this service's HTTP listeners, by their names."""
        self.cut_off: Counter[tuple[str, str]] = Counter()
        """Sessions that its link listeners have ended, by listener and reason."""
        self.links: list[tuple[str, LinkClient]] = []
        """The links that this service keeps to others."""
        self.log: Log = get_log(service, process.node)
        self.listeners: dict[str, tuple[str, int]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def common(self) -> CommonSettings:
        return self._process.common

    @property
    def process(self) -> Process:
        return self._process

    @property
    def node(self) -> str:
        return self._process.node

    @property
    def valkey(self) -> Valkey:
        return self._process.valkey

    @property
    def postgres(self) -> Postgres:
        return self._process.postgres

    @property
    def kafka(self) -> Kafka:
        return self._process.kafka

    @property
    def connections(self) -> ConnectionCounters:
        return self._process.connections

    def now(self) -> float:
        """Wall clock, seconds since the epoch."""
        return self._process.now()

    def monotonic(self) -> float:
        """The loop's clock, seconds; for durations and timers."""
        return time.monotonic()

    def http_session(self) -> aiohttp.ClientSession:
        """The process's HTTP client session, for the outside."""
        return self._process.http_session()

    @property
    def http_wires(self) -> HttpWires:
        """The process's connections to other services."""
        return self._process.http_wires

    def spawn(self, coro: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run a task until this service stops; a crash is logged."""
        task = self._process.spawn(coro, f"{self.service}-{name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def cancel_tasks(self) -> None:
        """End the tasks of this service."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def consume_kafka(
        self,
        topics: Sequence[str],
        group: str,
        handler: Callable[[KafkaMessage], Awaitable[None]],
        *,
        connection: str,
    ) -> None:
        """Read Kafka topics in a consumer group for as long as the process runs."""
        KafkaConsumer(self._process, topics, group, handler, connection=connection).start()

    def address(self, service: str, listener: str = "http") -> tuple[str, int]:
        """Where a listener is: one of this service as it is bound, of another as it is connected to."""
        known = self._process.addresses
        host = known.bind(service) if service == self.service else known.connect(service)
        return host, known.port(service, listener)

    def announced(self, port: int, service: str = "") -> tuple[str, int]:
        """The address that this service tells others for a port that it has bound. Raises SettingsError."""
        return self._process.addresses.announce(service or self.service), port

    def url(self, service: str, listener: str = "http") -> str:
        """The base URL of an HTTP listener."""
        host, port = self.address(service, listener)
        return f"http://{bracketed(host)}:{port}"

    def bound(self, listener: str, address: tuple[str, int]) -> None:
        """Remember where a listener of this service was bound; shown by the status page."""
        self.listeners[listener] = address

    def checks(self) -> dict[str, bool]:
        """What this service needs, and whether it is there."""
        stores = {"valkey": self.valkey.connected}
        return {**stores, **(self._checks() if self._checks else {})}
