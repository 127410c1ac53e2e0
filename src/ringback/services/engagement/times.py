"""When a callback may begin: the times that a request names, the hours of an office, a line that is taken."""

from __future__ import annotations

from datetime import datetime

from ringback.domain.calendar import CalendarError, instant_of, zone_named
from ringback.runtime.http import HttpError
from ringback.services.engagement.asking import Place
from ringback.services.engagement.catalogue import Offer

_LONGEST_HOLD_S = 60.0


def read_time(text: str, zone: str = "UTC") -> float:
    """An ISO 8601 time, on the wall of `zone` unless it has an offset itself, as seconds since the epoch.

    HttpError 400, also for a time that the wall shows twice, or never.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo:
            return moment.timestamp()
        wall = zone_named(zone)
        first, last = instant_of(wall, moment), instant_of(wall, moment, last=True)
    except (ValueError, OverflowError):
        form = "yyyy-MM-ddTHH:mm:ss.SSSZ"
        raise HttpError(400, "desired-time-unreadable", f"desiredTime is written as {form}") from None
    if first != last:
        raise HttpError(400, "time-ambiguous", "the clock shows this time twice: give an offset")
    if datetime.fromtimestamp(first, wall).replace(tzinfo=None) != moment:
        raise HttpError(400, "desired-time-unreadable", "the clock never shows this time: it is set forward")
    return first


def opening(desired: float | None, offer: Offer, now: float) -> float | None:
    """When the office opens for this callback; None when it is open, HttpError 400 when it will not do."""
    hours, settings = offer.hours, offer.settings
    if hours is None:
        return None
    wanted = now if desired is None else desired
    opens_at = hours.next_opening(wanted)
    if opens_at is None or (opens_at > wanted and settings.enable_reject_out_of_office_hours):
        raise HttpError(400, "out-of-office-hours", "the office is closed at this time")
    blackout = settings.immediate_blackout * 60
    if desired is None and opens_at <= now and blackout and hours.open_for(now) < blackout:
        raise HttpError(400, "office-closing", "the office closes too soon for an immediate callback")
    return opens_at if opens_at > wanted else None


def check_zone(name: str) -> None:
    try:
        zone_named(name)
    except CalendarError:
        raise HttpError(400, "timezone-unknown", "timezone is the IANA name of a time zone") from None


def line_free(place: Place | None, now: float) -> float:
    """When the line of a caller who has waited is free; 0: it is, or nobody has waited."""
    return 0.0 if place is None else min(place.not_before, now + _LONGEST_HOLD_S)
