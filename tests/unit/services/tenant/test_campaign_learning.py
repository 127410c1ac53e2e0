"""What predictive pacing takes for the time after a talk: what agents need, not what was guessed once."""

from typing import Any, cast

import pytest

from ringback.domain.configuration import Campaign
from ringback.domain.statistics import AfterCalls
from ringback.runtime.context import Context
from ringback.services.tenant.campaigns.learning import AFTER_TALK_S, Learning, after_talk
from ringback.services.tenant.campaigns.store import Session

ROW = {"dials": 100, "answered": 40, "answer_s": 12.0, "talks": 30, "occupied_s": 3000.0, "after_talk": 4}


class Stored:
    """A session whose one query is answered with the row above."""

    async def fetch(self, name: str, *_arguments: object) -> list[dict[str, Any]]:
        assert name == "learned"
        return [ROW]


class Around:
    """A clock."""

    def now(self) -> float:
        return 1000.0


def learning(seen: AfterCalls | None) -> Learning:
    return Learning(cast(Context, Around()), lambda _queue: seen)


def campaign() -> Campaign:
    return Campaign(id="spring", queue="sales", caller_id="", route_point="8010", lists=("spring",))


@pytest.mark.parametrize(
    ("seen", "seconds"),
    [
        (None, AFTER_TALK_S),
        (AfterCalls(0, 0.0, 0), AFTER_TALK_S),
        (AfterCalls(10, 300.0, 2), 20.0),
        (AfterCalls(990, 0.0, 0), 0.1),
        (AfterCalls(990, 990 * 45.0, 9), 44.65),
    ],
)
def test_what_was_seen_outweighs_the_guess_the_more_of_it_there_is(
    seen: AfterCalls | None, seconds: float
) -> None:
    assert after_talk(seen) == pytest.approx(seconds)


async def test_agents_are_occupied_for_as_long_as_they_really_are() -> None:
    seen = AfterCalls(90, 90 * 40.0, 7)
    learned = await learning(seen).learned(cast(Session, Stored()), campaign())
    assert learned.known.occupied_s == pytest.approx(3000.0 + 30 * 37.0)
    assert learned.after_talk == 7, "who is at it now, counted"


async def test_while_nothing_can_be_seen_the_time_since_the_talks_tells() -> None:
    learned = await learning(None).learned(cast(Session, Stored()), campaign())
    assert (learned.known.occupied_s, learned.after_talk) == (3000.0 + 30 * AFTER_TALK_S, 4)
