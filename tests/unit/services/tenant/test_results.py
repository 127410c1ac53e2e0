"""Results on their way to the request queue, whatever becomes of the link."""

import asyncio
from collections.abc import Coroutine, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ringback.contracts.routing import RouteResult
from ringback.runtime.context import Context
from ringback.runtime.link import LinkClient, LinkError, LinkUnavailable
from ringback.services.tenant import results as module
from ringback.services.tenant.results import Results


class Queue:
    """Answers as it is told, request by request; then accepts everything."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers = list(answers)
        self.asked: list[list[str]] = []

    async def call_all(self, method: str, params: Sequence[RouteResult]) -> list[Any]:
        self.asked.append([each.request_id for each in params])
        answer = self.answers.pop(0) if self.answers else {}
        return [answer.get(each.request_id, {"accepted": True}) for each in params]


def made(queue: Queue, obsolete: frozenset[str] = frozenset()) -> tuple[Results, list[asyncio.Task[None]]]:
    tasks: list[asyncio.Task[None]] = []

    def spawn(coro: Coroutine[Any, Any, None]) -> None:
        tasks.append(asyncio.create_task(coro))

    log = SimpleNamespace(warning=lambda *_, **__: None, error=lambda *_, **__: None)
    ctx = cast(Context, SimpleNamespace(log=log))
    link = cast(LinkClient, queue)
    return Results(ctx, link, spawn, lambda result: result.request_id not in obsolete), tasks


def result(name: str) -> RouteResult:
    return RouteResult(request_id=name, tenant="t", seq=1, outcome="position")


@pytest.fixture(autouse=True)
def without_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_RETRY_S", 0.0)


class Long:
    """Gathers until something else takes along what was gathered."""

    def __init__(self, every_s: float) -> None:
        self.waits = [60.0, 0.0]

    def pause(self, count: int) -> float:
        return self.waits.pop(0)


async def test_what_is_gathered_leaves_before_the_next_that_somebody_waits_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "Gathering", Long)
    queue = Queue({"c": {"accepted": False}})
    results, tasks = made(queue)
    results.tell(result("a"))
    await asyncio.sleep(0)
    results.tell(result("b"))
    assert await results.store([]) == []
    assert queue.asked == []
    assert await results.store([result("c"), result("d")]) == [False, True]
    assert queue.asked == [["a", "b", "c", "d"]]
    (waiting,) = tasks
    waiting.cancel()


async def test_what_is_told_in_one_turn_leaves_together() -> None:
    queue = Queue()
    results, tasks = made(queue)
    for name in ("a", "b", "c"):
        results.tell(result(name))
    await asyncio.gather(*tasks)
    results.tell(result("d"))
    await asyncio.gather(*tasks)
    assert queue.asked == [["a", "b", "c"], ["d"]]


async def test_only_what_was_not_stored_is_said_again_until_it_is() -> None:
    away = LinkUnavailable("gone")
    queue = Queue({"b": away, "c": {"accepted": False}}, {"b": away})
    results, _ = made(queue)
    assert await results.store([result(name) for name in ("a", "b", "c")]) == [True, True, False]
    assert queue.asked == [["a", "b", "c"], ["b"], ["b"]]


async def test_what_is_obsolete_by_now_is_not_said_again_and_its_request_not_taken_for_closed() -> None:
    queue = Queue({"a": LinkUnavailable("gone"), "b": LinkError(404, "no such tenant")})
    results, _ = made(queue, frozenset({"a"}))
    assert await results.store([result("a"), result("b")]) == [True, False]
    assert queue.asked == [["a", "b"]]
