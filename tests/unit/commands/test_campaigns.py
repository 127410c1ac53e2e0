"""The file of a calling list as people write it."""

import csv

import pytest

from ringback.commands.accounts import AccountError
from ringback.commands.campaigns import read_records
from ringback.domain.campaigns.lines import Line
from ringback.domain.campaigns.records import Given


def read(text: str) -> list[Given]:
    return list(read_records(csv.DictReader(text.splitlines())))


def test_columns_that_mean_nothing_here_go_with_the_call() -> None:
    text = "number,key,hours,priority,name\n'+12025550123,a,Mon-Fri 17:00-20:00; Sat 10:00-12:00,2,Ann\n"
    assert read(text) == [
        Given(
            key="a",
            number="+12025550123",
            hours=("Mon-Fri 17:00-20:00", "Sat 10:00-12:00"),
            priority=2,
            data={"name": "Ann"},
        )
    ]


def test_a_customer_may_have_several_numbers() -> None:
    text = (
        "key,number,number_kind,number_2,number_2_kind,number_2_hours,number_3\na,1,home,2,work,Mon 9-17,\n"
    )
    work = Line(number="2", kind="work", hours=("Mon 9-17",))
    assert read(text) == [Given(key="a", number="1", kind="home", others=(work,))]


def test_what_is_not_said_is_not_limited() -> None:
    assert read("key,number,time_zone,not_before\na,1,,\n") == [Given(key="a", number="1")]


def test_a_file_without_the_columns_or_with_a_line_that_is_none_is_refused() -> None:
    with pytest.raises(AccountError, match="no column key and no number"):
        read("name\nAnn\n")
    with pytest.raises(AccountError, match="line 3"):
        read("key,number,priority\na,1,2\nb,1,soon\n")
