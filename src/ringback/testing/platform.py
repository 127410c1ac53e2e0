"""One or several services on real stores, in the process of a test."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

from ringback.runtime.context import Context, Process
from ringback.runtime.service import Service, ServiceHost, service_class
from ringback.runtime.settings import CommonSettings
from ringback.services import REGISTRY

SECRET = "a-secret-for-tests"  # noqa: S105 - guards nothing but a test


class ServiceHarness:
    """Runs the named services between `async with` and its end; `env` holds settings for them.

    Ports default to the platform's own; give each test a private loopback `host` so that two never meet,
    or set `RINGBACK_<SERVICE>_PORT` to 0 in `env` where nothing else needs the port.
    """

    def __init__(
        self,
        *services: str,
        valkey_url: str,
        postgres_dsn: str = "",
        kafka_bootstrap: str = "",
        host: str = "127.0.0.1",
        data: str = "",
        node: str = "",
        tenants: tuple[str, ...] = ("demo",),
        env: Mapping[str, str] | None = None,
    ) -> None:
        common = CommonSettings(
            host=host,
            data=data or "var/data",
            node=node,
            tenants=tenants,
            valkey_url=valkey_url,
            postgres_dsn=postgres_dsn or CommonSettings().postgres_dsn,
            kafka_bootstrap=kafka_bootstrap,
            cluster_secret=SECRET,
            drain_s=2.0,
        )
        self._kinds = [service_class(REGISTRY[name]) for name in services]
        self.host = ServiceHost(self._kinds, common, env=dict(env or {}))

    async def __aenter__(self) -> ServiceHarness:
        try:
            await self.host.start()
        except BaseException:
            await self.host.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.host.stop()

    def __getitem__(self, name: str) -> Service:
        """The running service of that name."""
        return self.host.services[name]

    @property
    def process(self) -> Process:
        """The process that the services share."""
        return self.host.process

    def context(self, name: str = "test") -> Context:
        """A context of the test's own on the same process: for clients of the services."""
        return Context(self.process, name)
