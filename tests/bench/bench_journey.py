"""What a routed call costs over all services, with 10, 300 and 3,000 agents logged in.

`make bench-journey`. A call comes in from a trunk, hears the announcement, waits in the virtual queue, is
given to an agent, is answered and hung up. CPU is the operating system's figure for every process of the
platform, less what the same platform uses when nothing happens. A cost that grows with the agents who are
merely there is a defect.
"""

from __future__ import annotations

import asyncio

import msgspec
from bench_sip import UAS_PORT, answering
from sipload import Plan
from stand import Stand, load, report

from ringback.domain.configuration import (
    Configuration,
    Extension,
    Person,
    RoutePoint,
    Skill,
    Tenant,
    VirtualQueue,
    digest_hashes,
)
from ringback.runtime.link import LinkClient
from ringback.testing.demo_tenant import DOMAIN, TENANT
from ringback.testing.phone import Phone

AGENTS = (10, 300, 3000)
CALLS = 60
RATE = 5.0
ROUTE_POINT, PASSWORD = "8990", "a-password-for-benchmarks"
GROUPS = [["sip_proxy"], ["sip_cluster"], ["tenant", "rq"], ["orchestration"], ["agent_state"], ["media"]]


def configuration(agents: int) -> Configuration:
    """Agents with one skill, each with a phone, and a route point that asks for them."""
    dns: list[Extension] = []
    for index in range(agents):
        dn = str(30000 + index)
        md5, sha256 = digest_hashes(dn, DOMAIN, PASSWORD)
        dns.append(Extension(id=dn, ha1_md5=md5, ha1_sha256=sha256))
    given = {"queue": "VQ_Bench", "target": "?:Bench>=1"}
    return Configuration(
        tenant=Tenant(id=TENANT, name="Demo", domain=DOMAIN, country="US", emergency=("911", "112")),
        skills=(Skill(id="Bench"),),
        dns=(
            *dns,
            VirtualQueue(id="VQ_Bench", target="?:Bench>=1"),
            RoutePoint(id=ROUTE_POINT, script="inbound", default_dn="8500", parameters=given),
        ),
        persons=tuple(
            Person(id=f"bench-{dn.id}", skills={"Bench": 5}, dn=dn.id, auto_login=True, wrap_up=0.5)
            for dn in dns
        ),
    )


async def log_in(stand: Stand, agents: int) -> None:
    """Bring the agents into the configuration and register their phones, which logs them in."""
    link = LinkClient(stand.context(), "tenant", "config")
    await link.start()
    whole = msgspec.to_builtins(configuration(agents))
    await link.call("import", {"tenant": TENANT, "configuration": whole, "add": True}, timeout=60)
    edge = stand.context().address("sip_proxy", "edge")
    for index in range(agents):
        phone = Phone(str(30000 + index), PASSWORD, proxy=edge, domain=DOMAIN, port=UAS_PORT)
        await phone.start()
        await phone.register()
        phone.registered = False  # the binding stays when the phone goes
        await phone.close()


async def measure(agents: int) -> tuple[dict[str, float], dict[str, float]]:
    """CPU milliseconds per call by process, and what the callers saw."""
    async with Stand(GROUPS) as stand:
        await log_in(stand, agents)
        host, port = stand.context().address("sip_proxy", "edge")
        async with answering():
            plan = Plan(target=f"udp:{host}:{port}", user=ROUTE_POINT, calls=CALLS, rate=RATE, routed=True)
            await load(msgspec.structs.replace(plan, calls=10))
            await asyncio.sleep(2)
            idle_from = stand.cpu()
            await asyncio.sleep(10)
            before = stand.cpu()
            result = await load(plan)
            after = stand.cpu()
        seconds = result.seconds
        idle = {name: (before[name] - idle_from[name]) / 10 * seconds for name in before}
        cost = {name: max(0.0, after[name] - before[name] - idle[name]) / CALLS * 1000 for name in after}
        if result.failed:
            print(f"{result.failed} calls failed, the first: {result.first_failure}", stand.logs())
        return cost, {
            "idle_ms_per_s": sum(idle.values()) / seconds * 1000,
            "setup_p50_ms": result.setup_p50_ms,
            "failed": result.failed,
        }


async def main() -> None:
    """Run all and print one table."""
    measured = {agents: await measure(agents) for agents in AGENTS}
    names = list(measured[AGENTS[0]][0])
    rows: list[tuple[object, ...]] = [(name, *(measured[n][0][name] for n in AGENTS)) for name in names]
    totals = {n: sum(measured[n][0].values()) for n in AGENTS}
    rows.append(("all, CPU ms per routed call", *totals.values()))
    rows.append(("idle, CPU ms per second", *(measured[n][1]["idle_ms_per_s"] for n in AGENTS)))
    rows.append(("answered by an agent, p50 ms", *(measured[n][1]["setup_p50_ms"] for n in AGENTS)))
    rows.append(("calls that failed", *(measured[n][1]["failed"] for n in AGENTS)))
    figures = [
        {"metric": f"CPU ms per routed call, {n} agents", "value": total, "unit": "ms"}
        for n, total in totals.items()
    ]
    columns = ("CPU ms per call", *(f"{n:,} agents" for n in AGENTS))
    report("journey", "A routed call over all services", columns, rows, figures)


if __name__ == "__main__":
    asyncio.run(main())
