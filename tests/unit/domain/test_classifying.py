"""Texts are judged by a table of words."""

import pytest

from ringback.domain.classifying import RuleError, classified, phrases, rule_of
from ringback.domain.tables import CLASSIFICATION, faults

ROWS = {
    "loan": {"category": "loans", "words": "loan; interest rate; mortgag*", "without": "student loan"},
    "card": {"category": "cards", "words": "card", "weight": "2"},
    "anger": {"category": "complaints", "words": "angry"},
}


@pytest.mark.parametrize(
    ("text", "category", "rules"),
    [
        ("My LOAN, please.", "loans", ("loan",)),
        ("What are the interest\nrates?", "", ()),
        ("what is the interest,\nrate", "loans", ("loan",)),
        ("Mortgages!", "loans", ("loan",)),
        ("a student loan", "", ()),
        ("cardboard", "", ()),
        ("loan card", "cards", ("loan", "card")),
        ("", "", ()),
        ("\u0130STANBUL stra\u00dfe", "", ()),
    ],
)
def test_a_text_is_of_the_category_whose_words_weigh_most(
    text: str, category: str, rules: tuple[str, ...]
) -> None:
    verdict = classified(text, ROWS)
    assert (verdict.category, verdict.rules) == (category, rules)


def test_the_confidence_is_the_share_of_all_that_was_found() -> None:
    verdict = classified("an angry word about my card", ROWS)
    assert verdict.categories == {"cards": 2.0, "complaints": 1.0}
    assert verdict.confidence == 0.6667


def test_a_row_that_nobody_understands_spoils_none_of_the_others() -> None:
    rows = {"odd": {"category": "x", "words": "card", "weight": "much"}, "none": {}, **ROWS}
    assert classified("card", rows).category == "cards"


def test_what_lies_behind_a_long_text_is_not_read() -> None:
    assert classified("x " * 40_000 + "card", ROWS).category == ""


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({"category": "", "words": "a"}, "category"),
        ({"category": "x", "words": " ; "}, "words"),
        ({"category": "x", "words": "?!"}, "words"),
        ({"category": "x", "words": "a", "without": "*"}, "without"),
        ({"category": "x", "words": "a", "weight": "-1"}, "weight"),
    ],
)
def test_a_cell_that_nobody_understands_is_named_when_the_table_is_stored(
    row: dict[str, str], column: str
) -> None:
    assert [fault.column for fault in faults(CLASSIFICATION, {"r": row})] == [column]
    with pytest.raises(RuleError):
        rule_of("r", row)


def test_a_phrase_is_whole_words_but_for_the_star() -> None:
    assert phrases("Interest Rate; insur*") == (" interest rate ", " insur")
