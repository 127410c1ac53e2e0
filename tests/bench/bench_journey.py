"""What a routed call costs over all services, with 10, 300 and 3,000 agents logged in, at a higher rate, and
as fast as can be; with the busy services in processes of their own, and with all services in one process.

`make bench-journey`. A call comes in from a trunk, hears the announcement, waits in the virtual queue, is
given to an agent, is answered and hung up. CPU is the operating system's figure for every process of the
platform, less what the same platform uses when nothing happens. Beside it stand the counts that it can be
planned with: wake-ups (a process that sleeps between two messages pays for each), commands to Valkey (those
of `Valkey` itself: all that were carried out, scripts' own among them), messages by row of the connections'
table. The callers and the agents' phones are played outside of what is measured. A cost that grows with the
agents who are merely there is a defect.

A played call: the greeting lasts 2.32 s, then music until the agent is there; the phone rings for 20 ms; the
caller hangs up as soon as the agent has answered. So media sends 50 packets for each second to the answer,
116 of them the greeting. With a rate of 0 there are always `UNDER_WAY` calls, a new one for each that ends:
the services then hardly sleep between two messages, and what is left is what their code costs.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass

import msgspec
from bench_sip import UAS_PORT, answering
from sipload import Plan, Result
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

RUNS = [(10, 5, 60), (300, 5, 60), (3000, 5, 60), (300, 20, 200), (300, 20, 200, 1), (300, 0, 1000)]
"""Agents, calls a second (0: as fast as can be), calls; a 1 behind them: all services in one process."""
UNDER_WAY = 100
"""Calls at a time where they come as fast as can be."""
FIGURES = {"cpu": "CPU ms", "wakeups": "wake-ups", "commands": "Valkey commands"}
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


async def counts(stand: Stand) -> dict[str, dict[str, float]]:
    """What has been used so far, by figure and process (or row of the connections' table)."""
    return {
        "cpu": stand.cpu(),
        "wakeups": stand.wakeups(),
        "commands": await stand.valkey_commands(),
        "messages": await stand.connections(),
    }


@dataclass(frozen=True)
class Measured:
    """What one call cost, by figure and process, and what the callers saw."""

    cost: dict[str, dict[str, float]]
    result: Result
    idle_ms_per_s: float


async def measure(agents: int, rate: int, calls: int, together: int = 0) -> Measured:
    """The cost of one call, less what the same platform uses when nothing happens."""
    async with Stand([] if together else GROUPS) as stand:
        await log_in(stand, agents)
        host, port = stand.context().address("sip_proxy", "edge")
        async with answering():
            plan = Plan(
                target=f"udp:{host}:{port}",
                user=ROUTE_POINT,
                calls=calls,
                rate=float(rate),
                outstanding=UNDER_WAY,
                routed=True,
            )
            await load(msgspec.structs.replace(plan, calls=2 * rate or UNDER_WAY))
            await asyncio.sleep(2)
            idle_from = await counts(stand)
            rested = time.monotonic()
            await asyncio.sleep(10)
            before = await counts(stand)
            began = time.monotonic()
            result = await load(plan)
            after = await counts(stand)
            ended = time.monotonic()
        share = (ended - began) / (began - rested)
        if result.failed:
            print(f"{result.failed} calls failed, the first: {result.first_failure}", stand.logs())
    cost: dict[str, dict[str, float]] = {}
    for figure, now in after.items():
        then, rest = before[figure], idle_from[figure]
        at_rest = {name: (then.get(name, 0.0) - rest.get(name, 0.0)) * share for name in now}
        used = {name: now[name] - then.get(name, 0.0) - at_rest[name] for name in now}
        cost[figure] = {name: max(0.0, value) / calls for name, value in used.items()}
    cost["cpu"] = {name: value * 1000 for name, value in cost["cpu"].items()}
    resting = sum(before["cpu"][name] - idle_from["cpu"][name] for name in before["cpu"])
    return Measured(cost, result, resting / (began - rested) * 1000)


def offered(agents: int, rate: int, _calls: int, together: int = 0) -> str:
    """What a run is called."""
    load = f"{rate}/s" if rate else f"{UNDER_WAY} under way"
    return f"{agents:,} agents, {load}" + (", one process" if together else "")


def table(measured: dict[tuple[int, ...], Measured]) -> None:
    """Print what was measured."""
    runs = list(measured.values())
    names = list(dict.fromkeys(name for run in runs for name in run.cost["cpu"]))
    rows: list[tuple[object, ...]] = []
    for figure, title in FIGURES.items():
        rows += [(f"{title}: {name}", *(run.cost[figure].get(name, 0.0) for run in runs)) for name in names]
    totals = {key: sum(run.cost["cpu"].values()) for key, run in measured.items()}
    rows.append(("all, CPU ms per routed call", *totals.values()))
    rows.append(("all, wake-ups per routed call", *(sum(run.cost["wakeups"].values()) for run in runs)))
    rows.append(("idle, CPU ms per second", *(run.idle_ms_per_s for run in runs)))
    rows.append(("calls a second", *(run.result.calls / run.result.seconds for run in runs)))
    rows.append(("answered by an agent, p50 ms", *(run.result.setup_p50_ms for run in runs)))
    rows.append(("calls that failed", *(run.result.failed for run in runs)))
    found = {row for run in runs for row, count in run.cost["messages"].items() if count >= 0.2}
    rows += [
        (f"messages: {row}", *(run.cost["messages"].get(row, 0.0) for run in runs)) for row in sorted(found)
    ]
    figures = [
        {"metric": f"CPU ms per routed call, {offered(*key)}", "value": total, "unit": "ms"}
        for key, total in totals.items()
    ]
    columns = ("per call", *(offered(*key) for key in measured))
    report("journey", "A routed call over all services", columns, rows, figures)


async def main() -> None:
    """Run all and print one table; arguments like those of RUNS (`AGENTS,RATE,CALLS`): these instead."""
    runs = [tuple(map(int, each.split(","))) for each in sys.argv[1:]] or RUNS
    table({run: await measure(*run) for run in runs})


if __name__ == "__main__":
    asyncio.run(main())
