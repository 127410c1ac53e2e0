"""Data tables as CSV, there and back."""

import pytest

from ringback.services.designer.csv_rows import CsvError, read_rows, write_rows


def test_there_and_back() -> None:
    rows = {"a": {"x": "1, 2", "y": 'say "hi"'}, "b": {"x": "", "y": "ä\nö"}}
    assert read_rows(write_rows(rows)) == rows
    assert read_rows("\ufeffrow,x\na,1\n\nb,2\n") == {"a": {"x": "1"}, "b": {"x": "2"}}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "line 1: the header"),
        ("row,x,x\n", "line 1: every column"),
        ("row,x\na,1,2\n", "line 2: 3 cells"),
        ("row,x\na,1\na,2\n", "line 3: the first column"),
        ("row,x\n,1\n", "line 2"),
        ('row,x\na,"1\n', "line"),
    ],
)
def test_a_text_that_is_no_table_is_refused_with_its_line(text: str, reason: str) -> None:
    with pytest.raises(CsvError, match=reason):
        read_rows(text)
