"""How much the SIP side holds: calls up at once in one node, bindings in the registrar, a rate held for long.

`make bench-sip_capacity`, or `python tests/bench/bench_sip_capacity.py up=20000 bindings=200000 held=600
rate=500`; `held` are seconds. A part with 0 is left out. Memory is the resident memory of the process. With
`stall=2` sip_proxy stands still for so many seconds in the middle of what is held; the table then says how
long calls were late.
"""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import msgspec
from bench_sip import CUSTOMER, UAS, bind, edge_of, played_proxy, register
from sipload import Plan, Progress, Up
from stand import Stand, load, report, rss_mib

from ringback.contracts.sip import bindings_key
from ringback.domain.configuration import Configuration, Extension, Tenant, digest_hashes
from ringback.runtime.link import LinkClient
from ringback.testing.demo_tenant import DOMAIN, TENANT

PARTS = {"up": 5_000, "bindings": 5_000, "held": 60, "rate": 100, "stall": 0}
UP_RATE, EACH, PASSWORD = 150, 10, "a-password-for-benchmarks"
Row = tuple[str, object, str]


async def calls_up(calls: int) -> list[Row]:
    """Calls that stay up in one cluster node, the parties asked now and then whether they are there."""
    async with Stand([["sip_cluster"]], without=["sip_proxy"]) as stand:
        await bind(stand)
        plan = msgspec.structs.replace(
            played_proxy(stand), calls=calls, rate=float(UP_RATE), hold_s=calls / UP_RATE + 5
        )
        await load(msgspec.structs.replace(plan, calls=200, hold_s=0.0))
        before, up = stand.rss("sip_cluster"), list[float]()
        result = await load(plan, lambda news: up.append(stand.rss("sip_cluster")))
    most = up[0] if up else 0.0
    return [
        ("calls up at once in one node", calls if up else 0, "calls"),
        ("sip_cluster before, then", f"{before:.0f}, {most:.0f}", "MiB"),
        ("a call that is up", (most - before) / calls * 1024, "KiB"),
        ("calls that failed", result.failed, "calls"),
    ]


async def rate_held(rate: int, seconds: int, stall: int) -> list[Row]:
    """Whole calls from a trunk to a phone through sip_proxy and sip_cluster."""
    async with Stand([["sip_proxy"], ["sip_cluster"]]) as stand:
        await register(stand)
        target, answer = edge_of(stand), f"udp:{UAS}"
        plan = Plan(target=target, answer=answer, user=CUSTOMER, calls=rate * seconds, rate=float(rate))
        await load(msgspec.structs.replace(plan, calls=500, rate=50.0))
        first = {name: stand.rss(name) for name in ("sip_proxy", "sip_cluster")}
        cpu, seen = stand.cpu(), Stall(stand.pid("sip_proxy"), seconds / 2, stall)
        result = await load(msgspec.structs.replace(plan, progress_s=0.5), seen.told)
        used = {name: (spent - cpu[name]) / plan.calls * 1000 for name, spent in stand.cpu().items()}
        last = {name: stand.rss(name) for name in first}
    return [
        ("calls offered a second", rate, f"for {seconds} s"),
        ("calls that failed", result.failed / plan.calls * 100, "%"),
        ("what the first of them met", result.first_failure or "-", ""),
        ("requests repeated", result.repeated, ""),
        ("set up, p50 and p99", f"{result.setup_p50_ms:.0f}, {result.setup_p99_ms:.0f}", "ms"),
        *((f"{name} before, after", f"{first[name]:.0f}, {last[name]:.0f}", "MiB") for name in first),
        *((f"a call in {name}", f"{ms:.2f}", "CPU ms") for name, ms in used.items()),
        ("a call in the load", f"{result.load_ms:.2f}", "CPU ms"),
        *(seen.rows() if stall else []),
    ]


class Stall:
    """A process that stands still for a while, and what calls meet before and after."""

    def __init__(self, pid: int, at: float, lasts: float) -> None:
        self._pid, self._at, self._lasts = pid, at, lasts
        self._seen: list[Progress] = []
        self._tasks: list[asyncio.Task[None]] = []

    def told(self, news: Progress | Up) -> None:
        """Take note; begin the stall when it is time."""
        if not isinstance(news, Progress):
            return
        self._seen.append(news)
        if self._lasts and not self._tasks and news.seconds >= self._at:
            self._at = news.seconds
            self._tasks.append(asyncio.get_running_loop().create_task(self._stall()))

    async def _stall(self) -> None:
        os.kill(self._pid, signal.SIGSTOP)
        await asyncio.sleep(self._lasts)
        os.kill(self._pid, signal.SIGCONT)

    def rows(self) -> list[Row]:
        """What there is to say of it; each half second from the stall on in a line of its own."""
        before = [item for item in self._seen if item.seconds <= self._at]
        normal = statistics.median(item.setup_p50_ms for item in before)
        over = self._at + self._lasts
        after = [item for item in self._seen if item.seconds > over]
        late = [item.seconds for item in after if item.setup_p50_ms > 2 * normal]
        for item in after[:40]:
            print(
                f"{item.seconds - over:6.1f} s  p50 {item.setup_p50_ms:8.1f} ms  "
                f"failed {item.failed - before[-1].failed}, repeated {item.repeated - before[-1].repeated}"
            )
        return [
            ("sip_proxy stood still", self._lasts, "s"),
            ("set up before it, p50", f"{normal:.0f}", "ms"),
            ("p50 more than twice of that until", f"{late[-1] - over if late else 0.0:.1f}", "s after it"),
            (
                "failed, repeated in its wake",
                self._since(before[-1], "failed", "repeated"),
                "calls, requests",
            ),
        ]

    def _since(self, before: Progress, *names: str) -> str:
        return ", ".join(str(getattr(self._seen[-1], name) - getattr(before, name)) for name in names)


