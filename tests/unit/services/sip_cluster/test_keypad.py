"""Keys in the body of an INFO: read as telephones write them, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.domain.calls.keys import KEYS
from ringback.services.sip_cluster.keypad import DTMF, DTMF_RELAY, KEY_TYPES, KeyBodyError, key_of, relayed


@pytest.mark.parametrize(
    ("kind", "body", "key"),
    [
        (DTMF_RELAY, b"Signal=5\r\nDuration=160", "5"),
        (DTMF_RELAY, b"Signal= 5\r\nDuration= 160\r\n", "5"),
        (DTMF_RELAY, b"signal=*\nduration=250\n", "*"),
        (DTMF_RELAY, b"Signal=#", "#"),
        (DTMF_RELAY, b"Signal=10\r\nDuration=100\r\n", "*"),
        (DTMF_RELAY, b"Signal=11\r\nDuration=100\r\n", "#"),
        (DTMF_RELAY, b"Signal=1\r\nDuration=60000\r\n", "1"),
        (DTMF, b"5", "5"),
        (DTMF, b" D \r\n", "D"),
        (DTMF, b"11", "#"),
    ],
)
def test_what_telephones_write(kind: str, body: bytes, key: str) -> None:
    assert key_of(kind, body) == key


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (DTMF_RELAY, b""),
        (DTMF_RELAY, b"5"),
        (DTMF_RELAY, b"Signal="),
        (DTMF_RELAY, b"Signal=12\r\n"),
        (DTMF_RELAY, b"Signal=a\r\n"),
        (DTMF_RELAY, b"Duration=160\r\n"),
        (DTMF_RELAY, b"Signal=5\r\nDuration=60001"),
        (DTMF_RELAY, b"Signal=5\r\nDuration=-1"),
        (DTMF_RELAY, b"Signal=5\r\nSignal=6"),
        (DTMF_RELAY, b"Signal=5\r\nX: y"),
        (DTMF_RELAY, b"Signal=5" + b"\r\n" * 100),
        (DTMF_RELAY, "Signal=\u0665".encode()),
        (DTMF, b""),
        (DTMF, b"55"),
        (DTMF, b"\xff"),
        (DTMF, b"5" * 1000),
        (DTMF, b"Signal=5"),
    ],
)
def test_anything_else_is_refused_and_the_error_does_not_say_what_was_pressed(kind: str, body: bytes) -> None:
    with pytest.raises(KeyBodyError) as refused:
        key_of(kind, body)
    assert not body or body.decode("utf-8", "replace") not in str(refused.value)


@given(st.sampled_from(sorted(KEYS)))
def test_what_we_write_is_read_as_that_key(key: str) -> None:
    assert key_of(DTMF_RELAY, relayed(key)) == key
    assert key_of(DTMF, key.encode()) == key


_NEAR = st.text("SsignalDurto=*#ABCD0123456789 \t\r\n-x", max_size=140).map(str.encode)


@given(st.sampled_from(sorted(KEY_TYPES)), st.binary(max_size=200) | _NEAR)
def test_whatever_comes_is_one_key_or_refused(kind: str, body: bytes) -> None:
    try:
        assert key_of(kind, body) in KEYS
    except KeyBodyError:
        return
