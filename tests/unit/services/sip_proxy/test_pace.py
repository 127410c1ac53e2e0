"""Nodes that do not keep up (RFC 6357 5.3.2): what they have said nothing about yet."""

from ringback.services.sip_proxy.pace import Pace


def sent(pace: Pace, node: str, count: int, now: float = 0.0) -> None:
    for _ in range(count):
        pace.sent(node, now)


def test_a_few_that_nobody_answers_say_nothing() -> None:
    pace = Pace()
    sent(pace, "one", 15)
    assert pace.keeps_up("one", 30.0)


def test_a_node_that_says_nothing_for_long_is_sent_no_more_until_it_has_spoken() -> None:
    pace = Pace()
    sent(pace, "one", 20)
    assert (pace.keeps_up("one", 0.25), pace.keeps_up("one", 0.35)) == (True, False)
    for _ in range(5):
        pace.heard("one")
    assert pace.keeps_up("one", 0.35)


def test_a_node_is_not_sent_more_at_once_than_it_can_deal_with_soon() -> None:
    pace = Pace()
    sent(pace, "one", 150)
    assert not pace.keeps_up("one", 0.0)
    pace.heard("one")
    assert pace.keeps_up("one", 0.0)


def test_new_calls_come_in_as_long_as_one_node_keeps_up_or_none_is_known() -> None:
    pace = Pace()
    sent(pace, "one", 20)
    assert [pace.is_open(nodes, 1.0) for nodes in (["one"], ["one", "two"], [])] == [False, True, True]


def test_what_was_never_asked_is_no_answer() -> None:
    pace = Pace()
    pace.heard("one")
    sent(pace, "one", 20)
    assert not pace.keeps_up("one", 1.0)
