"""CSV that programs read and spreadsheets do not execute."""

import csv
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringback.services.engagement.management.csv import cell, line

texts = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"))

# How fast texts are drawn says how loaded the machine is, nothing of this code.
patient = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)


@patient
@given(st.lists(texts, min_size=2))
def test_rfc4180_2_what_is_written_is_read_back(cells: list[str]) -> None:
    [row] = csv.reader(io.StringIO(line(cells).decode(), newline=""))
    assert [each.removeprefix("'") for each in row] == [each.removeprefix("'") for each in cells]


@patient
@given(texts)
def test_no_cell_begins_as_a_formula_does(text: str) -> None:
    assert cell(text).strip('"')[:1] not in set("=+-@|%\t\r\n")


@pytest.mark.parametrize(("value", "expected"), [(None, ""), (-3, "-3"), ("a,b", '"a,b"'), ("+1", "'+1")])
def test_cells(value: object, expected: str) -> None:
    assert cell(value) == expected
