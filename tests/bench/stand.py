"""A platform for benchmarks: real servers, services in processes of their own, CPU by the operating system.

Everything binds a private loopback address and a temporary folder, and ends with the `async with`.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from sipload import Plan, Progress, Result, Up

from ringback.commands.version import lines
from ringback.runtime.context import Context, Process
from ringback.runtime.counters import read_totals
from ringback.runtime.embedded import EmbeddedKafka, EmbeddedPostgres, EmbeddedValkey
from ringback.runtime.logs import configure_logs
from ringback.runtime.migrate import migrate
from ringback.runtime.settings import CommonSettings
from ringback.services import REGISTRY
from ringback.testing.demo_load import load_demo
from ringback.testing.demo_tenant import DemoSecrets
from ringback.testing.servers import private_host

SECRET = "a-secret-for-benchmarks"
TICKS = os.sysconf("SC_CLK_TCK")
ROOT = Path(__file__).resolve().parents[2]


class Stand:
    """The running platform; `groups` says which services share a process.

    `alone`: the groups are all there is, and no demo tenant is loaded. `without`: services that the benchmark
    plays itself. `host`: nothing for a loopback address that nobody else has.
    """

    def __init__(
        self,
        groups: Sequence[Sequence[str]] = (),
        host: str = "",
        *,
        alone: bool = False,
        without: Sequence[str] = (),
    ) -> None:
        grouped = {name for group in groups for name in group} | set(without)
        rest = [] if alone else [name for name in REGISTRY if name not in grouped]
        self._alone = alone
        self._groups = [list(group) for group in groups] + ([rest] if rest else [])
        self.host = host or private_host()
        self._folder = tempfile.TemporaryDirectory(prefix="ringback-bench-")
        self.folder = Path(self._folder.name)
        self.valkey = EmbeddedValkey(self.folder / "valkey")
        self.postgres = EmbeddedPostgres(self.folder / "pg")
        self.kafka = EmbeddedKafka(self.folder / "kafka")
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._names: list[str] = []
        self.secrets = DemoSecrets()

    async def __aenter__(self) -> Stand:
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def _start(self) -> None:
        configure_logs("warning")
        await asyncio.gather(self.valkey.start(), self.postgres.start(), self.kafka.start())
        await migrate(self.postgres.dsn, REGISTRY)
        for group in self._groups:
            await self._run(group)
        common = CommonSettings(
            host=self.host,
            data=str(self.folder / "data"),
            node="bench",
            valkey_url=self.valkey.url,
            postgres_dsn=self.postgres.dsn,
            kafka_bootstrap=self.kafka.bootstrap,
            cluster_secret=SECRET,
        )
        self.process = Process(common)
        await self.process.start()
        if not self._alone:
            self.secrets = await load_demo(self.context())
            await asyncio.sleep(2)  # every node is in the directory then

    async def _run(self, services: list[str]) -> None:
        name = "+".join(services) if len(services) < 4 else "the rest"
        env = {
            **os.environ,
            "RINGBACK_HOST": self.host,
            "RINGBACK_DATA": str(self.folder / "data"),
            "RINGBACK_NODE": f"bench-{len(self._processes)}",
            "RINGBACK_VALKEY_URL": self.valkey.url,
            "RINGBACK_POSTGRES_DSN": self.postgres.dsn,
            "RINGBACK_KAFKA_BOOTSTRAP": self.kafka.bootstrap,
            "RINGBACK_CLUSTER_SECRET": SECRET,
            "RINGBACK_LOG_LEVEL": os.environ.get("RINGBACK_LOG_LEVEL", "warning"),
            "RINGBACK_DRAIN_S": "1",
            "RINGBACK_SIP_PROXY_CALLS_PER_SECOND": "1000000",
            "RINGBACK_SIP_PROXY_REQUESTS_PER_SECOND": "1000000",
            "RINGBACK_SIP_PROXY_MAX_CALLS": "1000000",
            "RINGBACK_SIP_PROXY_MAX_CALLS_TOTAL": "1000000",
            "RINGBACK_SIP_CLUSTER_CAPACITY": "1000000",
            "RINGBACK_SIP_PROXY_REGISTERS_PER_SECOND": "1000000",
        }
        self._names.append(name)
        log = (self.folder / f"{len(self._processes)}.log").open("wb")
        command = (sys.executable, "-m", "ringback", "run", *services)
        self._processes[name] = await asyncio.create_subprocess_exec(
            *command, env=env, stdout=log, stderr=log
        )

    async def _stop(self) -> None:
        if hasattr(self, "process"):
            await self.process.stop()
        for running in self._processes.values():
            if running.returncode is None:
                running.terminate()
        for running in self._processes.values():
            try:
                await asyncio.wait_for(running.wait(), 10)
            except TimeoutError:
                running.kill()
        await asyncio.gather(self.valkey.stop(), self.postgres.stop(), self.kafka.stop())
        self._folder.cleanup()

    def context(self) -> Context:
        """A context for clients of the platform."""
        return Context(self.process, "bench")

    def cpu(self) -> dict[str, float]:
        """CPU seconds used so far by each process of the platform, its servers among them."""
        return {name: cpu_seconds(pid) for name, pid in self.pids().items()}

    def pids(self) -> dict[str, int]:
        """The processes by group, Valkey's among them."""
        pids = {name: running.pid for name, running in self._processes.items()}
        pids["Valkey"] = self.valkey.pid
        return pids

    def wakeups(self) -> dict[str, float]:
        """How often each process has gone to sleep so far (voluntary context switches), its threads' too."""
        return {name: float(wakeups(pid)) for name, pid in self.pids().items()}

    async def valkey_commands(self) -> dict[str, float]:
        """Commands that each process has sent to Valkey so far, and all that scripts called, as `Valkey`."""
        listed: bytes = await self.process.valkey.call("CLIENT", "LIST")
        sent: dict[str, float] = {}
        for line in listed.decode().splitlines():
            fields = dict(part.partition("=")[::2] for part in line.split())
            found = re.match(r"bench-(\d+)", fields.get("name", ""))
            if found is not None:
                name = self._names[int(found[1])]
                sent[name] = sent.get(name, 0.0) + float(fields["tot-cmds"])
        stats: bytes = await self.process.valkey.call("INFO", "commandstats")
        inner = sum(int(n) for n in re.findall(r":calls=(\d+)", stats.decode()))
        return {**sent, "Valkey": float(inner)}

    async def connections(self) -> dict[str, float]:
        """Messages carried so far by each row of the connections' table."""
        await asyncio.sleep(1.5)  # every process tells its counts once a second
        totals = await read_totals(self.process.valkey)
        return {row: float(count) for row, count in totals.items()}

    def pid(self, name: str) -> int:
        """The process of a group."""
        return self._processes[name].pid

    def rss(self, name: str) -> float:
        """Resident memory of one process, MiB."""
        return rss_mib(self.pid(name))

    def logs(self) -> str:
        """What the services have said, for when a benchmark fails."""
        return "\n".join(path.read_text()[-2000:] for path in sorted(self.folder.glob("*.log")))


