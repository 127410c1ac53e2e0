from datetime import datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from ringback.domain.calendar import weekly
from ringback.domain.campaigns.permission import (
    DO_NOT_CALL,
    NEVER_OPEN,
    NO_ZONE,
    Customer,
    Never,
    Permitted,
    Wait,
    permission,
)
from ringback.domain.quiet import read_quiet_hours

RINGING = read_quiet_hours("21:00-08:00")
BERLIN = Customer("+493012345678")


def at(zone: str, *when: int) -> float:
    return datetime(*when, tzinfo=ZoneInfo(zone)).timestamp()  # type: ignore[misc,arg-type]


def test_a_customer_is_dialled_by_day_on_their_own_clock() -> None:
    morning, night = at("Europe/Berlin", 2026, 3, 2, 8), at("Europe/Berlin", 2026, 3, 2, 7, 59)
    assert permission(BERLIN, RINGING, None, morning, do_not_call=False) == Permitted()
    assert permission(BERLIN, RINGING, None, night, do_not_call=False) == Wait(morning)


def test_the_own_hours_of_a_customer_hold_in_their_zone() -> None:
    evening = Customer("+12025550123", "America/Denver", ("Mon-Fri 17:00-20:00",))
    noon = at("America/Denver", 2026, 3, 2, 12)
    opens = at("America/Denver", 2026, 3, 2, 17)
    assert permission(evening, RINGING, None, noon, do_not_call=False) == Wait(opens)
    assert permission(evening, RINGING, None, opens, do_not_call=False) == Permitted()


def test_a_country_of_many_zones_is_dialled_while_all_of_them_have_day() -> None:
    customer = Customer("+12025550123")
    early = at("America/New_York", 2026, 3, 2, 9)
    verdict = permission(customer, RINGING, None, early, do_not_call=False)
    assert isinstance(verdict, Wait)
    assert verdict.until >= at("America/Los_Angeles", 2026, 3, 2, 8)


def test_nobody_is_dialled_while_the_office_is_closed() -> None:
    office = weekly("Europe/Berlin", ["Mon-Fri 10:00-12:00"])
    saturday = at("Europe/Berlin", 2026, 3, 7, 11)
    monday = at("Europe/Berlin", 2026, 3, 9, 10)
    assert permission(BERLIN, RINGING, office, saturday, do_not_call=False) == Wait(monday)


def test_who_does_not_want_to_be_called_is_never_called() -> None:
    assert permission(BERLIN, RINGING, None, 0.0, do_not_call=True) == Never(DO_NOT_CALL)


def test_a_number_of_no_country_has_no_day() -> None:
    assert permission(Customer("+80012345678"), RINGING, None, 0.0, do_not_call=False) == Never(NO_ZONE)


def test_hours_that_never_meet_are_never() -> None:
    night = Customer("+493012345678", "", ("Mon-Sun 02:00-03:00",))
    assert permission(night, RINGING, None, 0.0, do_not_call=False) == Never(NEVER_OPEN)


ZONES = st.sampled_from(["Europe/Berlin", "America/Denver", "Asia/Kolkata", "Pacific/Apia", ""])
NOWS = st.floats(1.7e9, 1.9e9)


@given(ZONES, NOWS, st.sampled_from([(), ("Mon-Sat 10:00-19:30",)]))
def test_who_is_permitted_has_day_and_who_waits_is_permitted_then(
    zone: str, now: float, hours: tuple[str, ...]
) -> None:
    customer = Customer("+493012345678", zone, hours)
    verdict = permission(customer, RINGING, None, now, do_not_call=False)
    if isinstance(verdict, Wait):
        assert verdict.until > now
        assert permission(customer, RINGING, None, verdict.until, do_not_call=False) == Permitted()
    else:
        assert verdict == Permitted()
        clock = datetime.fromtimestamp(now, ZoneInfo(zone or "Europe/Berlin"))
        assert 8 <= clock.hour < 21
