"""Ranges by their names."""

from datetime import UTC, datetime

import pytest

from ringback.runtime.http import HttpError
from ringback.services.engagement.management.ranges import NAMES, named_range

NOON = datetime(2026, 3, 28, 12, tzinfo=UTC).timestamp()


def test_days_are_those_of_the_zone_also_when_its_clock_changes() -> None:
    begin, end = named_range("0..1", NOON, "Europe/Berlin")
    assert begin == datetime(2026, 3, 27, 23, tzinfo=UTC)
    assert end == datetime(2026, 3, 29, 22, tzinfo=UTC), "the 29th has 23 hours"
    assert named_range("today", NOON, "Asia/Tokyo")[0] == datetime(2026, 3, 27, 15, tzinfo=UTC)


@pytest.mark.parametrize("name", NAMES)
def test_a_named_range_begins_before_it_ends_and_touches_now(name: str) -> None:
    begin, end = named_range(name, NOON, "UTC")
    assert begin < end
    assert begin.timestamp() <= NOON <= end.timestamp()


@pytest.mark.parametrize("name", ["", "2..-2", "tomorrow", "1..99999", "..", "1.5..2"])
def test_what_is_no_range_is_refused(name: str) -> None:
    with pytest.raises(HttpError) as refused:
        named_range(name, NOON, "UTC")
    assert refused.value.status == 400