def cpu_seconds(pid: int) -> float:
    """CPU seconds (user and system) of a process and its threads since it began."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def wakeups(pid: int) -> int:
    """How often the threads of a process have gone to sleep since they began."""
    total = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        total += int(status.read_text().partition("\nvoluntary_ctxt_switches:")[2].split()[0])
    return total


def family_cpu_seconds(pid: int) -> float:
    """CPU seconds of a process and of its children, those that have ended among them."""
    total = cpu_seconds(pid)
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    total += (int(fields[13]) + int(fields[14])) / TICKS
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        try:
            total += cpu_seconds(int(child))
        except OSError:
            continue  # it ended meanwhile
    return total


def rss_mib(pid: int) -> float:
    """Resident memory of a process, MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


async def load(plan: Plan, told: Callable[[Progress | Up], None] = lambda news: None) -> Result:
    """Run the SIP load generator in a process of its own; `told` gets what it says while it runs."""
    command = (sys.executable, str(ROOT / "tests/bench/sipload.py"))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    assert process.stdout is not None and process.stdin is not None
    try:
        process.stdin.write(msgspec.json.encode(plan))
        process.stdin.close()
        last = b""
        async for line in process.stdout:
            last = line
            if line.startswith(b'{"type"'):
                told(msgspec.json.decode(line, type=Progress | Up))
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
    return msgspec.json.decode(last, type=Result)


def report(
    name: str, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], figures: Any
) -> None:
    """Print one table and write `var/bench/NAME.json`, a list of metric, value, unit, peer, peer_value."""
    table = Table(title=f"{title}; {lines()[1]}")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right")
    for row in rows:
        table.add_row(*(f"{cell:,.3f}" if isinstance(cell, float) else str(cell) for cell in row))
    console = Console()
    # A file or a pipe has no width of its own.
    (console if console.is_terminal else Console(width=140)).print(table)
    folder = ROOT / "var" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(figures, indent=2) + "\n")
