"""What the router was given reaches the statistics once each, whoever read it."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import msgspec
import pytest

from ringback.contracts.events import AgentEvent, agents_stream
from ringback.domain.statistics import Subject
from ringback.runtime.streams import StreamEntry
from ringback.services.tenant import figures as module
from ringback.services.tenant.figures import Figures

STREAM = agents_stream("demo")


class Bench:
    """A context without servers, and a Valkey that holds one stream of agents' logins."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[None]] = []
        self.valkey = self.connections = self
        self.entries: list[str] = []
        self.figures = Figures(self, "demo", None, lambda vq, name: None)  # type: ignore[arg-type]
        self.figures.ready = True
        self.figures._cursors = dict.fromkeys(self.figures._translator.streams, "0-0")

    def using(self, connection: str) -> "Bench":
        return self

    def count(self, connection: str, received: int) -> None:
        pass

    def now(self) -> float:
        return 1000.0

    def spawn(self, coro: Coroutine[Any, Any, None], name: str) -> None:
        self.tasks.append(asyncio.create_task(coro))

    def login(self, *numbers: int) -> list[StreamEntry]:
        """As many agents log in as there are entries."""
        return [StreamEntry(STREAM, f"1-{number}", {"e": _login(number)}) for number in numbers]

    async def call(self, *command: Any) -> Any:
        streams = command[command.index("STREAMS") + 1 :]
        cursors = dict(zip(streams[: len(streams) // 2], streams[len(streams) // 2 :], strict=True))
        if STREAM not in cursors:
            return None
        after = int(cursors[STREAM].partition("-")[2])
        rows = [
            [entry.id.encode(), [b"e", entry.fields["e"]]]
            for entry in self.login(*(n for n in range(1, 10) if n > after))
        ]
        return [[STREAM.encode(), rows]] if rows else None

    async def read(self) -> None:
        await self.figures._follow(self)  # type: ignore[arg-type]

    async def logged_in(self) -> int:
        """How many agents the statistics know, when all that is gathered has been taken."""
        await asyncio.gather(*self.tasks)
        crew = self.figures.floor.measured(Subject("group", "*"))
        return crew.level("logged_in") if crew else 0


def _login(number: int) -> bytes:
    event = AgentEvent(
        id="EventAgentReady", time=1.0, tenant="demo", agent_id=f"a{number}", state="ready", sequence=1
    )
    return msgspec.json.encode(event)


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr(module, "_GATHER_S", 0.0)
    yield Bench()


async def test_what_follows_is_taken_without_reading(bench: Bench) -> None:
    bench.figures.beside_router(True)
    bench.figures.tell(STREAM, "0-0", bench.login(1, 2, 3))
    bench.figures.tell(STREAM, "1-3", bench.login(4, 5))
    assert await bench.logged_in() == 5
    assert bench.figures._cursors[STREAM] == "1-5"


async def test_what_is_known_is_not_taken_again(bench: Bench) -> None:
    bench.figures.beside_router(True)
    await bench.read()  # all nine, before the router tells of any
    bench.figures.tell(STREAM, "1-2", bench.login(3, 4))
    assert bench.figures._cursors[STREAM] == "1-9"
    assert len(bench.figures._gathered) == 9


async def test_what_was_missed_is_read_and_nothing_is_lost(bench: Bench) -> None:
    bench.figures.beside_router(True)
    bench.figures.tell(STREAM, "1-6", bench.login(7))
    assert bench.figures._cursors[STREAM] == "0-0"
    await bench.read()
    bench.figures.tell(STREAM, "1-9", bench.login(10))
    assert await bench.logged_in() == 10


async def test_a_stream_is_read_until_what_is_told_follows(bench: Bench) -> None:
    bench.figures.beside_router(True)
    await bench.read()
    assert await bench.logged_in() == 9  # nobody has told of them
    bench.figures.tell(STREAM, "1-9", bench.login(10))
    bench.figures._cursors[STREAM] = "0-0"
    await bench.read()
    assert bench.figures._cursors[STREAM] == "0-0"  # told, so not read


async def test_results_that_end_nothing_are_passed_over(bench: Bench) -> None:
    translator = bench.figures._translator
    results = translator.streams[3]
    rows = [[b"1-1", [b"e", b'{"outcome":"reserved"}']], [b"1-2", None]]
    assert translator.worth_parsing(results, rows) == []
    ended = [b"1-3", [b"e", b'{"request_id":"r1","outcome":"timeout"}']]
    assert translator.worth_parsing(results, [*rows, ended]) == [ended]
    assert translator.worth_parsing(STREAM, rows) == rows


async def test_a_node_that_routes_no_longer_reads_for_itself(bench: Bench) -> None:
    bench.figures.beside_router(True)
    bench.figures.tell(STREAM, "0-0", bench.login(1))
    bench.figures.beside_router(False)
    await bench.read()
    assert await bench.logged_in() == 9
