import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from ringback.domain.callbacks import DialResult
from ringback.domain.campaigns.definition import problems_of_campaign, rules_of
from ringback.domain.campaigns.outcomes import (
    BUILT_IN,
    Entered,
    OutcomeRefusedError,
    Outcomes,
    due_after,
    follow_of,
    problems_of_outcomes,
    read_time,
)
from ringback.domain.configuration import Campaign

NOW = 1.8e9
SPRING = Outcomes(
    {"SOLD": "done", "NOT_NOW": "again", "LATER": "callback", "NEVER": "do-not-call"},
    {"NOT_NOW": 86_400.0},
    3600.0,
    3,
    "CB_Sales",
)


@pytest.mark.parametrize(
    ("entered", "follow", "due"),
    [
        (Entered("SOLD"), "done", None),
        (Entered("NOT_NOW"), "again", NOW + 86_400),
        (Entered("AGAIN"), "again", NOW + 3600),
        (Entered("AGAIN", at=NOW + 60), "again", NOW + 60),
        (Entered("LATER", at=NOW + 60), "callback", None),
        (Entered("NEVER"), "do-not-call", None),
    ],
)
def test_a_result_says_what_follows_and_when(entered: Entered, follow: str, due: float | None) -> None:
    assert follow_of(SPRING, entered, NOW) == follow
    assert due_after(SPRING, entered, follow, 1, NOW) == due


def test_retries_name_results_of_dials_and_outcomes_that_are_dialled_again() -> None:
    spring = Campaign(
        id="spring",
        lists=("spring",),
        route_point="8000",
        queue="Sales",
        outcomes={"SOLD": "done", "NOT_NOW": "again"},
        retries={"BUSY": 60.0, "NOT_NOW": 120.0},
    )
    assert list(problems_of_campaign(spring)) == []
    rules = rules_of(spring, "UTC")
    assert (dict(rules.policy.delays), dict(rules.outcomes.delays)) == (
        {DialResult.BUSY: 60.0},
        {"NOT_NOW": 120.0},
    )
    (problem,) = problems_of_campaign(msgspec.structs.replace(spring, retries={"SOLD": 60.0}))
    assert "no outcome that is dialled again" in problem


def test_a_record_is_dialled_no_more_often_than_allowed_unless_the_customer_named_a_time() -> None:
    assert due_after(SPRING, Entered("NOT_NOW"), "again", 3, NOW) is None
    assert due_after(SPRING, Entered("NOT_NOW", at=NOW + 9), "again", 3, NOW) == NOW + 9


@pytest.mark.parametrize(
    ("entered", "words"),
    [
        (Entered("MAYBE"), "AGAIN, CALLBACK, DO_NOT_CALL, LATER"),
        (Entered("LATER"), "needs a time"),
        (Entered("SOLD", at=NOW + 60), "nobody is called"),
        (Entered("LATER", at=NOW - 3600), "90 days"),
        (Entered("LATER", at=NOW + 91 * 86_400), "90 days"),
    ],
)
def test_what_cannot_be_is_refused(entered: Entered, words: str) -> None:
    with pytest.raises(OutcomeRefusedError, match=words):
        follow_of(SPRING, entered, NOW)
    bare = Outcomes({}, {}, 3600.0, 3)
    with pytest.raises(OutcomeRefusedError, match="no callback service"):
        follow_of(bare, Entered("CALLBACK", at=NOW + 60), NOW)


@given(st.text(max_size=30), st.floats(allow_nan=False))
def test_whatever_is_entered_is_refused_or_followed(name: str, at: float) -> None:
    try:
        follow = follow_of(SPRING, Entered(name, at=at), NOW)
    except OutcomeRefusedError:
        return
    assert name in {*SPRING.names, *BUILT_IN}
    due = due_after(SPRING, Entered(name, at=at), follow, 1, NOW)
    assert due is None or due >= NOW - 60


def test_a_time_is_read_on_the_customers_clock_unless_it_has_a_zone() -> None:
    wall = read_time("2026-11-24T15:00", "Europe/Berlin")
    assert (
        wall == read_time("11/24/2026 15:00", "Europe/Berlin") == read_time("2026-11-24T14:00+00:00", "UTC")
    )
    for text in ("", "soon", "13/13/2026 15:00", "2026-11-24T25:00", "\0", "0001-01-01T00:00+14:00" * 9):
        with pytest.raises(OutcomeRefusedError):
            read_time(text, "Europe/Berlin")


def test_what_is_wrong_with_a_configuration_is_said() -> None:
    assert list(problems_of_outcomes(SPRING.names, "CB_Sales")) == []
    assert len(list(problems_of_outcomes({"": "done", "x" * 41: "again", "LATER": "callback"}, ""))) == 3
    assert any(
        "more than 50" in each for each in problems_of_outcomes({f"R{n}": "done" for n in range(51)}, "")
    )
