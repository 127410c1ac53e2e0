"""The life cycle of services: start, ready, drain, stop; one or many in a process."""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import resource
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import msgspec
from prometheus_client import ProcessCollector

from ringback.runtime.context import Context, Process
from ringback.runtime.logs import configure_logs
from ringback.runtime.published import Published
from ringback.runtime.settings import CommonSettings, ServiceSettings, load_settings
from ringback.runtime.valkey import Argument

HEARTBEATS = "ringback:services"
_HEARTBEAT_S = 2.0
# Calls and transactions live for seconds to minutes: with the interpreter's defaults the collector walks
# through all of them again and again and finds nothing.
_GC_THRESHOLDS = (20_000, 20, 20)
_MOST_FILES = 65_536


class Service:
    """Base of every service: wiring only."""

    name: ClassVar[str]
    settings_type: ClassVar[type[ServiceSettings]] = ServiceSettings
    needs_postgres: ClassVar[bool] = False
    signalling: ClassVar[bool] = False
    """It carries calls: what can be done in another process is not done in its own."""

    def __init__(self, ctx: Context, settings: ServiceSettings) -> None:
        self.ctx = ctx

    async def start(self) -> None:
        """Bind listeners and begin to work; return when ready."""

    async def drain(self) -> None:
        """Take nothing new; return when the work under way has ended."""

    async def stop(self) -> None:
        """Close everything."""

    def checks(self) -> dict[str, bool]:
        """What this service needs beside Valkey, and whether it is there."""
        return {}


class Heartbeat(msgspec.Struct, frozen=True):
    """One service of one process, as the status page sees it."""

    name: str
    node: str
    pid: int
    ready: bool
    checks: dict[str, bool]
    listeners: dict[str, str]
    started: float
    at: float


def service_class(path: str) -> type[Service]:
    """Import `module:Class`."""
    module, _, name = path.partition(":")
    found: type[Service] = getattr(importlib.import_module(module), name)
    return found


class ServiceHost:
    """Runs services in this process, on one event loop, until told to stop."""

    def __init__(
        self,
        services: Sequence[type[Service]],
        common: CommonSettings,
        *,
        env: Mapping[str, str] | None = None,
        process: Process | None = None,
    ) -> None:
        self._kinds = list(services)
        self._env = os.environ if env is None else env
        self.process = process or Process(common, env=self._env)
        self.services: dict[str, Service] = {}

    async def start(self) -> None:
        """Start the services in the given order; what fails says which one and why."""
        await self.process.start(needs_postgres=any(kind.needs_postgres for kind in self._kinds))
        for kind in self._kinds:
            await self._start_one(kind)
        self.process.spawn(self._beat(), "heartbeat")

    async def _start_one(self, kind: type[Service]) -> None:
        ctx = Context(self.process, kind.name)
        service = kind(ctx, load_settings(kind.settings_type, kind.name, self._env))
        ctx.metrics.register(Published(ctx))
        ProcessCollector(registry=ctx.metrics)
        ctx._checks = lambda: self._checks(service)
        self.services[kind.name] = service
        await service.start()
        ctx.ready = True
        ctx.log.info("service_ready", listeners={k: f"{h}:{p}" for k, (h, p) in ctx.listeners.items()})

    def _checks(self, service: Service) -> dict[str, bool]:
        own = service.checks()
        if service.needs_postgres:
            return {"postgres": self.postgres_alive, **own}
        return own

    @property
    def postgres_alive(self) -> bool:
        """Whether PostgreSQL answered the last time it was asked (every two seconds)."""
        return self._postgres_alive

    _postgres_alive = True

    async def drain(self, limit_s: float) -> None:
        """Let the work under way end, for at most `limit_s` seconds."""
        for service in self.services.values():
            service.ctx.ready = False
        drains = [asyncio.create_task(service.drain()) for service in self.services.values()]
        if drains:
            _, pending = await asyncio.wait(drains, timeout=limit_s)
            for task in pending:
                task.cancel()

    async def stop(self) -> None:
        """Stop the services in reverse order, then the process's stores."""
        for service in reversed(list(self.services.values())):
            try:
                await service.stop()
            except Exception:
                service.ctx.log.exception("service_stop_failed")
            await service.ctx.cancel_tasks()
        await self._withdraw()
        await self.process.stop()

    async def _withdraw(self) -> None:
        if self.process.valkey.connected and self.services:
            fields = [f"{name}@{self.process.node}" for name in self.services]
            await self.process.valkey.call("HDEL", HEARTBEATS, *fields)

    async def _beat(self) -> None:
        needs_postgres = any(kind.needs_postgres for kind in self._kinds)
        while True:
            if needs_postgres:
                self._postgres_alive = await self.process.postgres.alive()
            try:
                beats = [self._heartbeat(service) for service in self.services.values()]
                fields: list[Argument] = []
                for beat in beats:
                    fields += (f"{beat.name}@{beat.node}", msgspec.json.encode(beat))
                if fields:
                    await self.process.valkey.call("HSET", HEARTBEATS, *fields)
            except Exception as error:
                self.process.log.debug("heartbeat_failed", error=repr(error))
            await asyncio.sleep(_HEARTBEAT_S)

    def _heartbeat(self, service: Service) -> Heartbeat:
        ctx = service.ctx
        checks = ctx.checks()
        return Heartbeat(
            name=ctx.service,
            node=ctx.node,
            pid=os.getpid(),
            ready=ctx.ready and all(checks.values()),
            checks=checks,
            listeners={name: f"{host}:{port}" for name, (host, port) in ctx.listeners.items()},
            started=self.process.started,
            at=ctx.now(),
        )


async def run_services(
    services: Sequence[type[Service]],
    common: CommonSettings,
    *,
    on_ready: Callable[[], None] | None = None,
) -> None:
    """Run services until SIGTERM or SIGINT (drain, then stop); a second signal stops at once."""
    configure_logs(common.log_level)
    open_more_files()
    host = ServiceHost(services, common)
    host.process.kafka.stands_back = all(kind.signalling for kind in services)
    signals = asyncio.Queue[int]()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, signals.put_nowait, number)
    try:
        await host.start()
        settle_memory()
        if on_ready is not None:
            on_ready()
        await signals.get()
        await _drain_or_second_signal(host, common.drain_s, signals)
    finally:
        await host.stop()


def open_more_files() -> None:
    """As many connections as the system allows this process: unasked it gives 1,024 (getrlimit(2))."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def settle_memory() -> None:
    """What has been loaded by now stays for ever: the collector need not look at it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


async def _drain_or_second_signal(host: ServiceHost, limit_s: float, signals: asyncio.Queue[int]) -> None:
    drain = asyncio.create_task(host.drain(limit_s))
    second = asyncio.create_task(signals.get())
    await asyncio.wait({drain, second}, return_when=asyncio.FIRST_COMPLETED)
    for task in (drain, second):
        task.cancel()
