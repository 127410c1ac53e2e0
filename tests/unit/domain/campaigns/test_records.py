import pytest

from ringback.domain.campaigns.lines import Line
from ringback.domain.campaigns.records import MOST_DATA, Given, RecordRefusedError, checked
from ringback.domain.configuration import CallingList
from ringback.domain.numbers import NumberRules

SPRING = CallingList(id="spring", time_zone="Europe/Berlin", hours=("Mon-Fri 10:00-18:00",))
RULES = NumberRules(default_country="US")


def test_a_record_gets_one_written_form_and_what_its_list_says_of_all() -> None:
    record = checked(Given(key="a", number="(202) 555-0123"), SPRING, RULES)
    assert record == Given(
        key="a", number="+12025550123", time_zone="Europe/Berlin", hours=("Mon-Fri 10:00-18:00",)
    )
    own = Given(key="a", number="+12025550123", time_zone="America/Denver", hours=("Sat 10:00-12:00",))
    assert checked(own, SPRING, RULES) == own


def test_a_customer_with_several_numbers_has_them_in_order_and_each_once() -> None:
    work = Line(number="(202) 555-0124", kind="work", hours=("Mon-Fri 09:00-17:00",))
    record = checked(Given(key="a", number="+12025550123", kind="home", others=(work,)), SPRING, RULES)
    assert [(line.number, line.kind) for line in record.lines] == [
        ("+12025550123", "home"),
        ("+12025550124", "work"),
    ]
    assert record.lines[1].hours == work.hours
    assert checked(Given(key="a", number="+12025550123"), SPRING, RULES).lines == ()


@pytest.mark.parametrize(
    ("record", "slug"),
    [
        (Given(key="", number="+12025550123"), "key"),
        (Given(key="a\0", number="+12025550123"), "key"),
        (Given(key="k" * 129, number="+12025550123"), "key"),
        (Given(key="a", number="hello"), "number-unreadable"),
        (Given(key="a", number="+1900555012"), "number-impossible"),
        (Given(key="a", number="+12025550123", time_zone="Mars/Olympus"), "hours"),
        (Given(key="a", number="+12025550123", hours=("always",)), "hours"),
        (Given(key="a", number="+12025550123", priority=10**9), "range"),
        (Given(key="a", number="+12025550123", not_before=float("inf")), "range"),
        (Given(key="a", number="+12025550123", not_before=float("nan")), "range"),
        (Given(key="a", number="+12025550123", others=(Line(number="(202) 555-0123"),)), "numbers"),
        (Given(key="a", number="+12025550123", others=(Line(number="12"),)), "number-impossible"),
        (Given(key="a", number="+12025550123", kind="k" * 21), "numbers"),
        (Given(key="a", number="+12025550123", data={"x": "\0"}), "data"),
        (Given(key="a", number="+12025550123", data={str(n): "" for n in range(MOST_DATA + 1)}), "data"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_a_reason_and_without_the_number(
    record: Given, slug: str
) -> None:
    with pytest.raises(RecordRefusedError) as refused:
        checked(record, SPRING, RULES)
    assert refused.value.slug == slug
    assert record.number not in str(refused.value)
