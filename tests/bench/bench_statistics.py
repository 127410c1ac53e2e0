"""CPU of the statistics for a stream of 200 calls a second, by the number of subscriptions.

`make bench-statistics`. Entries as they stand in the streams (JSON), translated, counted, and the changes
encoded as they leave; no sockets, no stores. 20 virtual queues, 1,000 agents in 20 groups. A call is twelve
entries: submit, confirm, the call's own and the agent's. Subscriptions ask for a value once a second, either
of what the calls go through, or of objects where nothing happens: these must cost nothing.
"""

import argparse
import time
from collections.abc import Iterator
from itertools import cycle

import msgspec
from stand import report

from ringback.contracts.events import AgentEvent, CallEvent
from ringback.contracts.routing import ConfirmRequest, SubmitRequest
from ringback.contracts.statistics import Figure
from ringback.contracts.statistics import Figures as Told
from ringback.domain.statistics import DEFINITIONS, Asked, Floor, Subject, Watch, Window
from ringback.runtime.streams import StreamEntry
from ringback.services.tenant.figure_inputs import Translator

QUEUES, AGENTS, RATE = 20, 1_000, 200
BEGIN = 1_790_000_000.0
WINDOWS = tuple(Window.read(text) for text in ("growing", "sliding:60", "sliding:600", "sliding:1800"))
SUBSCRIPTIONS = ((0, 0), (500, 0), (5_000, 0), (0, 5_000), (0, 50_000), (500, 50_000))


def entries(calls: int) -> list[list[StreamEntry]]:
    """The entries of each call, in the order of time."""
    translator = Translator("t")
    made = []
    for number in range(calls):
        at = BEGIN + number / RATE
        made.append([entry(translator, at, *each) for each in of_call(number, at)])
    return made


def entry(translator: Translator, at: float, stream: int, kind: str, event: msgspec.Struct) -> StreamEntry:
    fields = {"e": msgspec.json.encode(event), "type": kind.encode()}
    return StreamEntry(translator.streams[stream], f"{int(at * 1000)}-0", fields)


def of_call(number: int, at: float) -> Iterator[tuple[int, str, msgspec.Struct]]:
    queue, agent, conn_id = f"VQ{number % QUEUES}", f"a{number % AGENTS}", f"{number:016x}"
    request = f"r{number}"

    def call(name: str, dn: str) -> tuple[int, str, msgspec.Struct]:
        return 0, "", CallEvent(id=name, time=at, tenant="t", conn_id=conn_id, this_dn=dn, agent_id=agent)

    def desk(turn: int, state: str, status: str) -> tuple[int, str, msgspec.Struct]:
        more = {"Status": status, "Groups": [f"G{number % QUEUES}"], "Skills": {"English": 5, "Loans": 3}}
        more |= {"Queue": queue, "CallType": 2, "ReadySince": at, "LeaseUntil": at}
        event = AgentEvent(
            id="EventAgentChanged",
            time=at,
            tenant="t",
            agent_id=agent,
            state=state,
            sequence=number // AGENTS * 5 + turn,
            extensions=more,
        )
        return 1, "", event

    submit = SubmitRequest(
        request_id=request, tenant="t", interaction_id=request, vq=queue, target="?:a>1", arrival_time=at
    )
    yield call("EventRouteRequest", f"80{number % QUEUES:02}")
    yield 2, "submit", submit
    yield desk(1, "reserved", "WaitForNextCall")
    yield call("EventRinging", "1001")
    yield desk(2, "ringing", "CallRinging")
    yield call("EventEstablished", "1001")
    yield desk(3, "talking", "CallInbound")
    yield call("EventRouteUsed", f"80{number % QUEUES:02}")
    yield 2, "confirm", ConfirmRequest(request_id=request, tenant="t", agent_id=agent)
    yield call("EventReleased", "1001")
    yield desk(4, "acw", "AfterCallWork")
    yield desk(5, "ready", "WaitForNextCall")


def wishes(number: int, *, idle: bool) -> Iterator[Asked]:
    """Every statistic of every queue, group and agent, until there are enough."""
    prefix = "idle-" if idle else ""
    places = [Subject("vq", f"{prefix}VQ{n}") for n in range(QUEUES)]
    places += [Subject("group", f"{prefix}G{n}") for n in range(QUEUES)]
    places += [Subject("agent", f"{prefix}a{n}") for n in range(AGENTS)]
    made = 0
    for window in cycle(WINDOWS):
        for definition in DEFINITIONS:
            for place in places:
                if place.type in definition.of and definition.name not in ("ExpectedWaitTime", "LoadBalance"):
                    if made == number:
                        return
                    made += 1
                    yield Asked(place, definition.name, window, 1.0 + made // 50_000)


def seconds_of_cpu(stream: list[list[StreamEntry]], busy: int, idle: int) -> tuple[float, int]:
    """CPU seconds for a second of the stream, and values told in it."""
    floor = Floor()
    watch, translator, told = Watch(floor), Translator("t"), 0
    for name, number in (("busy", busy), ("idle", idle)):
        for count, asked in enumerate(wishes(number, idle=name == "idle")):
            watch.open(f"{name}{count}", asked, BEGIN)
    start = time.process_time()
    for number, call in enumerate(stream):
        now = BEGIN + number / RATE
        for each in call:
            for event in translator.inputs(each):
                floor.handle(event, now)
        if number % (RATE // 4) == 0:
            values = [Figure(str(each.subscriber), each.value) for each in watch.tick(now)]
            msgspec.json.encode(Told("t", now, values))
            told += len(values)
    span = len(stream) / RATE
    return (time.process_time() - start) / span, round(told / span)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    stream = entries(options.seconds * RATE)
    table, figures = [], []
    for busy, idle in SUBSCRIPTIONS:
        cpu, told = seconds_of_cpu(stream, busy, idle)
        label = f"{busy:,} busy and {idle:,} idle subscriptions"
        table.append((f"{busy:,}", f"{idle:,}", cpu * 1000, f"{told:,}"))
        figures.append(
            {"metric": label, "value": cpu * 1000, "unit": "ms/s", "peer": None, "peer_value": None}
        )
    columns = ("where calls are", "where nothing is", "ms of CPU per second", "values told per second")
    report("statistics", f"Statistics at {RATE} calls a second", columns, table, figures)


if __name__ == "__main__":
    main()
