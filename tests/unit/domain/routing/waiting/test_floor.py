"""What is seen of the floor."""

import pytest

from ringback.domain.routing.waiting import Floor
from ringback.domain.routing.waiting.floor import PRESENT_FOR


def test_a_server_is_known_from_its_first_call_until_some_minutes_after_its_last() -> None:
    floor = Floor()
    line = floor.arrive("A", 0, 0.0)
    assert line.queue.present == 0
    floor.serve("s", 1, line, 0.0, waited=False)
    floor.look(10_000.0)
    assert line.queue.present == 1
    floor.finish("s", 1, 10_000.0)
    floor.look(10_000.0 + PRESENT_FOR)
    assert line.queue.present == 1
    floor.look(10_001.0 + PRESENT_FOR)
    assert line.queue.present == 0


def test_a_server_belongs_to_all_queues_it_has_served() -> None:
    floor = Floor()
    a, b = floor.line("A", 0), floor.line("B", 0)
    floor.serve("s", 1, a, 0.0, waited=False)
    floor.finish("s", 1, 60.0)
    floor.serve("s", 2, b, 90.0, waited=False)
    assert (a.queue.present, b.queue.present) == (1, 1)


def test_a_new_caller_stands_behind_those_of_at_least_his_priority() -> None:
    floor = Floor()
    for call, priority in enumerate((0, 0, 5, 3)):
        floor.enter(call, floor.line("A", priority), float(call))
    queue = floor.queues["A"]
    assert [floor.ahead(queue, priority) for priority in (0, 3, 4, 6)] == [4, 2, 1, 0]


def test_callers_of_another_queue_count_by_the_share_of_servers_in_common() -> None:
    floor = Floor()
    a, b = floor.line("A", 0), floor.line("B", 0)
    floor.serve("both", 1, a, 0.0, waited=False)
    floor.finish("both", 1, 1.0)
    floor.serve("both", 2, b, 2.0, waited=False)
    floor.serve("one", 3, a, 3.0, waited=False)
    floor.enter(4, b, 4.0)
    floor.enter(5, a, 4.0)
    before, everybody, _ = floor.pressure(a.queue, 1, 5.0)
    assert (before, everybody) == (0.0, 1.5)


def test_impatience_is_calls_lost_for_each_second_waited() -> None:
    floor = Floor()
    line = floor.line("A", 0)
    for call, (waited, served) in enumerate(((100.0, True), (300.0, False)), 1):
        floor.enter(call, line, 0.0)
        floor.leave(call, waited, served=served)
    assert line.queue.impatience == pytest.approx(1 / 400, rel=0.01)


def test_the_end_of_a_call_that_the_server_no_longer_serves_is_not_its_end() -> None:
    floor = Floor()
    line = floor.line("A", 0)
    floor.serve("s", 1, line, 0.0, waited=False)
    floor.serve("s", 2, line, 5.0, waited=False)
    floor.finish("s", 1, 6.0)
    assert floor.servers["s"].call == 2
