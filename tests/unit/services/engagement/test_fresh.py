import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ringback.services.engagement.fresh import Fresh


class Source:
    """Answers when the test says so; the clock is in the test's hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked: list[str] = []
        self.answers: dict[str, asyncio.Future[str]] = {}
        self.context = cast(Any, SimpleNamespace(monotonic=lambda: self.now))

    async def gather(self, key: str) -> str:
        self.asked.append(key)
        self.answers[key] = asyncio.get_running_loop().create_future()
        return await self.answers[key]


async def both(fresh: Fresh[str], source: Source) -> list[asyncio.Future[str]]:
    """Two who ask at once, when the source has been asked."""
    waiting = [asyncio.ensure_future(fresh.of("demo")) for _ in range(2)]
    while "demo" not in source.answers:
        await asyncio.sleep(0)
    return waiting


async def test_all_who_ask_at_a_moment_are_told_the_same_and_it_is_asked_once() -> None:
    source = Source()
    fresh = Fresh(source.context, 1.0, source.gather)
    waiting = await both(fresh, source)
    source.answers["demo"].set_result("first")
    assert await asyncio.gather(*waiting) == ["first", "first"]
    source.now = 0.9
    assert await fresh.of("demo") == "first"
    assert source.asked == ["demo"]


async def test_what_is_old_is_asked_for_anew_and_another_key_is_another_question() -> None:
    source = Source()
    fresh = Fresh(source.context, 1.0, source.gather)
    waiting = await both(fresh, source)
    source.answers.pop("demo").set_result("first")
    await asyncio.gather(*waiting)
    source.now = 1.0
    later = await both(fresh, source)
    source.answers["demo"].set_result("second")
    assert await asyncio.gather(*later) == ["second", "second"]
    assert source.asked == ["demo", "demo"]


async def test_a_failure_is_told_to_all_who_wait_and_is_not_remembered() -> None:
    source = Source()
    fresh = Fresh(source.context, 1.0, source.gather)
    waiting = await both(fresh, source)
    source.answers.pop("demo").set_exception(ConnectionError("away"))
    for each in waiting:
        with pytest.raises(ConnectionError):
            await each
    assert source.asked == ["demo"], "nobody waits for a second failure"
    again = await both(fresh, source)
    source.answers["demo"].set_result("back")
    assert await asyncio.gather(*again) == ["back", "back"]


async def test_who_goes_away_takes_nothing_from_the_others() -> None:
    source = Source()
    fresh = Fresh(source.context, 1.0, source.gather)
    first, second = await both(fresh, source)
    first.cancel()
    await asyncio.sleep(0)
    source.answers["demo"].set_result("told")
    assert await second == "told"
