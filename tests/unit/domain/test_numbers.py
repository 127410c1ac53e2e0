import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.domain.numbers import NumberRefusedError, NumberRules, masked, normalise, read_gate


@pytest.mark.parametrize(
    ("text", "country", "e164"),
    [
        ("+1 (202) 555-0123", "US", "+12025550123"),
        ("(202) 555-0123", "US", "+12025550123"),
        ("020 7946 0123", "GB", "+442079460123"),
        ("+442079460123", "US", "+442079460123"),
        ("442079460123", "US", "+442079460123"),
        ("030 123456", "DE", "+4930123456"),
        ("  +12025550123 ", "DE", "+12025550123"),
    ],
)
def test_a_number_has_one_written_form(text: str, country: str, e164: str) -> None:
    assert normalise(text, NumberRules(default_country=country)).e164 == e164


def test_the_country_of_the_number_is_known() -> None:
    assert normalise("+442079460123").country == "GB"


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("", "number-missing"),
        ("   ", "number-missing"),
        ("call me", "number-unreadable"),
        ("+", "number-unreadable"),
        ("2" * 65, "number-unreadable"),
        ("+1202555", "number-impossible"),
        ("911", "number-impossible"),
        ("+999123456789", "number-unreadable"),
        ("+11025550123", "number-invalid"),
        ("+19005550123", "number-premium"),
        ("+449098790123", "number-premium"),
        ("+12025550123 ext. 5", "number-with-extension"),
        ("sip:alice@example.com", "number-unreadable"),
    ],
)
def test_a_number_that_cannot_be_called_is_refused_with_a_stable_slug(text: str, slug: str) -> None:
    with pytest.raises(NumberRefusedError) as refused:
        normalise(text)
    assert refused.value.slug == slug


def test_rules_can_allow_what_is_refused_by_default() -> None:
    rules = NumberRules(refuse_premium=False, refuse_invalid=False)
    assert normalise("+19005550123", rules).e164 == "+19005550123"
    assert normalise("+11025550123", rules).e164 == "+11025550123"


def test_a_refusal_does_not_repeat_the_number() -> None:
    with pytest.raises(NumberRefusedError) as refused:
        normalise("+19005550123")
    assert "900555" not in str(refused.value)


def test_a_masked_number_keeps_its_length_and_hides_its_middle() -> None:
    assert masked("+12025550123") == "+12•••••••23"
    assert masked("1234") == "••••"


@given(st.text(max_size=80))
def test_any_text_is_either_a_number_or_refused(text: str) -> None:
    try:
        number = normalise(text)
    except NumberRefusedError as refused:
        assert refused.slug.startswith("number-")
    else:
        assert number.e164.startswith("+")
        assert normalise(number.e164) == number


@pytest.mark.parametrize(
    ("number", "countries", "patterns", "slug"),
    [
        ("+493012345678", "DE,AT", (), ""),
        ("+12025550123", "DE,AT", (), "number-country"),
        ("+80012345678", "DE", (), "number-no-country"),
        ("+80012345678", "", (), ""),
        ("+493012345678", "", ("+4930*",), "number-blocked"),
        ("+493012345678", "", ("4930*",), "number-blocked"),
        ("+493012345678", "", ("+493012345???",), "number-blocked"),
        ("+493012345678", "", ("+493012345",), ""),
        ("+493012345678", "", ("/\\+49(30|40).*/",), "number-blocked"),
        ("+493012345678", "", ("/30/",), ""),
    ],
)
def test_countries_are_permitted_and_patterns_blocked(
    number: str, countries: str, patterns: tuple[str, ...], slug: str
) -> None:
    rules = NumberRules(gate=read_gate(countries, patterns))
    try:
        found = normalise(number, rules).e164
    except NumberRefusedError as refused:
        found = refused.slug
    assert found == (slug or number)


@pytest.mark.parametrize("pattern", ["", "30a", "/(/", "+49 30", "/"])
def test_a_pattern_that_makes_no_sense_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"pattern|regular expression"):
        read_gate("", [pattern])
