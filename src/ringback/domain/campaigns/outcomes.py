"""What an agent says a talk has come to, and what follows for the record."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

Follow = Literal["done", "again", "callback", "do-not-call"]
BUILT_IN: Mapping[str, Follow] = {"DO_NOT_CALL": "do-not-call", "AGAIN": "again", "CALLBACK": "callback"}
"""Without a word in the configuration."""
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .-]{0,39}")
MOST = 50
FURTHEST_S = 90 * 86_400.0


class OutcomeRefusedError(ValueError):
    """What was entered is none of the campaign's results, or lacks what it needs."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """A campaign's: results by name, seconds until the next dial where they differ from `delay`, and the
    service at which callbacks are booked; empty: none can be promised. agent_s: seconds for which a callback
    waits for the agent who has promised it.
    """

    names: Mapping[str, Follow]
    delays: Mapping[str, float]
    delay: float
    max_dials: int
    service: str = ""
    agent_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Entered:
    """An agent's result. `at`: when the customer wants to be called, seconds since the epoch; 0: not said."""

    name: str = ""
    by: str = ""
    at: float = 0.0


def follow_of(outcomes: Outcomes, entered: Entered, now: float) -> Follow:
    """What follows a result. Raises OutcomeRefusedError."""
    follow = outcomes.names.get(entered.name) or BUILT_IN.get(entered.name)
    if follow is None:
        known = ", ".join(sorted({*outcomes.names, *BUILT_IN}))
        raise OutcomeRefusedError(f"the results of this campaign are {known}")
    if entered.at and follow not in ("again", "callback"):
        raise OutcomeRefusedError("after this result nobody is called at a time")
    if entered.at and not now - 60.0 <= entered.at <= now + FURTHEST_S:
        raise OutcomeRefusedError("the time to call is within the next 90 days")
    if follow == "callback" and not outcomes.service:
        raise OutcomeRefusedError("this campaign has no callback service")
    if follow == "callback" and not entered.at:
        raise OutcomeRefusedError("a callback needs a time")
    return follow


def due_after(outcomes: Outcomes, entered: Entered, follow: Follow, dials: int, now: float) -> float | None:
    """When the record is dialled again; None: not again. A time that the customer named holds also after the
    last dial that is allowed.
    """
    if follow != "again":
        return None
    if entered.at:
        return entered.at
    return None if dials >= outcomes.max_dials else now + outcomes.delays.get(entered.name, outcomes.delay)


def problems_of_outcomes(names: Mapping[str, str], service: str) -> Iterator[str]:
    """What is wrong with results as they are configured."""
    if len(names) > MOST:
        yield f"it has more than {MOST} outcomes"
    for name, follow in names.items():
        if not NAME.fullmatch(name):
            yield f"outcomes: {name[:40]!r} is not 1 to 40 letters, digits, spaces, dots and dashes"
        elif follow == "callback" and not service:
            yield f"outcomes: {name} is a callback, and there is no callback_service"


def read_time(text: str, zone: str) -> float:
    """`2026-11-24T15:00`, with a zone or on the wall of `zone`, or `11/24/2026 15:00` as desktops write it;
    seconds since the epoch. Raises OutcomeRefusedError.
    """
    try:
        if "/" in text:
            found = datetime.strptime(text, "%m/%d/%Y %H:%M")
        else:
            found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))).timestamp()
    except (ValueError, OverflowError, OSError):
        raise OutcomeRefusedError("the time is written as 2026-11-24T15:00 or 11/24/2026 15:00") from None
