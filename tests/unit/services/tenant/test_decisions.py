"""The log of decisions in Valkey: bounded, and what is left of it can be replayed."""

import asyncio
from typing import Any

import pytest

from ringback.domain.routing import Router
from ringback.domain.routing.log import Began, replay
from ringback.domain.routing.messages import AgentReady, Cancel, Submit
from ringback.services.tenant import decisions
from ringback.services.tenant.decisions import DecisionLog


class Stream:
    """A stream that keeps so many entries."""

    def __init__(self) -> None:
        self.entries: list[bytes] = []
        self.written = asyncio.Event()

    async def call(self, _command: str, _key: str, _word: str, _how: str, length: int, *rest: Any) -> None:
        self.entries = [*self.entries, rest[-1]][-length:]
        self.written.set()


class Ctx:
    log: Any = None

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[None]] = []

    def spawn(self, coro: Any, _name: str) -> "asyncio.Task[None]":
        self.tasks.append(asyncio.ensure_future(coro))
        return self.tasks[-1]


async def test_what_is_left_of_a_full_log_can_be_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decisions, "FLUSH_S", 0.0)
    stream, core = Stream(), Router()
    log = DecisionLog(Ctx(), stream, "demo", 8, Began(0.0))  # type: ignore[arg-type]
    for number in range(60):
        now, name = float(number), f"i{number}"
        events = [
            Submit(name, "Q", ("English>0",), now, number),
            AgentReady("kim", number + 1, now, {"English": 1}),
        ]
        for event in (*events, Cancel(f"i{number - 9}")):
            stream.written.clear()
            log.add(now, event, core.handle(event, now))
            if log.wants_checkpoint(core):
                log.checkpoint(core, now)
            await asyncio.wait_for(stream.written.wait(), 5)
    assert len(stream.entries) == 8
    lines = [line for batch in stream.entries for line in decisions._lines(batch).splitlines()]
    found = replay(lines)
    assert (found.beginnings, found.differences) == (0, [])
    assert found.checkpoints >= 3 and found.turns > 4 and found.resumed is not None


async def test_a_log_that_is_stopped_begins_no_other_writing() -> None:
    ctx, core = Ctx(), Router()
    log = DecisionLog(ctx, Stream(), "demo", 8, Began(0.0))  # type: ignore[arg-type]
    event = AgentReady("kim", 1, 0.0, {})
    log.add(0.0, event, core.handle(event, 0.0))
    await asyncio.sleep(0)
    ctx.tasks[0].cancel()
    await asyncio.wait(ctx.tasks)
    log.add(1.0, None, [])
    assert len(ctx.tasks) == 1


def test_a_router_that_is_too_large_is_not_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decisions, "CHECKPOINT_MOST", 1)
    core, log = Router(), DecisionLog(Ctx(), Stream(), "demo", 4, Began(0.0))  # type: ignore[arg-type]
    log._written = 4
    assert log.wants_checkpoint(core)
    for number in range(2):
        core.handle(Submit(f"i{number}", "Q", ("English>0",), 0.0, number), 0.0)
    assert not log.wants_checkpoint(core)
