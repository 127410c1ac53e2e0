import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.domain.patterns import PatternError, compile_pattern


@pytest.mark.parametrize(
    ("text", "number", "fits"),
    [
        ("1001", "1001", True),
        ("1001", "10011", False),
        ("1001", "100", False),
        ("9XX", "911", True),
        ("9xx", "911", True),
        ("N", "1", False),
        ("N", "2", True),
        ("Z", "0", False),
        ("Z", "1", True),
        ("[1-35]", "2", True),
        ("[1-35]", "5", True),
        ("[1-35]", "4", False),
        ("0.", "0", False),
        ("0.", "01", True),
        ("0!", "0", True),
        ("0!", "0123*#", True),
        ("0!", "0+1", False),
        ("+44!", "+442079460000", True),
        ("(020) 7946-XXXX", "02079460000", True),
        ("*8", "*8", True),
        ("!", "", True),
        (".", "", False),
    ],
)
def test_a_pattern_takes_just_the_numbers_that_fit(text: str, number: str, fits: bool) -> None:
    assert compile_pattern(text).matches(number) is fits


@pytest.mark.parametrize("text", ["", " - ", "0!1", "0.!", "[1-", "[]", "[3-1]", "[a]", "sales", "1,2"])
def test_a_text_that_is_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(PatternError):
        compile_pattern(text)


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ("911", "9XX"),
        ("9XX", "9."),
        ("9.", "9!"),
        ("0800!", "0!"),
        ("080", "080!"),
        ("[1-3]X", "ZX"),
        ("1X", "X1"),
    ],
)
def test_the_narrower_pattern_is_the_more_specific(narrow: str, wide: str) -> None:
    assert compile_pattern(narrow).specificity < compile_pattern(wide).specificity


@given(st.text("0123456789*#", min_size=1, max_size=12))
def test_a_number_written_as_a_pattern_fits_itself_and_is_most_specific(number: str) -> None:
    literal = compile_pattern(number)
    assert literal.matches(number)
    assert not literal.matches(number + "0")
    for wide in ("X" * len(number), number[:-1] + ".", number[:-1] + "!"):
        assert literal.specificity <= compile_pattern(wide).specificity


@given(st.text("0123456789XNZxnz[]-.!*#+ ", max_size=20), st.text("0123456789*#+", max_size=12))
def test_any_text_compiles_or_is_refused_and_never_breaks_a_match(text: str, number: str) -> None:
    try:
        pattern = compile_pattern(text)
    except PatternError:
        return
    if pattern.matches(number):
        assert len(number) >= len(pattern.places)
