"""SCXML: what a session at rest costs, starts per second, and the cost of an event.

`make bench-scxml`. Sessions at rest are real ones of orchestration's node, on an embedded Valkey: each runs
the shipped inbound application and stands in the waiting line; only the services that the elements ask for
are played. The other figures are pure CPU of the interpreter on one core, the best of several rounds.
"""

import argparse
import asyncio
import gc
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stand import report, rss_mib

from ringback.runtime.context import Context, Process
from ringback.runtime.embedded import EmbeddedValkey
from ringback.runtime.logs import configure_logs
from ringback.runtime.settings import CommonSettings
from ringback.scxml import Document, Event, Interpreter, compile_document
from ringback.services.designer.store import SHIPPED
from ringback.services.orchestration.modules import ACTIONS
from ringback.services.orchestration.node import Node
from ringback.services.orchestration.records import Record
from ringback.services.orchestration.settings import OrchestrationSettings

ROUNDS = 7
STATES = 20
INBOUND = SHIPPED["inbound"]
REPLIES: dict[str, dict[str, Any]] = {
    "query": {"queue": "sales", "waiting": 3, "ewt": 60.0, "agentsloggedin": 2, "agentsready": 0},
    "play": {},
    "waiting": {"found": False},
}


def platform_data(number: int) -> dict[str, Any]:
    """What orchestration gives the session of a call."""
    interaction = {
        "id": f"call-{number}",
        "connid": f"{number:016X}",
        "ani": "+14155550100",
        "dnis": "8000",
        "routepoint": "8000",
        "arrivaltime": time.time(),
        "udata": {"Segment": "gold"},
    }
    parameters = {"queue": "sales", "target": "?:sales>=1", "mailbox": "8500", "max_wait": "3600"}
    name = f"ixn-{number}"
    return {"tenant": "demo", "session": name, "interaction": interaction, "parameters": parameters}


class ResidentNode(Node):
    """A node whose neighbours answer at once, and whose application needs no designer."""

    def prepare_bench(self) -> None:
        """Put the played neighbours in place."""
        self.performer.perform = self._answer  # type: ignore[method-assign]
        self.applications.chosen = self._chosen  # type: ignore[method-assign]

    async def _answer(self, _record: Record, action: Any, _store: Any) -> dict[str, Any] | None:
        return REPLIES.get(action.name)

    async def _chosen(self, _url: str, _interaction: str) -> tuple[str, str]:
        return INBOUND, ""

    def at_rest(self) -> int:
        """Sessions that stand in the line."""
        return sum("waiting" in _states(live.record) for live in self._live.values())

    def awake(self) -> int:
        """Sessions that hold their interpreter."""
        return len(self._awake)


def _states(record: Record) -> list[str]:
    found: list[str] = record.snapshot["sessions"][0]["configuration"] if record.snapshot else []
    return found


async def at_rest(sessions: int, awake: int) -> tuple[float, float, float]:
    """MiB that so many sessions cost, MiB of one awake and kB of one asleep."""
    with tempfile.TemporaryDirectory(prefix="ringback-bench-") as folder:
        valkey = EmbeddedValkey(Path(folder) / "valkey")
        await valkey.start()
        common = CommonSettings(data=folder, node="bench", valkey_url=valkey.url, cluster_secret="bench")
        process = Process(common)
        await process.start(needs_postgres=False)
        try:
            node = ResidentNode(Context(process, "orchestration"), OrchestrationSettings(awake=awake))
            node.prepare_bench()
            return await fill(node, sessions, awake)
        finally:
            await process.stop()
            await valkey.stop()


async def fill(node: ResidentNode, sessions: int, awake: int) -> tuple[float, float, float]:
    """Start sessions until all stand in the line, first as many as may stay awake."""
    await start_until(node, 0, 10)
    empty = resident()
    await start_until(node, 10, awake)
    whole = resident()
    await start_until(node, awake, sessions)
    full = resident()
    assert node.awake() == min(awake, sessions)
    asleep = max(1, sessions - awake)
    return full - empty, (whole - empty) / max(1, awake - 10), (full - whole) / asleep * 1024


