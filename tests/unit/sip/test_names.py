"""Header names (RFC 3261 7.3.1, 7.3.3)."""

import pytest

from ringback.sip import names


@pytest.mark.parametrize(
    ("written", "spelled"),
    [
        ("v", "Via"),
        ("VIA", "Via"),
        ("call-id", "Call-ID"),
        ("I", "Call-ID"),
        ("cseq", "CSeq"),
        ("www-authenticate", "WWW-Authenticate"),
        ("x-my-own", "X-My-Own"),
        ("Max-Forwards \t", "Max-Forwards"),
    ],
)
def test_every_spelling_becomes_one(written: str, spelled: str) -> None:
    assert names.canonical(written) == spelled
    assert names.canonical(spelled) == spelled


@pytest.mark.parametrize("written", ["", "a b", "Vi\x00a", "Ünicode", "a:b"])
def test_what_is_not_a_token_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="bad header name"):
        names.canonical(written)


def test_invented_names_do_not_fill_the_memory() -> None:
    for number in range(5000):
        names.canonical(f"X-Invented-{number}")
    assert len(names.KNOWN) <= 2048
