"""`ringback up`: the whole platform on one machine."""

import asyncio
import os
import secrets
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from ringback import topology
from ringback.commands import banner
from ringback.commands.grouping import spread
from ringback.commands.joining import announce, withdraw, write_private
from ringback.commands.settings import port_setting
from ringback.commands.stores import Stores, needed_stores
from ringback.runtime.context import Context, Process
from ringback.runtime.embedded.lock import FolderLock
from ringback.runtime.embedded.server import choose_port
from ringback.runtime.migrate import migrate
from ringback.runtime.settings import CommonSettings, SettingsError, load_settings
from ringback.runtime.supervisor import ChildSpec, Supervisor
from ringback.services import REGISTRY
from ringback.testing.demo_load import load_demo, status_token
from ringback.testing.demo_tenant import CHECK_DIGITAL_PORT, CHECK_WEB_PORT, TENANT, DemoSecrets


@dataclass(frozen=True, slots=True)
class UpOptions:
    """What `ringback up` was asked for."""

    data: Path
    host: str
    processes: int = 1
    demo: bool = False


def up(options: UpOptions) -> None:
    """Run the platform until a signal."""
    asyncio.run(_Up(options).run())


class _Up:
    """One run of the platform: prepares, starts, shows, waits."""

    def __init__(self, options: UpOptions) -> None:
        self.options = options
        self.data = options.data.absolute()
        self.env = dict(os.environ) | {"RINGBACK_HOST": options.host, "RINGBACK_DATA": str(self.data)}
        self.console = Console(highlight=False)
        common = load_settings(CommonSettings, "common", self.env)
        self.supervisor = Supervisor(drain_s=common.drain_s, say=self.say)
        self.began = time.monotonic()
        self.token = ""

    def say(self, line: str) -> None:
        """One line of news for whoever watches the terminal."""
        self.console.print(line, markup=False, soft_wrap=True)

    async def run(self) -> None:
        """Hold the data folder, bring the platform up, keep it until a signal."""
        _make_private(self.data)
        lock = await FolderLock.take(self.data, wait=0.5)
        try:
            _refuse_taken_ports(self.env, self.options.host)
            await self.supervisor.run(self._bring_up)
        finally:
            withdraw(self.data)
            lock.close()
        self.say(f"Stopped. Your data is in {self.options.data}.")

    async def _bring_up(self) -> None:
        stores = needed_stores(self.data, self.options.host, self.env)
        if stores.servers:
            self.say(f"Starting {', '.join(server.name for server in stores.servers)} …")
        await self.supervisor.start_servers(stores.servers)
        self._share(stores)
        common = load_settings(CommonSettings, "common", self.env)
        for name in await migrate(common.postgres_dsn, REGISTRY):
            self.say(f"Migrated {name}.")
        specs = self._specs()
        self.say(f"Starting {len(REGISTRY)} services in {_count(len(specs), 'process')} …")
        await self.supervisor.start_children(specs)
        known = await self._load_demo(common)
        if self.options.demo:
            await self.supervisor.start_children([self._spec("demo", ("demo",))])
        banner.show(self.console, self._facts(common, stores, known))

    def _share(self, stores: Stores) -> None:
        """Complete the environment by what all processes share, and tell other commands."""
        shared = stores.addresses() | {
            "RINGBACK_HOST": self.options.host,
            "RINGBACK_DATA": str(self.data),
            # Where `ringback check` stands for the outside of applications.
            "RINGBACK_DESIGNER_FETCH_ALLOW": self.env.get(
                "RINGBACK_DESIGNER_FETCH_ALLOW", f"http://{_near(self.options.host)}:{CHECK_WEB_PORT}"
            ),
            # Likewise for their digital channels.
            "RINGBACK_DESIGNER_DIGITAL_CHANNELS": self.env.get(
                "RINGBACK_DESIGNER_DIGITAL_CHANNELS",
                f"http://{_near(self.options.host)}:{CHECK_DIGITAL_PORT}",
            ),
            "RINGBACK_CLUSTER_SECRET": self.env.get("RINGBACK_CLUSTER_SECRET") or self._kept_secret(),
        }
        self.env |= shared
        named = ("RINGBACK_VALKEY_URL", "RINGBACK_POSTGRES_DSN", "RINGBACK_KAFKA_BOOTSTRAP")
        given = {name: self.env[name] for name in named if name in self.env}
        announce(self.data, given | shared)

    def _kept_secret(self) -> str:
        path = self.data / "cluster_secret"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(32).encode())
        return path.read_text().strip()

    def _specs(self) -> list[ChildSpec]:
        groups = spread(tuple(REGISTRY), self.options.processes)
        return [
            self._spec(f"node-{number}", ("run", *group), group) for number, group in enumerate(groups, 1)
        ]

    def _spec(self, node: str, arguments: tuple[str, ...], group: list[str] | None = None) -> ChildSpec:
        name = f"{node} ({', '.join(group)})" if group and len(group) < len(REGISTRY) else node
        return ChildSpec(
            name=name,
            command=(sys.executable, "-m", "ringback", *arguments),
            log=self.data / "logs" / f"{node}.log",
            # A name that stays: a node that starts again takes its own unfinished work up at once.
            env=self.env | {"RINGBACK_NODE": node},
        )

    async def _load_demo(self, common: CommonSettings) -> DemoSecrets | None:
        """Load the demo tenant, unless this platform serves others."""
        if TENANT not in common.tenants:
            return None
        process = Process(common, env=self.env)
        await process.start(needs_postgres=False)
        context = Context(process, "up")
        try:
            known = await load_demo(context)
            self.token = await status_token(context)
            return known
        finally:
            await context.cancel_tasks()
            await process.stop()

    def _facts(self, common: CommonSettings, stores: Stores, known: DemoSecrets | None) -> banner.Facts:
        addresses = {
            (entry.service, entry.name): int(str(port_setting(entry, self.env).value))
            for entry in topology.LISTENERS
        }
        return banner.Facts(
            host=self.options.host,
            ports=addresses,
            stores=_store_lines(common, stores),
            data=self.options.data,
            demo=known,
            token=self.token,
            scripted=self.options.demo,
            seconds=time.monotonic() - self.began,
        )


