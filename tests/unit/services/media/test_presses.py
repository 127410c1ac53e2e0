"""A press that comes by RTP and by INFO counts once."""

from hypothesis import given
from hypothesis import strategies as st

from ringback.services.media.presses import TWICE_TOLD_S, Presses


def heard(told: list[tuple[float, str, bool]]) -> str:
    presses = Presses()
    return "".join(key for at, key, by_sip in told if presses.is_new(key, at, by_sip=by_sip))


def test_who_sends_both_is_heard_once_in_whatever_order_they_come() -> None:
    assert heard([(0.0, "5", False), (0.2, "5", True), (0.4, "5", False), (0.6, "5", True)]) == "55"
    assert heard([(0.0, "5", True), (0.1, "5", False), (0.4, "5", False), (0.6, "5", True)]) == "55"
    assert heard([(0.0, "1", False), (0.2, "1", False), (0.3, "1", True), (0.9, "1", True)]) == "11"
    assert heard([(0.0, "1", False), (0.1, "2", False), (0.2, "1", True), (0.3, "2", True)]) == "12"


def test_later_it_is_another_press() -> None:
    assert heard([(0.0, "5", False), (TWICE_TOLD_S + 0.01, "5", True)]) == "55"


@given(st.lists(st.tuples(st.floats(0, 9), st.sampled_from("12*")), max_size=40), st.booleans())
def test_who_sends_one_of_the_two_loses_no_key_however_fast(
    pressed: list[tuple[float, str]], by_sip: bool
) -> None:
    pressed.sort()
    assert heard([(at, key, by_sip) for at, key in pressed]) == "".join(key for _, key in pressed)


@given(st.lists(st.tuples(st.floats(0.1, 1), st.sampled_from("12*")), max_size=40), st.booleans())
def test_who_sends_both_loses_none_and_doubles_none(
    pressed: list[tuple[float, str]], sip_first: bool
) -> None:
    told, now = list[tuple[float, str, bool]](), 0.0
    for pause, key in pressed:
        now += pause
        told += [(now, key, sip_first), (now + 0.05, key, not sip_first)]
    assert heard(told) == "".join(key for _, key in pressed)
