"""Targets and skill expressions."""

from contextlib import suppress
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.domain.routing import ExpressionError, Profile, parse_target

ANNA = Profile("1001", {"English": 5, "Loans": 2}, frozenset({"Sales team"}))
BEN = Profile("1002", {"English": 7, "Sales": 3})


@pytest.mark.parametrize(
    ("text", "anna", "ben"),
    [
        ("English>=5 & (Loans=2|Sales>3)", True, False),
        ("?English>=5&(Loans=2|Sales>=3)", True, True),
        ("?:English>6@StatServer.GA", False, True),
        ("Loans=0", False, True),
        ("Loans!=2", False, True),
        ("Loans<1", False, True),
        ("Sales<=3", True, True),
        ("English=5|English=7&Sales=3", True, True),
        ("(English=5|English=7)&Sales=3", False, True),
        ("1001@StatServer.A", True, False),
        ("1001.A", True, False),
        ("Sales team@StatServer.GA", True, False),
        ("Sales team.GA", True, False),
        ("sales team.ga", False, False),
        (" Sales team.ga ", True, False),
        ("?Sales team:English>1", True, False),
        ('? "Sales team" : English>1@StatServer.GA', True, False),
        ("Nobody.GA", False, False),
        ("?:", True, True),
        ('"English" > 4', True, True),
    ],
)
def test_a_target_selects_the_agents_it_describes(text: str, anna: bool, ben: bool) -> None:
    expression = parse_target(text)
    assert (expression.matches(ANNA), expression.matches(BEN)) == (anna, ben)


def test_a_group_before_the_colon_narrows_the_expression() -> None:
    expression = parse_target("?Loans_team:Loans>=1@StatServer.GA")
    assert expression.matches(Profile("1", {"Loans": 1}, frozenset({"Loans_team"})))
    assert not expression.matches(ANNA)


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        ("English", 7, "one of = != > >= < <= is expected"),
        ("English>=", 9, "a skill level (a whole number) is expected"),
        ("English>=x", 9, "a skill level (a whole number) is expected"),
        ("English>=5 & ", 13, "a skill name is expected"),
        ("(English>=5", 11, "')' is expected"),
        ("English>=5)", 10, "'&' or '|' is expected"),
        ("English>=5 Loans=1", 11, "'&' or '|' is expected"),
        ("English>=5 + 1", 11, "unexpected character '+'"),
        ("?:English>5@StatServer.RP", 23, "targets of type RP are not agents"),
        ("@StatServer.A", 0, "an agent id is expected"),
        ("(" * 40 + "A=1", 32, "more than 32 parentheses inside each other"),
    ],
)
def test_what_cannot_be_read_is_refused_with_position_and_reason(
    text: str, position: int, reason: str
) -> None:
    with pytest.raises(ExpressionError) as error:
        parse_target(text)
    assert (error.value.position, error.value.reason) == (position, reason)


def test_names_may_have_blanks_dots_and_signs_where_no_skill_is_compared() -> None:
    keys = {"kim.smith.A": "agent:kim.smith", "Support (EMEA).GA": "group:Support (EMEA)"}
    keys |= {"Desk 7.AP": "place:Desk 7", "Gold & Silver.Q": "Gold & Silver.Q"}
    assert {text: parse_target(text).key for text in keys} == keys


@pytest.mark.parametrize(
    "text", ["?" + " " * 4090, "? " * 2040, "?" + '"' * 4000, " " * 4090 + ".A", "@." * 2040]
)
def test_a_long_text_is_read_or_refused_at_once(text: str) -> None:
    began = process_time()
    with suppress(ExpressionError):
        parse_target(text)
    assert process_time() - began < 0.5


def test_expressions_of_one_meaning_have_one_key() -> None:
    keys = {parse_target(t).key for t in ("A=1&(B>2|C<3)", "?:(C<3 | B>2) & A = 1", "A=1&A=1&(B>2|C<3)")}
    assert len(keys) == 1
    assert parse_target("A=1&B>2|C<3").key not in keys


@given(st.text(alphabet="AB=<>!&|()?:@.1 2\"'", max_size=40))
def test_any_text_is_read_or_refused_and_a_key_reads_back_as_itself(text: str) -> None:
    try:
        expression = parse_target(text)
    except ExpressionError as error:
        assert 0 <= error.position <= len(text)
        return
    if ":" not in expression.key and expression.key != "*":
        assert parse_target(expression.key).key == expression.key
