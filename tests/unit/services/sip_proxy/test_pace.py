"""Nodes that do not keep up (RFC 6357 5.3.2): INVITEs of which nothing has come yet."""

import pytest

from ringback.services.sip_proxy.pace import Pace

FREE = 64


def sent(pace: Pace, node: str, count: int, now: float = 0.0) -> None:
    for _ in range(count):
        pace.sent(node, now)


def heard(pace: Pace, node: str, count: int, now: float) -> None:
    for _ in range(count):
        pace.heard(node, now)


def test_a_few_of_which_nothing_comes_say_nothing() -> None:
    pace = Pace()
    sent(pace, "one", FREE - 1)
    assert pace.keeps_up("one", 30.0)


def test_a_node_that_is_late_is_sent_no_more_until_it_has_dealt_with_what_it_has() -> None:
    pace = Pace()
    sent(pace, "one", FREE)
    sent(pace, "one", 16, now=0.1)
    assert (pace.keeps_up("one", 0.14), pace.keeps_up("one", 0.16)) == (True, False)
    heard(pace, "one", FREE, now=0.3)
    assert pace.keeps_up("one", 0.3)


def test_beyond_the_free_ones_they_come_one_after_the_other() -> None:
    pace = Pace()
    sent(pace, "one", FREE + 17, now=1.0)
    assert (pace.keeps_up("one", 1.0), pace.keeps_up("one", 1.0015)) == (False, True)


@pytest.mark.parametrize(("few_take", "late"), [(0.02, 0.15), (1.0, 1.5)])
def test_how_long_phones_take_to_ring_makes_nobody_late(few_take: float, late: float) -> None:
    pace = Pace()
    for turn in range(100):
        pace.sent("one", 10.0 * turn)
        pace.heard("one", 10.0 * turn + few_take)
    sent(pace, "one", FREE, now=2000.0)
    assert pace.keeps_up("one", 2000.0 + 0.99 * late)
    assert not pace.keeps_up("one", 2000.0 + 1.01 * late)


def test_what_takes_long_because_there_is_much_teaches_nothing() -> None:
    pace = Pace()
    sent(pace, "one", FREE)
    heard(pace, "one", FREE, now=0.02)
    sent(pace, "one", 10 * FREE, now=1.0)
    heard(pace, "one", FREE, now=1.02)
    heard(pace, "one", 8 * FREE, now=5.0)
    sent(pace, "one", 1, now=6.0)
    assert not pace.keeps_up("one", 6.0)


def test_new_calls_come_in_as_long_as_one_node_keeps_up_or_none_is_known() -> None:
    pace = Pace()
    sent(pace, "one", FREE)
    assert [pace.is_open(nodes, 1.0) for nodes in (["one"], ["one", "two"], [])] == [False, True, True]


def test_a_node_that_is_gone_is_forgotten_with_the_last_of_what_was_sent_to_it() -> None:
    pace = Pace()
    sent(pace, "one", FREE)
    pace.keep([])
    assert not pace.keeps_up("one", 1.0)
    heard(pace, "one", FREE, now=2.0)
    pace.keep([])
    pace.heard("one", 2.0)
    assert pace.keeps_up("one", 3.0)
