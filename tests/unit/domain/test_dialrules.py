import pytest

from ringback.domain.dialrules import RuleError, compile_rule, ordered


def test_a_rule_has_a_pattern_a_target_and_parameters() -> None:
    rule = compile_rule("0800xxxxxxx! => 1000; dnis-max-length=11; clir=on")
    assert rule.pattern.matches("08001234567")
    assert rule.target == "1000"
    assert dict(rule.parameters) == {"dnis-max-length": "11", "clir": "on"}


def test_dnis_max_length_cuts_and_keeps_the_rest() -> None:
    rule = compile_rule("0800xxxxxxx!=>${DIGITS};dnis-max-length=11")
    assert rule.apply("0800123456799") == ("08001234567", "99")
    assert rule.apply("08001234567") == ("08001234567", "")


@pytest.mark.parametrize(
    ("target", "becomes"),
    [
        ("${DIGITS}", "901234"),
        ("${DIGITS:1}", "01234"),
        ("${DIGITS:1:2}", "01"),
        ("+44${DIGITS:2}", "+441234"),
        ("8000", "8000"),
        ("${DIGITS:9}", ""),
    ],
)
def test_the_target_is_made_of_the_dialled_digits(target: str, becomes: str) -> None:
    assert compile_rule(f"9.=>{target}").apply("901234") == (becomes, "")


@pytest.mark.parametrize(
    "text",
    [
        "9XX",
        "9XX=>",
        "9XX=>;clir=on",
        "=>1000",
        "nonsense=>1000",
        "9!=>1000;colour=red",
        "9!=>1000;timeout",
        "9!=>1000;timeout=soon",
        "9!=>1000;type=teleport",
        "9!=>10 00",
        "9!=>${ANI}",
    ],
)
def test_a_text_that_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(RuleError):
        compile_rule(text)


def test_a_block_needs_no_target() -> None:
    assert compile_rule("0900!=>;type=block").target == ""


def test_rules_are_ordered_by_how_specific_they_are() -> None:
    rules = [compile_rule(text) for text in ("9!=>1", "9XX=>2", "911=>3", "9XX=>4")]
    assert [rule.target for rule in ordered(rules)] == ["3", "2", "4", "1"]
