"""How much the SIP side holds: calls up at once in one node, bindings in the registrar, a rate held for long.

`make bench-sip_capacity`, or `python tests/bench/bench_sip_capacity.py up=20000 bindings=200000 held=600
rate=500`; `held` are seconds. A part with 0 is left out. Memory is the resident memory of the process.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from pathlib import Path

import msgspec
from bench_sip import CUSTOMER, UAS, bind, edge_of, played_proxy, register
from sipload import Plan
from stand import Stand, load, report, rss_mib

from ringback.domain.configuration import Configuration, Extension, Tenant, digest_hashes
from ringback.runtime.link import LinkClient
from ringback.testing.demo_tenant import DOMAIN, TENANT

PARTS = {"up": 5_000, "bindings": 5_000, "held": 60, "rate": 100}
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
        result = await load(plan, when_up=lambda: up.append(stand.rss("sip_cluster")))
    most = up[0] if up else 0.0
    return [
        ("calls up at once in one node", calls if up else 0, "calls"),
        ("sip_cluster before, then", f"{before:.0f}, {most:.0f}", "MiB"),
        ("a call that is up", (most - before) / calls * 1024, "KiB"),
        ("calls that failed", result.failed, "calls"),
    ]


async def rate_held(rate: int, seconds: int) -> list[Row]:
    """Whole calls from a trunk to a phone through sip_proxy and sip_cluster."""
    async with Stand([["sip_proxy"], ["sip_cluster"]]) as stand:
        await register(stand)
        target, answer = edge_of(stand), f"udp:{UAS}"
        plan = Plan(target=target, answer=answer, user=CUSTOMER, calls=rate * seconds, rate=float(rate))
        await load(msgspec.structs.replace(plan, calls=500, rate=50.0))
        first = {name: stand.rss(name) for name in ("sip_proxy", "sip_cluster")}
        result = await load(plan)
        last = {name: stand.rss(name) for name in first}
    return [
        ("calls offered a second", rate, f"for {seconds} s"),
        ("calls that failed", result.failed / plan.calls * 100, "%"),
        ("requests repeated", result.repeated, ""),
        ("set up, p50 and p99", f"{result.setup_p50_ms:.0f}, {result.setup_p99_ms:.0f}", "ms"),
        *((f"{name} before, after", f"{first[name]:.0f}, {last[name]:.0f}", "MiB") for name in first),
    ]


async def bindings(count: int) -> list[Row]:
    """Bindings, ten for each number, registered with digest through sip_proxy."""
    users = {str(400_000 + index): PASSWORD for index in range(count // EACH)}
    async with Stand([["sip_proxy"], ["registrar"]]) as stand:
        await _bring_in(stand, users)
        memory = partial(_memory, stand)
        plan = Plan(target=edge_of(stand), passwords=users, domain=DOMAIN, contacts=EACH, calls=count)
        first = memory()
        result = await load(plan)
        last = memory()
        again = await load(msgspec.structs.replace(plan, calls=min(count, 2000), rate=50.0))
    return [
        ("bindings", result.calls, f"{result.failed} failed"),
        ("registered a second", result.calls / result.seconds, ""),
        *((f"{name} before, after", f"{first[name]:.0f}, {last[name]:.0f}", "MiB") for name in first),
        ("a binding in Valkey", (last["Valkey"] - first["Valkey"]) / count * 1024, "KiB"),
        ("REGISTER with all there, 50 a second, p50", again.setup_p50_ms, "ms"),
        ("the same, p99", again.setup_p99_ms, "ms"),
    ]


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
        rows += await rate_held(wanted["rate"], wanted["held"])
    if wanted["bindings"]:
        rows += await bindings(wanted["bindings"])
    figures = [{"metric": name, "value": value, "unit": unit} for name, value, unit in rows]
    report(
        Path(__file__).stem.removeprefix("bench_"), "What the SIP side holds", ("what", "", ""), rows, figures
    )


if __name__ == "__main__":
    asyncio.run(main())
