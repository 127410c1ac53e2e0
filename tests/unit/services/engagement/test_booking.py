import pytest

from ringback.runtime.http import HttpError
from ringback.services.engagement.booking import key_use
from ringback.services.engagement.times import read_time


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-21T22:00:00.000Z", 1795298400.0),
        ("2026-11-21T22:00:00.500Z", 1795298400.5),
        ("2026-11-21T22:00:00Z", 1795298400.0),
        ("2026-11-21T22:00:00", 1795298400.0),
        ("2026-11-21T23:00:00+01:00", 1795298400.0),
    ],
)
def test_a_time_is_read_as_iso_8601_and_as_utc_when_it_names_no_zone(text: str, seconds: float) -> None:
    assert read_time(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "now", "21.11.2026", "2026-02-30T00:00:00Z", "2026-11-21T25:00:00Z", "0"]
)
def test_a_time_that_cannot_be_read_is_a_400(text: str) -> None:
    with pytest.raises(HttpError) as refused:
        read_time(text)
    assert (refused.value.status, refused.value.slug) == (400, "desired-time-unreadable")


def test_two_bodies_have_two_digests_under_one_key() -> None:
    assert key_use("k", b"a") != key_use("k", b"b")
    assert key_use("k", b"a") == key_use("k", b"a")
    assert key_use(None, b"a") is None


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_an_empty_or_endless_idempotency_key_is_a_400(key: str) -> None:
    with pytest.raises(HttpError):
        key_use(key, b"")
