"""A campaign and a calling list as they are configured: what is wrong with them, and what they mean."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ringback.domain.calendar import BusinessHours, weekly, zone_named
from ringback.domain.callbacks import DialResult, RetryPolicy
from ringback.domain.campaigns.outcomes import Outcomes, problems_of_outcomes
from ringback.domain.campaigns.pacing import Pace
from ringback.domain.campaigns.permission import Customer, Verdict, permission
from ringback.domain.configuration import CallingList, Campaign
from ringback.domain.opening import CalendarError, Hours
from ringback.domain.quiet import read_quiet_hours

_MOST_RATIO = 10.0
_LONGEST_RETRY_S = 90 * 86_400.0


@dataclass(frozen=True, slots=True)
class Rules:
    """What the dialling of a campaign goes by. `office`: None is always open."""

    pace: Pace
    policy: RetryPolicy
    ringing: tuple[Hours, ...]
    office: BusinessHours | None
    outcomes: Outcomes


def rules_of(campaign: Campaign, time_zone: str) -> Rules:
    """The rules of a campaign of a tenant in `time_zone`. Raises CalendarError."""
    results = DialResult.__members__
    delays = {results[name]: seconds for name, seconds in campaign.retries.items() if name in results}
    outcomes = Outcomes(
        campaign.outcomes,
        {name: seconds for name, seconds in campaign.retries.items() if name not in results},
        campaign.retry_s,
        campaign.max_dials,
        campaign.callback_service,
        campaign.callback_agent_s,
    )
    return Rules(
        Pace(campaign.mode, campaign.ratio, campaign.abandon_cap),
        RetryPolicy(campaign.max_dials, campaign.retry_s, delays=delays),
        read_quiet_hours(campaign.quiet),
        weekly(campaign.time_zone or time_zone, campaign.hours) if campaign.hours else None,
        outcomes,
    )


def permitted(rules: Rules, customer: Customer, now: float, *, do_not_call: bool) -> Verdict:
    """Whether a customer may be dialled now by these rules."""
    return permission(customer, rules.ringing, rules.office, now, do_not_call=do_not_call)


def problems_of_list(item: CallingList) -> Iterator[str]:
    """What is wrong with a calling list."""
    yield from problems_of_hours(item.time_zone, item.hours)


def problems_of_campaign(item: Campaign) -> Iterator[str]:
    """What is wrong with a campaign, references apart."""
    if not item.lists:
        yield "it has no calling list"
    yield from problems_of_hours(item.time_zone, item.hours)
    try:
        read_quiet_hours(item.quiet)
    except ValueError:
        yield f"quiet reads like '21:00-08:00' and leaves time to call, not {item.quiet[:40]!r}"
    yield from _problems_of_pace(item)
    for prefix, shown in item.caller_ids.items():
        if (
            not re.fullmatch(r"\+[1-9]\d{0,14}", prefix)
            or not 0 < len(shown) <= 40
            or not shown.isprintable()
        ):
            yield f"caller_ids: {prefix[:20]!r} is no beginning of a number, as +49, with a number to show"
    yield from problems_of_outcomes(item.outcomes, item.callback_service)
    for name, seconds in item.retries.items():
        if name not in DialResult.__members__ and item.outcomes.get(name) != "again":
            yield f"retries: no dial has the result {name!r}, and no outcome that is dialled again this name"
        elif not 0 <= seconds <= _LONGEST_RETRY_S:
            yield f"retries: {name} is not from 0 to {_LONGEST_RETRY_S:.0f} seconds"


def _problems_of_pace(item: Campaign) -> Iterator[str]:
    numbers = (
        ("ratio", item.ratio, 1.0, _MOST_RATIO),
        ("abandon_cap", item.abandon_cap, 0.0, 1.0),
        ("max_dials", item.max_dials, 1, 50),
        ("retry_s", item.retry_s, 1.0, _LONGEST_RETRY_S),
        ("ring_s", item.ring_s, 5.0, 120.0),
        ("detect_s", item.detect_s, 0.0, 10.0),
        ("callback_agent_s", item.callback_agent_s, 0.0, _LONGEST_RETRY_S),
    )
    for name, value, least, most in numbers:
        if not (math.isfinite(value) and least <= value <= most):
            yield f"{name} is not from {least:g} to {most:g}"


def problems_of_hours(zone: str, lines: Iterable[str]) -> Iterator[str]:
    """What is wrong with a zone (empty: none) and lines of hours."""
    try:
        if zone:
            zone_named(zone)
        weekly("UTC", lines)
    except CalendarError as error:
        yield str(error)