@dataclass
class Course:
    """How registering goes: told while it runs, and remembered."""

    count: int
    memory: Callable[[], dict[str, float]]
    seen: list[Progress] = field(default_factory=lambda: [Progress(0, 0, 0.0)])

    def told(self, news: Progress | Up) -> None:
        """Say how far it is."""
        if isinstance(news, Progress):
            self.seen.append(news)
            mib = ", ".join(f"{name} {mib:.0f} MiB" for name, mib in self.memory().items())
            rate = self._rate(self.seen[-2], news)
            print(f"{news.ended:,} of {self.count:,} after {news.seconds:.0f} s, {rate:.0f} a second, {mib}")

    @property
    def rates(self) -> str:
        """Requests a second in the second quarter and in the last: the first has all the challenges."""
        quarter = [self._at(self.count * part / 4) for part in range(5)]
        return f"{self._rate(quarter[1], quarter[2]):,.0f}, {self._rate(quarter[3], quarter[4]):,.0f}"

    def _at(self, ended: float) -> Progress:
        return min(self.seen, key=lambda item: abs(item.ended - ended))

    @staticmethod
    def _rate(before: Progress, after: Progress) -> float:
        return (after.ended - before.ended) / max(0.001, after.seconds - before.seconds)


async def bindings(count: int) -> list[Row]:
    """Bindings, ten for each number, registered with digest through sip_proxy."""
    users = {str(400_000 + index): PASSWORD for index in range(count // EACH)}
    async with Stand([["sip_proxy"], ["registrar"]]) as stand:
        await register(stand)
        few = await _calls(stand)
        began = time.perf_counter()
        await _bring_in(stand, users)
        print(f"{len(users):,} numbers brought in, {time.perf_counter() - began:.0f} s")
        course = Course(count, partial(_memory, stand))
        plan = Plan(target=edge_of(stand), passwords=users, domain=DOMAIN, contacts=EACH, calls=count)
        first = course.memory()
        result = await load(msgspec.structs.replace(plan, progress_s=5.0), course.told)
        last = course.memory()
        again = await load(msgspec.structs.replace(plan, calls=min(count, 1000), rate=50.0))
        held, many = await _held(stand, users), await _calls(stand)
    return [
        ("bindings held", held, f"{result.failed} failed"),
        ("registered a second", result.calls / result.seconds, ""),
        ("the same, second and last quarter", course.rates, ""),
        *((f"{name} before, after", f"{first[name]:.0f}, {last[name]:.0f}", "MiB") for name in first),
        ("a binding in Valkey", (last["Valkey"] - first["Valkey"]) / count * 1024, "KiB"),
        ("refreshed with all there, 50 a second: failed", again.failed, ""),
        ("the same, p50 and p99", f"{again.setup_p50_ms:.1f}, {again.setup_p99_ms:.1f}", "ms"),
        *(
            (f"a call to one of them, {name}: with few, all", f"{few[name]:.2f}, {many[name]:.2f}", "CPU ms")
            for name in few
        ),
    ]


async def _held(stand: Stand, users: dict[str, str]) -> int:
    """The bindings that Valkey has of these numbers."""
    commands = [("HLEN", bindings_key(TENANT, user)) for user in users]
    found = []
    for start in range(0, len(commands), 1000):
        found += await stand.process.valkey.post(commands[start : start + 1000])
    return sum(found)


async def _calls(stand: Stand) -> dict[str, float]:
    """CPU of each process for a call from a trunk to a phone that is registered."""
    plan = Plan(target=edge_of(stand), answer=f"udp:{UAS}", user=CUSTOMER, calls=500, rate=50.0)
    await load(msgspec.structs.replace(plan, calls=100))
    before = stand.cpu()
    result = await load(plan)
    after = stand.cpu()
    if result.failed:
        print(f"{result.failed} calls failed: {result.first_failure}")
    return {name: (after[name] - before[name]) / plan.calls * 1000 for name in after}


def _memory(stand: Stand) -> dict[str, float]:
    own = {name: stand.rss(name) for name in ("sip_proxy", "registrar")}
    return {**own, "Valkey": rss_mib(stand.valkey.pid)}


async def _bring_in(stand: Stand, users: dict[str, str]) -> None:
    """The numbers, into the configuration."""
    link = LinkClient(stand.context(), "tenant", "config")
    await link.start()
    tenant = Tenant(id=TENANT, name="Demo", domain=DOMAIN, country="US", emergency=("911", "112"))
    dns = []
    for name, password in users.items():
        md5, sha256 = digest_hashes(name, DOMAIN, password)
        dns.append(Extension(id=name, ha1_md5=md5, ha1_sha256=sha256))
    whole = msgspec.to_builtins(Configuration(tenant=tenant, dns=tuple(dns)))
    await link.call("import", {"tenant": TENANT, "configuration": whole, "add": True}, timeout=300)
    await asyncio.sleep(3)  # every service has heard of it


async def main() -> None:
    """Run the parts that are asked for, print one table."""
    wanted = PARTS | {name: int(n) for name, n in (item.split("=") for item in sys.argv[1:])}
    rows: list[Row] = []
    if wanted["up"]:
        rows += await calls_up(wanted["up"])
    if wanted["held"]:
        rows += await rate_held(wanted["rate"], wanted["held"], wanted["stall"])
    if wanted["bindings"]:
        rows += await bindings(wanted["bindings"])
    figures = [{"metric": name, "value": value, "unit": unit} for name, value, unit in rows]
    report(
        Path(__file__).stem.removeprefix("bench_"), "What the SIP side holds", ("what", "", ""), rows, figures
    )


if __name__ == "__main__":
    asyncio.run(main())
