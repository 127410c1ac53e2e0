import hypothesis.strategies as st
from hypothesis import given

from ringback.domain.callbacks import DialResult
from ringback.domain.campaigns.lines import Line, Lines, after_dial, caller_id_for, due_next

HOME, MOBILE, WORK = (
    Line(number=f"+1202555010{n}", kind=kind) for n, kind in enumerate(("home", "mobile", "work"))
)
ALL = Lines((HOME, MOBILE, WORK))
NOW, PAUSE = 1.8e9, 600.0
LATER = NOW + 60


def test_one_number_after_the_other_is_tried_and_then_the_next_round_begins() -> None:
    lines, dialled = ALL, []
    for _ in range(4):
        line = lines.left[0]
        dialled.append(line.kind)
        then = after_dial(lines, line.number, DialResult.BUSY)
        due = due_next(then, DialResult.BUSY, LATER, NOW, PAUSE, used_up=False)
        assert due == (LATER if line is WORK else NOW)
        lines = then.lines
    assert dialled == ["home", "mobile", "work", "home"]


def test_a_number_that_leads_to_nobody_is_left_out_until_none_is_left() -> None:
    then = after_dial(ALL, HOME.number, DialResult.ERROR_TONE)
    assert due_next(then, DialResult.ERROR_TONE, None, NOW, PAUSE, used_up=False) == NOW
    then = after_dial(then.lines, MOBILE.number, DialResult.NO_ANSWER)
    then = after_dial(then.lines, WORK.number, DialResult.FAX)
    assert due_next(then, DialResult.FAX, None, NOW, PAUSE, used_up=False) == NOW + PAUSE
    assert then.lines.left == (MOBILE,)
    then = after_dial(then.lines, MOBILE.number, DialResult.ERROR_TONE)
    assert due_next(then, DialResult.ERROR_TONE, None, NOW, PAUSE, used_up=False) is None


def test_who_was_reached_is_done_and_what_says_nothing_of_a_number_changes_none() -> None:
    tried = after_dial(ALL, HOME.number, DialResult.BUSY).lines
    for result, left in ((DialResult.CONNECTED, ALL.left), (DialResult.UNKNOWN, tried.left)):
        then = after_dial(tried, MOBILE.number, result)
        assert then.lines.left == left
        assert due_next(then, result, LATER, NOW, PAUSE, used_up=False) == LATER
    fault = after_dial(tried, MOBILE.number, DialResult.CREATE_CALL_ERROR)
    assert fault.lines == tried


@given(st.lists(st.sampled_from(DialResult), max_size=30), st.integers(1, 6))
def test_no_customer_is_dialled_more_often_than_allowed_at_whatever_numbers(
    results: list[DialResult], most: int
) -> None:
    lines, dials = ALL, 0
    for result in results:
        number = lines.left[0].number
        assert number not in lines.dead
        dials += 1
        then = after_dial(lines, number, result)
        due = due_next(then, result, None if dials >= most else LATER, NOW, PAUSE, used_up=dials >= most)
        lines = then.lines
        if due is None:
            break
        assert lines.left
    assert dials <= most


def test_the_number_to_show_is_that_of_the_longest_beginning() -> None:
    shown = {"+49": "+4930100", "+4989": "+4989200"}
    assert caller_id_for("+12025550100", shown, "+49891234567") == "+4989200"
    assert caller_id_for("+12025550100", shown, "+49301234567") == "+4930100"
    assert caller_id_for("+12025550100", shown, "+12025550123") == "+12025550100"
