"""Key grammars (SRGS 1.0, mode dtmf; VoiceXML 2.0 appendix P)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.sandbox import DocumentError, parse_xml
from ringback.vxml.builtin import builtin
from ringback.vxml.grammar import Expr, Grammar, Keys, OneOf, Repeat, Seq, of_keys
from ringback.vxml.srgs import compile_srgs


def srgs(rules: str, attributes: str = 'mode="dtmf" root="main"') -> Grammar:
    return compile_srgs(parse_xml(f'<grammar version="1.0" {attributes}>{rules}</grammar>'))


PIN = '<rule id="main"><item repeat="4"><ruleref uri="#digit"/></item><item>#</item></rule>' + (
    '<rule id="digit"><one-of><item>0</item><item>1</item><item>2</item></one-of></rule>'
)


def test_srgs_2_5_repeats_rules_and_alternatives() -> None:
    grammar = srgs(PIN)
    assert grammar.match("0121#") == "0121#"
    assert grammar.match("0121") is None
    assert grammar.goes_on("0121") and not grammar.goes_on("0121#") and not grammar.goes_on("9")
    assert grammar.longest == 5
    assert grammar.keys == frozenset("012#")


def test_srgs_2_6_a_literal_tag_is_the_meaning() -> None:
    items = "<item>1 <tag>sales</tag></item><item>star 2 <tag> help desk </tag></item><item>3</item>"
    grammar = srgs(f'<rule id="main"><one-of>{items}</one-of></rule>')
    assert [grammar.match(keys) for keys in ("1", "*2", "3", "4")] == ["sales", "help desk", "3", None]


def test_srgs_2_5_1_an_open_repeat_has_no_longest_sequence() -> None:
    grammar = srgs('<rule id="main"><item repeat="2-">7</item></rule>')
    assert grammar.longest is None
    assert grammar.match("7") is None and grammar.match("7" * 400) == "7" * 400


@pytest.mark.parametrize(
    ("rules", "attributes"),
    [
        ('<rule id="main">1</rule>', 'mode="voice"'),
        ('<rule id="main">one</rule>', 'mode="dtmf"'),
        ('<rule id="main"><ruleref uri="#main"/></rule>', 'mode="dtmf"'),
        ('<rule id="main"><ruleref uri="http://other/g#x"/></rule>', 'mode="dtmf"'),
        ('<rule id="main"><item repeat="9-2">1</item></rule>', 'mode="dtmf"'),
        ('<rule id="main"><item repeat="501">1</item></rule>', 'mode="dtmf"'),
        ('<rule id="main"><ruleref special="GARBAGE"/></rule>', 'mode="dtmf"'),
        ('<rule id="main">1<tag>out=2</tag></rule>', 'mode="dtmf" tag-format="semantics/1.0"'),
        ("", 'mode="dtmf"'),
        ('<rule id="main"><item repeat="500"><item repeat="500">1</item></item></rule>', 'mode="dtmf"'),
    ],
)
def test_a_grammar_that_cannot_be_used_is_refused(rules: str, attributes: str) -> None:
    with pytest.raises(DocumentError):
        srgs(rules, attributes)


@pytest.mark.parametrize(
    ("name", "pressed", "meaning"),
    [
        ("boolean", "1", True),
        ("boolean", "2", False),
        ("boolean?y=7;n=9", "9", False),
        ("boolean", "3", None),
        ("digits", "0042", "0042"),
        ("digits?length=4", "123", None),
        ("digits?minlength=2;maxlength=3", "123", "123"),
        ("number", "12*5", "12.5"),
        ("currency", "12*5", "12.50"),
        ("currency", "12", "12.00"),
        ("phone", "5550100*12", "5550100x12"),
        ("date", "20240229", "20240229"),
        ("date", "20230229", None),
        ("time", "2359", "2359h"),
        ("time", "2460", None),
        ("builtin:dtmf/digits?length=2", "12", "12"),
    ],
)
def test_vxml_appendix_p_builtin_types(name: str, pressed: str, meaning: object) -> None:
    assert builtin(name).match(pressed) == meaning


@pytest.mark.parametrize(
    "name", ["fruit", "digits?length=0", "digits?minlength=9;maxlength=2", "boolean?y=1;n=1"]
)
def test_a_builtin_type_that_there_is_not_is_refused(name: str) -> None:
    with pytest.raises(DocumentError):
        builtin(name)


def test_rules_that_refer_to_one_another_without_measure_are_refused() -> None:
    twice = '<ruleref uri="#r{0}"/><ruleref uri="#r{0}"/>'
    rules = "".join(f'<rule id="r{n}">{twice.format(n + 1)}</rule>' for n in range(40))
    with pytest.raises(DocumentError, match="too often"):
        srgs(f'{rules}<rule id="r40">1</rule>', 'mode="dtmf" root="r0"')


def test_one_sequence() -> None:
    assert of_keys("1 2").match("12") == "12"
    assert of_keys("12").longest == 2


def expressions() -> st.SearchStrategy[Expr]:
    leaf: st.SearchStrategy[Expr] = st.sampled_from([Keys("1"), Keys("12"), Keys("3")])
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(lambda parts: Seq(tuple(parts))),
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: OneOf(tuple(parts))),
            st.builds(Repeat, inner, st.integers(0, 2), st.sampled_from([2, 3, None])),
        ),
        max_leaves=6,
    )


def pattern(expr: Expr) -> str:
    match expr:
        case Keys(keys):
            return f"[{keys}]"
        case Seq(parts):
            return "".join(f"(?:{pattern(part)})" for part in parts)
        case OneOf(parts):
            return "|".join(f"(?:{pattern(part)})" for part in parts)
        case Repeat(part, least, most):
            return f"(?:{pattern(part)}){{{least},{'' if most is None else most}}}"
    raise AssertionError(expr)


@given(expressions(), st.text("123", max_size=6))
def test_a_grammar_takes_what_a_regular_expression_of_its_shape_takes(expr: Expr, pressed: str) -> None:
    grammar = Grammar(expr)
    fits = re.fullmatch(pattern(expr), pressed) is not None
    assert (grammar.match(pressed) is not None) == fits
    if fits and grammar.longest is not None:
        assert len(pressed) <= grammar.longest
    if fits and pressed:
        assert grammar.goes_on(pressed[:-1])