def _near(host: str) -> str:
    """The host as somebody on this machine reaches it."""
    return "127.0.0.1" if host in banner.ANYWHERE else host


def _make_private(data: Path) -> None:
    """Make the data folder; others may pass through it (PostgreSQL may run as another user), not read."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        data.chmod(0o711)
    except OSError as error:
        raise SettingsError(f"{data}: {error.strerror}: choose another folder with --data.") from None


def _refuse_taken_ports(env: dict[str, str], host: str) -> None:
    """Raise `EmbeddedError` or `SettingsError` when a listener's port is taken."""
    for listener in topology.LISTENERS:
        if listener.optional:
            continue
        port = str(port_setting(listener, env).value)
        if not port.isdigit() or int(port) > 65535:
            raise SettingsError(f"the port of {listener.service}.{listener.name} is {port!r}: give a number.")
        choose_port(host, int(port))
        if listener.protocol == "sip-edge":
            _refuse_taken_datagram_port(host, int(port))


def _refuse_taken_datagram_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"{host}:{port}/udp: {error.strerror}: stop the other program, or choose another address "
                "with --host."
            ) from None


def _store_lines(common: CommonSettings, stores: Stores) -> list[tuple[str, str]]:
    """Name and place of each store, without passwords."""
    valkey, postgres, kafka = stores.valkey, stores.postgres, stores.kafka
    outside = "not embedded, as set"
    return [
        ("Valkey", f"{valkey.host}:{valkey.port}" if valkey else outside),
        ("PostgreSQL", f"socket in {postgres.sockets}" if postgres else outside),
        ("Kafka", kafka.bootstrap if kafka else common.kafka_bootstrap or "none"),
    ]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'es' if number != 1 else ''}"
