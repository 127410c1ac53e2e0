"""Local times of a question for slots, on days on which the clock is changed."""

from datetime import UTC, datetime

import pytest

from ringback.services.engagement.availability import read_question

NOW = datetime(2027, 1, 1, tzinfo=UTC).timestamp()
TWICE = "2027-10-31T02:30:00.000"
NEVER = "2027-03-28T02:30:00.000"


def asked(**query: str) -> tuple[str, str]:
    """From when to when, in UTC."""
    found = read_question({"timezone": "Europe/Berlin", **query}, NOW)
    start, end = (datetime.fromtimestamp(each, UTC).isoformat() for each in (found.start, found.end))
    return start, end


def test_a_time_that_comes_twice_starts_at_the_first_and_ends_at_the_last() -> None:
    assert asked(start=TWICE, end=TWICE) == ("2027-10-31T00:30:00+00:00", "2027-10-31T01:30:00+00:00")


@pytest.mark.parametrize("name", ["start", "end"])
def test_a_time_that_never_comes_is_the_moment_at_which_the_clock_is_set_forward(name: str) -> None:
    query = {"start": "2027-03-28T00:00:00.000", "end": "2027-03-28T06:00:00.000", name: NEVER}
    assert asked(**query)[name == "end"] == "2027-03-28T01:00:00+00:00"


def test_an_offset_says_which_of_the_two() -> None:
    assert asked(start=TWICE + "+01:00", end=TWICE + "+01:00")[0] == "2027-10-31T01:30:00+00:00"


def test_days_are_those_of_the_wall() -> None:
    start, end = asked(start="2027-10-30T12:00:00.000", numberOfDays="1")
    assert (start, end) == ("2027-10-30T10:00:00+00:00", "2027-10-31T11:00:00+00:00")
