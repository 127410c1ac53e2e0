"""Where a routed interaction's time goes: a trace of what the stores have noted of it anyway.

Nothing is asked of the services for it. The agent's asking and the result's coming back are the load's own
moments. When the agent was stored as ready and as reserved, and when the result was stored, the ids of the
entries in Valkey say (whole milliseconds, rounded down); when the target was chosen, the reservation's lease
says. All of them run on one machine, so on one clock.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console
from rich.table import Table

from ringback.contracts.events import agents_stream
from ringback.contracts.names import tlib
from ringback.runtime.streams import StreamEntry, parse_entries

if TYPE_CHECKING:
    from stand import Stand

HOPS = (
    "asked to stored as ready (load, Valkey)",
    "stored to chosen (tenant reads, decides)",
    "chosen to stored as reserved (tenant, Valkey)",
    "reserved to result stored (tenant, rq, Valkey)",
    "stored to back (rq, load)",
)
_PAGE = 1000
_SLOWEST = 0.01


@dataclass(slots=True)
class Trace:
    """What the load has seen of one interaction, seconds since the epoch."""

    reservation: str
    asked: float
    chosen: float
    stored: float
    back: float

    @property
    def total(self) -> float:
        return self.back - self.asked


class AgentSeen(msgspec.Struct, rename=tlib):
    """What is read of an agent's event."""

    agent_id: str
    state: str
    reservation_id: str = ""


@dataclass
class Where:
    """The hops of each interaction, seconds; and what each process did for one of them."""

    hops: list[list[float]]
    counts: dict[str, dict[str, float]]

    def slowest(self) -> list[list[float]]:
        """The hops of the slowest hundredth."""
        ordered = sorted(self.hops, key=sum)
        return ordered[-max(1, int(len(ordered) * _SLOWEST)) :]


def at(entry_id: str) -> float:
    """When an entry was stored, seconds since the epoch, by Valkey's clock."""
    return int(entry_id.partition("-")[0]) / 1000


async def hops_of(stand: Stand, tenant: str, traces: Sequence[Trace]) -> list[list[float]]:
    """The hops of all that can be followed from end to end."""
    stream, start = agents_stream(tenant), f"{int(min(trace.asked for trace in traces) * 1000) - 1}-0"
    ready: dict[str, float] = {}
    stored: dict[str, tuple[float, float]] = {}
    while rows := await stand.process.valkey.call("XRANGE", stream, f"({start}", "+", "COUNT", _PAGE):
        for entry in parse_entries(stream, rows):
            _note(entry, ready, stored)
            start = entry.id
    return [_between(trace, *stored[trace.reservation]) for trace in traces if trace.reservation in stored]


def _note(entry: StreamEntry, ready: dict[str, float], stored: dict[str, tuple[float, float]]) -> None:
    event = entry.json(AgentSeen)
    if event.state == "ready":
        ready[event.agent_id] = at(entry.id)
    elif event.state == "reserved" and event.agent_id in ready:
        stored[event.reservation_id] = ready.pop(event.agent_id), at(entry.id)


def _between(trace: Trace, ready: float, reserved: float) -> list[float]:
    """The five hops: no moment before the one that led to it, although some are rounded down."""
    moments = [trace.asked]
    for moment in (ready, trace.chosen, reserved, trace.stored, trace.back):
        moments.append(min(max(moment, moments[-1]), trace.back))
    return [after - before for before, after in pairwise(moments)]


async def counts_of(stand: Stand) -> dict[str, dict[str, float]]:
    """What each process has done so far: how often it went to sleep, its reads and writes, its commands."""
    pids = {**stand.pids(), "load": os.getpid()}
    sleeps = {**stand.wakeups(), "load": float(_switches(pids["load"]))}
    found = {"sleeps": sleeps}
    for name, key in (("reads", "syscr"), ("writes", "syscw")):
        found[name] = {who: _io(pid, key) for who, pid in pids.items()}
    found["Valkey's commands"] = await stand.valkey_commands()
    return found


def per_routed(
    before: dict[str, dict[str, float]], after: dict[str, dict[str, float]], routed: int
) -> dict[str, dict[str, float]]:
    """The difference for each routed interaction."""
    return {
        what: {who: (now - before[what].get(who, 0.0)) / routed for who, now in each.items()}
        for what, each in after.items()
    }


def _io(pid: int, key: str) -> float:
    lines = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    return float(lines[key])


def _switches(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])


def show_where(name: str, where: Where) -> None:
    """Two tables: the hops, and what an interaction costs each process in wake-ups and calls."""
    console = Console()
    console = console if console.is_terminal else Console(width=140)
    console.print(_hops_table(name, where))
    console.print(_counts_table(where.counts))


def _hops_table(name: str, where: Where) -> Table:
    slow, whole = where.slowest(), len(where.hops)
    longest = Counter(max(range(len(HOPS)), key=hops.__getitem__) for hops in slow)
    title = f"{name}: ms by hop of {whole:,}; the slowest {len(slow)} beside"
    table = Table("hop", "p50", "p99", "mean of the slowest", "longest for", title=title)
    for number, hop in enumerate(HOPS):
        times = sorted(hops[number] for hops in where.hops)
        mean = sum(hops[number] for hops in slow) / len(slow)
        table.add_row(hop, _ms(_at(times, 0.5)), _ms(_at(times, 0.99)), _ms(mean), str(longest[number]))
    totals, of_slow = sorted(map(sum, where.hops)), sum(map(sum, slow)) / len(slow)
    table.add_row("together", _ms(_at(totals, 0.5)), _ms(_at(totals, 0.99)), _ms(of_slow), "")
    return table


def _counts_table(counts: dict[str, dict[str, float]]) -> Table:
    who = list(counts["reads"])
    table = Table("for each routed", *who, title="What the processes did")
    number: Callable[[float | None], str] = lambda n: "" if n is None else f"{n:.2f}"  # noqa: E731
    for what, each in counts.items():
        table.add_row(what, *(number(each.get(name)) for name in who))
    return table


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f}"
