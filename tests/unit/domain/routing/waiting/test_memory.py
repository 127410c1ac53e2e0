"""What was learned, over a restart."""

import random
from collections.abc import Callable

import msgspec
import pytest

from ringback.domain.routing.waiting import (
    CommonMemory,
    Experience,
    ForgottenError,
    LoggedCall,
    QueueMemory,
    Replay,
    keep_common,
    keep_queue,
    recall_common,
    recall_queue,
)
from ringback.domain.routing.waiting.floor import MOST_LINES
from ringback.domain.routing.waiting.promises import Record


@pytest.fixture(scope="module")
def learned(call_log: Callable[..., list[LoggedCall]]) -> Experience:
    log = call_log(
        6,
        {"queue": "A", "most": 0.035, "service": 150.0, "patience": 300.0},
        {"queue": "A", "most": 0.006, "service": 150.0, "priority": 5, "patience": 300.0},
        days=3,
    )
    replay = Replay(log)
    replay.run()
    experience = Experience()
    experience.predictor = replay._ours
    experience.records["A"] = Record(100, 91, 90, 1000.0, 1100.0, 9.5, 11.5)
    return experience


def kept(experience: Experience) -> tuple[bytes, bytes]:
    return msgspec.json.encode(keep_common(experience)), msgspec.json.encode(keep_queue(experience, "A"))


def again(common: bytes, queue: bytes) -> Experience:
    experience = Experience()
    recall_common(experience, msgspec.json.decode(common, type=CommonMemory))
    recall_queue(experience, "A", msgspec.json.decode(queue, type=QueueMemory))
    return experience


@pytest.mark.parametrize("priority", [0, 5])
@pytest.mark.parametrize("ahead", [0, 3, 20])
def test_after_a_restart_the_same_is_told(learned: Experience, priority: int, ahead: int) -> None:
    after = again(*kept(learned))
    learned.predictor.floor.clear()
    told = [
        each.predictor.promise(each.predictor.floor.line("A", priority), 1e9, ahead, 6)
        for each in (learned, after)
    ]
    assert told[1].expected == pytest.approx(told[0].expected, rel=0.001)
    assert told[0].p50 and told[0].p90 and told[1].p50 and told[1].p90
    assert told[1].p50 == pytest.approx(told[0].p50, rel=0.2)
    assert told[1].p90 == pytest.approx(told[0].p90, rel=0.2)
    assert after.records == learned.records


def test_what_is_kept_is_small_and_does_not_grow(learned: Experience) -> None:
    common, queue = kept(learned)
    assert len(common) < 4_000
    assert len(queue) < 60_000


def test_it_goes_on_learning_from_there(learned: Experience) -> None:
    after = again(*kept(learned)).predictor
    line = after.floor.line("A", 0)
    before = after.promise(line, 1e9, 3, 6)
    for _ in range(3000):
        after.learn(after.promise(line, 1e9, 3, 6), 3 * before.expected)
    assert after.promise(line, 1e9, 3, 6).expected > 1.5 * before.expected


def test_what_another_version_kept_is_refused_whole(learned: Experience) -> None:
    common, queue = keep_common(learned), keep_queue(learned, "A")
    experience = Experience()
    with pytest.raises(ForgottenError):
        recall_common(experience, msgspec.structs.replace(common, version=0))
    with pytest.raises(ForgottenError):
        recall_queue(experience, "A", msgspec.structs.replace(queue, version=99))
    line = msgspec.structs.replace(queue.lines[0], blend=[1.0])
    with pytest.raises(ForgottenError):
        recall_queue(experience, "A", msgspec.structs.replace(queue, lines=[line]))
    with pytest.raises(ForgottenError):
        recall_queue(experience, "A", msgspec.structs.replace(queue, record=[]))
    assert not experience.predictor.lessons


def test_callers_of_ever_new_priorities_make_no_more_lines_than_a_queue_can_have() -> None:
    floor, source = Experience().predictor.floor, random.Random(1)
    for call in range(1000):
        floor.enter(call, floor.arrive("A", source.randrange(10**6), float(call)), float(call))
    queue = floor.queues["A"]
    assert len(queue.lines) == MOST_LINES
    assert sum(len(line.waiting) for line in queue.lines.values()) == queue.waiting == 1000
