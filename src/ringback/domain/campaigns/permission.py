"""Whether a customer may be dialled now: the do-not-call list, the office's hours, the customer's hours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from ringback.domain.calendar import BusinessHours, Together, weekly
from ringback.domain.opening import Hours
from ringback.domain.quiet import ringing_hours, zones_of_number

DO_NOT_CALL, NO_ZONE, NEVER_OPEN = "do-not-call", "time-zone-unknown", "hours-never-open"


@dataclass(frozen=True, slots=True)
class Customer:
    """Whom a record is about. `zone`: an IANA name, empty: those of the number's country, all of which must
    have day; `hours`: lines such as `Mon-Fri 17:00-20:00` on the customer's clock, none: any.
    """

    number: str
    zone: str = ""
    hours: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """Not now: not before `until`."""

    until: float


@dataclass(frozen=True, slots=True)
class Never:
    """Not at all, for a stable reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Permitted:
    """Now."""


Verdict = Permitted | Wait | Never


def permission(
    customer: Customer,
    ringing: tuple[Hours, ...],
    office: BusinessHours | None,
    now: float,
    *,
    do_not_call: bool,
) -> Verdict:
    """Whether the customer's phone may ring at `now`.

    `ringing`: hours of any day on the customer's clock; `office`: when there is somebody to talk to.
    """
    if do_not_call:
        return Never(DO_NOT_CALL)
    days = ringing_hours(ringing, customer.number, customer.zone)
    if not days:
        return Never(NO_ZONE)
    calendars = [*days, *_own_hours(customer), *([office] if office else [])]
    opens = Together(tuple(calendars)).next_opening(now)
    if opens is None:
        return Never(NEVER_OPEN)
    return Wait(opens) if opens > now else Permitted()


def _own_hours(customer: Customer) -> list[BusinessHours]:
    if not customer.hours:
        return []
    zones = [customer.zone] if customer.zone else [zone.key for zone in zones_of_number(customer.number)]
    return [_weekly(zone, customer.hours) for zone in zones]


@lru_cache(maxsize=1000)
def _weekly(zone: str, lines: tuple[str, ...]) -> BusinessHours:
    return weekly(zone, lines)
