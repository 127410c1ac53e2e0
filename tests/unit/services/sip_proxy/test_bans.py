"""Points, bans, and who is spared."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.contracts.sip import Ban
from ringback.services.sip_proxy import bans as module
from ringback.services.sip_proxy.bans import BanRules, Bans, Offence

RULES = BanRules(points=20.0, window_s=60.0, first_s=60.0, longest_s=1000.0)
HOST = "192.0.2.7"


def guess(bans: Bans, now: float, times: int = 10) -> Ban | None:
    return [bans.offend(HOST, Offence.PASSWORD, now) for _ in range(times)][-1]


def test_ten_wrong_passwords_in_a_row_are_banned_for_a_minute() -> None:
    bans = Bans(RULES)
    assert guess(bans, 0.0, 9) is None
    assert guess(bans, 0.0, 1) == Ban(source=HOST, reason="password", until=60.0, count=1)
    assert bans.active == {HOST}
    assert bans.offend(HOST, Offence.PASSWORD, 1.0) is None
    bans.refresh(60.0)
    assert bans.active == frozenset()


def test_each_further_ban_lasts_twice_as_long_up_to_the_longest() -> None:
    bans, now, lasted = Bans(RULES), 0.0, []
    for _ in range(6):
        ban = guess(bans, now)
        assert ban is not None
        lasted.append(ban.until - now)
        now = ban.until
        bans.refresh(now)
    assert lasted == [60.0, 120.0, 240.0, 480.0, 960.0, 1000.0]


def test_after_a_good_day_a_ban_is_the_first_again() -> None:
    bans = Bans(RULES)
    guess(bans, 0.0)
    bans.refresh(60.0 + 86_400.0)
    ban = guess(bans, 100_000.0)
    assert ban is not None
    assert ban.count == 1


def test_points_fade() -> None:
    bans = Bans(RULES)
    for minute in range(100):
        assert guess(bans, minute * 60.0, 9) is None


def test_a_source_that_has_proved_itself_is_banned_for_wrong_passwords_only() -> None:
    """Anybody can send torn messages in the name of somebody else over UDP; a digest cannot be made up."""
    bans = Bans(RULES)
    bans.prove(HOST, 0.0)
    assert all(bans.offend(HOST, Offence.GARBAGE, 1.0) is None for _ in range(1000))
    assert guess(bans, 2.0) is not None


def test_behind_an_address_with_honest_phones_one_with_a_wrong_password_is_banned_alone() -> None:
    """It may try every two seconds: the others are heard on, and forgive it by being right."""
    bans, now = Bans(RULES), 0.0
    bans.prove(HOST, now, 5060)
    while not bans.holds(HOST, 40_001):
        now += 2.0
        for name, offence in bans.blamed(HOST, 40_001, Offence.PASSWORD, now):
            bans.offend(name, offence, now)
    assert now < 120.0
    assert (bans.holds(HOST, 5060), bans.holds("192.0.2.8", 40_001)) == (False, False)
    (ban,) = bans.listed(now)
    assert (ban.source, ban.reason) == (f"{HOST}:40001", "password")


def test_who_guesses_from_ever_new_ports_bans_the_address_all_the_same() -> None:
    bans = Bans(RULES)
    bans.prove(HOST, 0.0, 5060)
    for port in range(1, 102):
        for name, offence in bans.blamed(HOST, port, Offence.PASSWORD, 1.0):
            bans.offend(name, offence, 1.0)
    assert bans.holds(HOST, 5060)


def test_a_phone_that_finds_the_right_password_begins_anew() -> None:
    bans = Bans(RULES)
    bans.prove(HOST, 0.0, 5060)
    for _ in range(3):
        for _ in range(9):
            bans.offend(f"{HOST}:40001", Offence.PASSWORD, 0.0)
        bans.prove(HOST, 0.0, 40_001)
    assert not bans.active


def test_the_right_password_forgives_wrong_ones() -> None:
    bans = Bans(RULES)
    guess(bans, 0.0, 9)
    bans.prove(HOST, 0.0)
    assert guess(bans, 0.0, 9) is None


def test_what_all_proxies_know_is_taken_over_and_what_was_lifted_is_lifted() -> None:
    bans = Bans(RULES)
    known = [Ban(source="192.0.2.8", reason="garbage", until=500.0, count=3)]
    bans.take(known, 100.0)
    assert bans.active == {"192.0.2.8"}
    assert bans.listed(100.0) == known
    bans.take([], 101.0)
    assert bans.active == frozenset()
    assert bans.forgotten(known, 500.0 + 86_400.0) == ["192.0.2.8"]


def test_a_ban_that_is_lifted_is_over_at_once() -> None:
    bans = Bans(RULES)
    guess(bans, 0.0)
    bans.lift(HOST)
    assert bans.active == frozenset()
    assert guess(bans, 0.0, 9) is None


def test_a_flood_from_made_up_addresses_does_not_fill_the_memory() -> None:
    bans = Bans(BanRules(1.0, 60.0, 60.0, 60.0))
    for number in range(30_000):
        bans.offend(f"host-{number}", Offence.GARBAGE if number % 2 else Offence.FLOOD, 0.0)
    assert len(bans.listed(1.0)) <= 10_000
    assert len(bans._records) <= 10_000


@given(st.lists(st.tuples(st.sampled_from(list(Offence)), st.floats(-5.0, 30.0)), max_size=60))
def test_nobody_is_banned_for_less_than_the_points(steps: list[tuple[Offence, float]]) -> None:
    bans, now, given_points = Bans(RULES), 0.0, 0.0
    for offence, pause in steps:
        now += pause
        given_points += offence.points
        if bans.offend(HOST, offence, now) is not None:
            assert given_points >= RULES.points - 1e-6
            return


class Looked(OrderedDict[str, Any]):
    """A table that counts the entries that are looked through."""

    entries = 0

    def __iter__(self) -> Iterator[str]:
        for each in super().__iter__():
            Looked.entries += 1
            yield each


def test_where_the_table_is_full_a_newcomer_is_noted_without_a_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And the oldest has to go: a flood from made-up addresses fills no memory, and costs no search."""
    monkeypatch.setattr(module, "_MAX_SOURCES", 100)
    bans = Bans(RULES)
    bans._records, Looked.entries = Looked(), 0
    for number in range(1000):
        bans.offend(f"192.0.2.{number}", Offence.GARBAGE, 1.0)
    assert len(bans._records) == 100
    assert next(iter(bans._records)) == "192.0.2.900"
    assert Looked.entries == 1  # by the line above
