"""The log of decisions can be replayed, and a replay notices another router."""

import random

import pytest

from ringback.domain.routing import Router
from ringback.domain.routing.growth import Growth, even
from ringback.domain.routing.log import Began, DecisionLogError, Entry, encode, replay
from ringback.domain.routing.messages import (
    AgentAway,
    AgentGone,
    AgentReady,
    Cancel,
    ClockStepped,
    Confirm,
    GroupDefined,
    Handled,
    Input,
    QueueDefined,
    Remembered,
    Reprioritize,
    Reserve,
    Return,
    Step,
    Submit,
)

TARGETS = ("English>=2", "Loans>0|English>5", "{ready>1}English>0", "Bank.GQ", "a3.A", "{ewt<50}?:")
CAPACITY = ("", "voice:1, chat:2 unless voice>=1", "*:2")


def a_day(seed: int, turns: int) -> list[bytes]:
    """The log of a router to which anything happens."""
    chance = random.Random(seed)
    began = Began(0.0, growth=0.1, first_attempt=1_000)
    router = Router(growth=began.growth, retry_pause=began.retry_pause, first_attempt=began.first_attempt)
    lines, held, now = [encode(began)], list[Reserve](), 1000.0

    def turn(event: Input | None) -> None:
        outputs = router.handle_timer(now) if event is None else router.handle(event, now)
        held.extend(one for one in outputs if isinstance(one, Reserve))
        lines.append(encode(Entry(now, event, outputs)))

    turn(Remembered("Q1", [5.0, 7.0], [60.0]))
    turn(QueueDefined("Q1", "English>0", weight=2.0))
    turn(QueueDefined("Q2", "Loans>0", weight=1.0))
    turn(GroupDefined("Bank", queues=("Q1", "Q2")))
    for number in range(turns):
        now += chance.random() * 3
        agent = f"a{chance.randrange(8)}"
        skills = {"English": chance.randrange(9), "Loans": chance.randrange(3)}
        kind = chance.randrange(12)
        if kind < 4:
            rule = chance.choice(CAPACITY)
            turn(AgentReady(agent, number, now, skills, frozenset({"x", "y"}), "d1", rule))
        elif kind == 4:
            turn(chance.choice([AgentAway(agent, number, skills), AgentGone(agent, number)]))
        elif kind < 8:
            steps = (Step((chance.choice(TARGETS),), 20.0), Step((chance.choice(TARGETS),), queue="Q2"))
            queue, media = chance.choice(["Q1", "Q2"]), chance.choice(["voice", "chat"])
            more = {"steps": steps} if chance.random() < 0.5 else {}
            request = Submit(
                f"i{number}", queue, (chance.choice(TARGETS),), now - 5, number, media=media, **more
            )
            turn(request)
        elif kind == 8 and held:
            one = held.pop(chance.randrange(len(held)))
            turn(
                chance.choice(
                    [Confirm(one.interaction, one.attempt), Return(one.interaction, one.attempt, "no")]
                )
            )
        elif kind == 9:
            turn(Cancel(f"i{chance.randrange(number + 1)}"))
        elif kind == 10:
            turn(
                chance.choice(
                    [
                        Reprioritize(f"i{number - 1}", 4, chance.choice([even(0.3), Growth(2, 30.0, 9)])),
                        Handled("Q1", 30.0),
                    ]
                )
            )
        else:
            turn(ClockStepped(-50.0) if chance.random() < 0.1 else None)
    return lines


@pytest.mark.parametrize("seed", range(5))
def test_the_same_inputs_give_the_same_decisions(seed: int) -> None:
    lines = a_day(seed, 1500)
    found = replay([b"", *lines])
    assert (found.differences, found.turns) == ([], 1504)
    assert found.decisions > 500


def test_a_decision_that_was_another_is_found() -> None:
    lines = a_day(1, 400)
    at = next(n for n, line in enumerate(lines) if b'"Reserve"' in line)
    head, _, tail = lines[at].rpartition(b'"agent":"a')
    lines[at] = head + b'"agent":"b' + tail
    found = replay(lines)
    assert [one.line for one in found.differences] == [at + 1]


def test_a_log_that_was_cut_begins_with_the_next_router() -> None:
    first, second = a_day(1, 100), a_day(2, 100)
    found = replay(first[50:] + second)
    assert (found.skipped, found.beginnings, found.differences) == (len(first) - 50, 1, [])


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([], "does not reach back"),
        ([b'{"type":"Entry","at":1.0}'], "does not reach back"),
        ([encode(Began(0.0)), b"{"], "line 2: "),
        ([encode(Began(0.0)), b'{"type":"Entry","at":1.0,"event":{"type":"Fire"}}'], "line 2: Invalid value"),
    ],
)
def test_what_is_no_log_is_refused_with_its_line(lines: list[bytes], reason: str) -> None:
    with pytest.raises(DecisionLogError, match=reason):
        replay(lines)