async def start_until(node: ResidentNode, first: int, last: int) -> None:
    """Begin sessions, a few hundred at a time, and wait until they rest."""
    for begin in range(first, last, 200):
        end = min(last, begin + 200)
        for number in range(begin, end):
            data = platform_data(number)
            record = Record(id=data["session"], tenant="demo", kind="started", app="bench", data=data)
            await node.begin(record)
        async with asyncio.timeout(60):
            while node.at_rest() < end:
                await asyncio.sleep(0.02)


def resident() -> float:
    """Resident memory of this process, MiB."""
    gc.collect()
    return rss_mib(os.getpid())


def inbound_session(document: Document, number: int) -> Interpreter:
    session = Interpreter(
        document, f"ixn-{number}", actions=ACTIONS, bindings={"_genesys": platform_data(number)}
    )
    session.start(0.0)
    session.outputs()
    return session


def start_micros(count: int) -> float:
    """Microseconds of CPU for one start of the shipped inbound application, as it goes on all day."""
    document = compile_document(INBOUND)

    def starts() -> None:
        for number in range(count):
            inbound_session(document, number).close()

    return best(starts, count)


def restore_micros(count: int) -> tuple[float, float]:
    """Microseconds to take a snapshot, and to wake a session from one."""
    document = compile_document(INBOUND)
    session = inbound_session(document, 1)
    saved = session.snapshot()

    def wake() -> None:
        for _ in range(count):
            Interpreter.restore(document, saved, actions=ACTIONS).close()

    return best(lambda: [session.snapshot() for _ in range(count)], count), best(wake, count)


def ring(content: str, cond: str = "") -> str:
    """A chart of 20 states in a ring, nested one deep, that each event moves on by one."""
    states = "".join(
        f'<state id="s{n}"><transition event="go" {cond} target="s{(n + 1) % STATES}">{content}</transition>'
        "</state>"
        for n in range(STATES)
    )
    data = '<datamodel><data id="n" expr="0"/><data id="log" expr="[]"/></datamodel>'
    return (
        '<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript">'
        f'{data}<state id="all" initial="s0">{states}</state></scxml>'
    )


def event_micros(chart: str, count: int) -> float:
    """Microseconds of CPU for one event through the chart."""
    session = Interpreter(compile_document(chart), "s")
    session.start(0.0)
    event = Event("go", data={"connid": "00000000000000A1", "reason": "", "digits": "1"})

    def feed() -> None:
        for _ in range(count):
            session.feed(event, 1.0)

    found = best(feed, count)
    session.close()
    return found


def best(run: Callable[[], object], count: int) -> float:
    """Microseconds of CPU for one of `count`: the median of the three quickest rounds."""
    run()
    rounds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        run()
        rounds.append((time.process_time() - began) / count * 1e6)
    return statistics.median(sorted(rounds)[:3])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--awake", type=int, default=OrchestrationSettings().awake)
    parser.add_argument("--count", type=int, default=300)
    options = parser.parse_args()
    configure_logs("error")
    start = start_micros(options.count)
    snapshot, wake = restore_micros(options.count)
    plain = event_micros(ring(""), options.count * 10)
    script = "<script>n = n + 1; log.push(_event.data.digits); if (log.length &gt; 5) log = [];</script>"
    scripted = event_micros(ring(script, 'cond="n &gt;= 0"'), options.count * 10)
    total, awake_mib, asleep_kib = asyncio.run(at_rest(options.sessions, options.awake))
    sessions = f"{options.sessions:,} sessions at rest"
    rows: list[tuple[str, float, str, float | None]] = [
        (f"{sessions}, {options.awake:,} of them awake", total, "MiB", 600.0),
        ("one session awake", awake_mib * 1024, "KiB", None),
        ("one session asleep", asleep_kib, "KiB", None),
        ("starts of the inbound application", 1e6 / start, "/s", 1500.0),
        ("one start", start, "us", None),
        ("one snapshot", snapshot, "us", None),
        ("waking one session", wake, "us", None),
        ("an event, 20 states, no script", plain, "us", 100.0),
        ("an event, 20 states, condition and script", scripted, "us", 250.0),
    ]
    figures = [
        {"metric": name, "value": value, "unit": unit, "peer": target and "target", "peer_value": target}
        for name, value, unit, target in rows
    ]
    table = [
        (name, f"{value:,.1f}", unit, "" if target is None else f"{target:,.0f}")
        for name, value, unit, target in rows
    ]
    report("scxml", "SCXML sessions", ("what", "measured", "unit", "target"), table, figures)


if __name__ == "__main__":
    main()
