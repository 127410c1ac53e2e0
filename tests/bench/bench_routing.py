"""Routing: decisions a second of the router core, and routed interactions a second through rq.

`make bench-routing`. The core alone, without sockets or stores: a decision is an agent who becomes ready, the
target chosen, the reservation confirmed; the submit that brought the interaction is measured apart. It must
cost the same however many agents are logged in and however many interactions wait. Then rq and tenant as
processes over TCP and durable streams, this process playing orchestration and the agents (`routing_load.py`).
"""

import argparse
import asyncio
import gc
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import uvloop
from routing_load import Wired, measure_rate, measure_wired
from routing_where import show_where
from stand import report

from ringback.domain.routing import Router
from ringback.domain.routing.messages import AgentBusy, AgentReady, Confirm, QueueDefined, Reserve, Submit
from ringback.runtime.service import settle_memory

SKILLS = 50
OFFSETS = (0, 7, 19, 28, 41)
"""From an agent's number to the five skills that the agent has."""
CORE = ((10_000, 100_000), (100, 1_000), (100_000, 1_000), (10_000, 10), (10_000, 1_000_000))
BLOCK = 1_000
TARGET = {"decisions": 100_000, "routed": 3_000, "p99": 20.0}


@dataclass
class Core:
    """CPU seconds of a decision and of a submit with so much present."""

    agents: int
    waiting: int
    decision: float
    submit: float


def skills_of(number: int) -> dict[str, int]:
    return {f"Skill{(number + offset) % SKILLS}": 1 + number % 9 for offset in OFFSETS}


def submit(number: int) -> Submit:
    queue = number % SKILLS
    return Submit(f"i{number}", f"VQ{queue}", (f"Skill{queue}>=1",), float(number), number)


def filled(agents: int, waiting: int) -> Router:
    """A router with everybody busy and so many in line."""
    router = Router(lease=1e9)
    for number in range(SKILLS):
        router.handle(QueueDefined(f"VQ{number}", f"Skill{number}>=1"), 0.0)
    for number in range(agents):
        router.handle(AgentBusy(f"a{number}", 0, skills_of(number)), 0.0)
    for number in range(waiting):
        router.handle(submit(number), 0.0)
    return router


def decide(router: Router, events: list[AgentReady], now: float) -> float:
    """CPU seconds of agents who become ready one after the other and get one interaction each."""
    start = time.process_time()
    for event in events:
        (output,) = router.handle(event, now)
        assert isinstance(output, Reserve)
        router.handle(Confirm(output.interaction, output.attempt), now)
    return time.process_time() - start


def ready(agents: int, since: float) -> Iterator[AgentReady]:
    """Agents who become ready again and again, their records newer each time."""
    version = 0
    while True:
        version += 1
        for number in range(agents):
            yield AgentReady(f"a{number}", version, since + version, skills_of(number))


def core(agents: int, waiting: int, decisions: int) -> Core:
    """Blocks of decisions and of the submits that fill the lines again; one block is not counted."""
    router, agent, number = filled(agents, waiting), ready(agents, 1e7), waiting
    gc.collect()  # the row before this one is not to be paid for here
    size = min(BLOCK, waiting)
    blocks = decisions // size
    spent = [0.0, 0.0]
    for block in range(-1, blocks):
        now = 1e7 + block
        decided = decide(router, [next(agent) for _ in range(size)], now)
        requests = [submit(number + offset) for offset in range(size)]
        number += size
        start = time.process_time()
        for request in requests:
            router.handle(request, now)
        if block >= 0:
            spent[0] += decided
            spent[1] += time.process_time() - start
    return Core(agents, waiting, spent[0] / (blocks * size), spent[1] / (blocks * size))


def figure(metric: str, value: float, unit: str, target: float | None = None) -> dict[str, object]:
    more = {} if target is None else {"target": target}
    return {"metric": metric, "value": value, "unit": unit, "peer": None, "peer_value": None, **more}


def figures_of(cores: list[Core], wired: list[Wired]) -> list[dict[str, object]]:
    """All that was measured, as it is written to the file."""
    found = []
    for each in cores:
        where = f"{each.agents:,} agents, {each.waiting:,} waiting"
        found += [
            figure(f"decisions, {where}", 1 / each.decision, "1/s", TARGET["decisions"]),
            figure(f"CPU of a decision, {where}", each.decision * 1e6, "us"),
            figure(f"CPU of a submit, {where}", each.submit * 1e6, "us"),
        ]
    for run in wired:
        target = TARGET["routed"] if run.offered == 0 else None
        found.append(figure(f"routed, {run.name}", run.per_second, "1/s", target))
        found += [figure(f"CPU of {who}, {run.name}", us, "us") for who, us in run.cpu_us.items()]
        if run.offered:
            found += [
                figure(f"ready to target p50, {run.name}", run.ms(0.5), "ms"),
                figure(f"ready to target p99, {run.name}", run.ms(0.99), "ms", TARGET["p99"]),
            ]
    return found


def show(cores: list[Core], wired: list[Wired], figures: list[dict[str, object]]) -> None:
    """The tables."""
    columns = ("present", "decisions/s", "us of CPU per decision", "us of CPU per submit")
    rows = [
        (
            f"{c.agents:,} agents, {c.waiting:,} waiting",
            f"{1 / c.decision:,.0f}",
            c.decision * 1e6,
            c.submit * 1e6,
        )
        for c in cores
    ]
    if cores:
        report("routing", "The router core, one core", columns, rows, figures)
    if not wired:
        return
    processes = list(wired[0].cpu_us)
    columns = ("run; CPU in us per routed", "routed/s", "p50 ms", "p99 ms", *processes)
    lines = [
        (
            run.name,
            f"{run.per_second:,.0f}",
            *((run.ms(0.5), run.ms(0.99)) if run.offered else ("", "")),
            *(f"{run.cpu_us[p]:,.0f}" for p in processes),
        )
        for run in wired
    ]
    report("routing", "Through rq and tenant over TCP, durable streams", columns, lines, figures)


async def through_rq(options: argparse.Namespace) -> list[Wired]:
    """All runs through rq, or the one at a rate."""
    if options.rate:
        return [await measure_rate(options.seconds, options.rate, options.where)]
    return await measure_wired(options.seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=20_000, help="of each row of the core")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each run through rq")
    parser.add_argument("--part", choices=("core", "wired", "all"), default="all")
    parser.add_argument("--rate", type=float, help="through rq: only so many agents ready a second")
    parser.add_argument("--where", action="store_true", help="with --rate: in which hop the time goes")
    parser.add_argument("--json", action="store_true", help="the figures as JSON instead of tables")
    options = parser.parse_args()
    settle_memory()  # as every service does at its start
    cores = [core(*each, options.decisions) for each in CORE] if options.part != "wired" else []
    wired = asyncio.run(through_rq(options)) if options.part != "core" else []
    figures = figures_of(cores, wired)
    if options.json:
        json.dump(figures, sys.stdout, indent=2)
        return
    show(cores, wired, figures)
    for run in wired:
        if run.where is not None:
            show_where(run.name, run.where)


if __name__ == "__main__":
    uvloop.install()
    main()
