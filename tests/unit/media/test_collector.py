from hypothesis import given
from hypothesis import strategies as st

from ringback.media.collector import Collected, Collector, CollectReason, CollectRules

RULES = CollectRules(max_digits=4, first_digit_seconds=5, inter_digit_seconds=2, total_seconds=8)


def collect(*events, rules=RULES):
    """Feed (time, digit) pairs; None as the digit is a timer that fires."""
    collector = Collector(rules, 0.0)
    for now, digit in events:
        result = collector.handle_timer(now) if digit is None else collector.digit(digit, now)
        if result is not None:
            return result
    return None


def test_the_last_digit_completes_it():
    assert collect((1, "1"), (2, "2"), (3, "3"), (4, "4")) == Collected("1234", CollectReason.COMPLETE)


def test_the_terminator_ends_it_and_is_not_part_of_it():
    assert collect((1, "1"), (2, "#")) == Collected("1", CollectReason.TERMINATED)


def test_nothing_pressed_is_no_input():
    assert collect((4.9, None)) is None
    assert collect((5, None)) == Collected("", CollectReason.NO_INPUT)


def test_a_pause_between_digits_ends_it_with_what_there_is():
    assert collect((1, "1"), (2.9, None)) is None
    assert collect((1, "1"), (3, None)) == Collected("1", CollectReason.TIMEOUT)


def test_the_whole_may_not_take_longer_than_its_limit():
    assert collect((4, "1"), (6, "2"), (7.5, "3"), (8, None)) == Collected("123", CollectReason.TIMEOUT)


def test_a_prompt_before_it_does_not_use_up_the_time():
    collector = Collector(RULES, 0.0)
    collector.restart(20.0)
    assert collector.timer == 25.0
    collector.digit("1", 21.0)
    collector.restart(30.0)
    assert collector.timer == 23.0


def test_after_the_end_nothing_counts():
    collector = Collector(CollectRules(max_digits=1), 0.0)
    assert collector.digit("1", 1) == Collected("1", CollectReason.COMPLETE)
    assert collector.digit("2", 2) is None
    assert collector.handle_timer(100) is None
    assert collector.stop() is None
    assert collector.timer is None


@given(st.lists(st.tuples(st.floats(0.01, 10), st.sampled_from("0123456789*#")), max_size=30))
def test_it_ends_once_and_never_with_too_many_digits(presses):
    collector, now, results = Collector(RULES, 0.0), 0.0, []
    for pause, digit in presses:
        now += pause
        results += [collector.handle_timer(now), collector.digit(digit, now)]
    results.append(collector.handle_timer(now + 100))
    ended = [result for result in results if result is not None]
    assert len(ended) == 1
    assert len(ended[0].digits) <= 4
    assert "#" not in ended[0].digits
