"""Event notification, the notifier's side (RFC 6665): what a SUBSCRIBE asks for, a subscription's life. Pure.

A subscription begins with the 2xx to a SUBSCRIBE and ends with a NOTIFY that says `terminated`; each
SUBSCRIBE between moves its end. One dialog has one subscription here (4.5.2: no other use of it is needed).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from ringback.sip.dialog import Dialog
from ringback.sip.message import Request, Response
from ringback.sip.uri import parse_params


class State(Enum):
    """The states of Subscription-State (4.1.3)."""

    PENDING = "pending"
    ACTIVE = "active"
    TERMINATED = "terminated"


class Input(Enum):
    """What happens to a subscription."""

    REFRESHED = "refreshed"
    ALLOWED = "allowed"
    REFUSED = "refused"
    UNSUBSCRIBED = "unsubscribed"
    EXPIRED = "expired"
    RESOURCE_GONE = "resource_gone"
    NOTIFY_REFUSED = "notify_refused"


@dataclass(frozen=True, slots=True)
class Step:
    """Where an input leads, and the reason that the last NOTIFY gives (4.1.3); without one none is sent."""

    state: State
    reason: str = ""


_ENDS = {
    Input.REFUSED: Step(State.TERMINATED, "rejected"),
    Input.UNSUBSCRIBED: Step(State.TERMINATED, "timeout"),
    Input.EXPIRED: Step(State.TERMINATED, "timeout"),
    Input.RESOURCE_GONE: Step(State.TERMINATED, "noresource"),
    Input.NOTIFY_REFUSED: Step(State.TERMINATED),
}
TABLE: dict[State, dict[Input, Step]] = {
    State.PENDING: {Input.REFRESHED: Step(State.PENDING), Input.ALLOWED: Step(State.ACTIVE), **_ENDS},
    State.ACTIVE: {Input.REFRESHED: Step(State.ACTIVE), Input.ALLOWED: Step(State.ACTIVE), **_ENDS},
    State.TERMINATED: {},
}
"""An ended subscription is over: whatever comes after meets none (481, 4.2.1.1)."""


class EventError(Exception):
    """A SUBSCRIBE that is refused: the status and the headers that go with it."""

    def __init__(self, status: int, *headers: tuple[str, str]) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers


@dataclass(frozen=True, slots=True)
class Package:
    """A package: its name, the type of its bodies, seconds of a subscription by default, least and most."""

    name: str
    content_type: str
    default_s: int = 3600
    min_s: int = 60
    max_s: int = 7200


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a SUBSCRIBE asks for; 0 seconds ends a subscription, or only fetches (4.4.3)."""

    package: Package
    id: str
    expires_s: int


def read_subscribe(request: Request, packages: Iterable[Package]) -> Wanted:
    """Raises EventError: 489 for an unknown package, 406 for a type that is not taken, 423 for too short."""
    known = {package.name: package for package in packages}
    name, semicolon, rest = (request.get("Event") or "").partition(";")
    package = known.get(name.strip().lower())
    if package is None:
        raise EventError(489, ("Allow-Events", ", ".join(sorted(known))))
    accepted = {value.partition(";")[0].strip().lower() for value in request.values("Accept")}
    family = package.content_type.partition("/")[0] + "/*"
    if accepted and accepted.isdisjoint({"*/*", family, package.content_type}):
        raise EventError(406, ("Accept", package.content_type))
    asked = package.default_s if request.expires is None else request.expires
    if 0 < asked < package.min_s:
        raise EventError(423, ("Min-Expires", str(package.min_s)))
    event_id = parse_params(semicolon + rest).get("id") or ""
    return Wanted(package, event_id, min(asked, package.max_s))


@dataclass(slots=True)
class Subscription:
    """One subscription; times are seconds of the wall clock, for it may outlive the process."""

    dialog: Dialog
    package: str
    id: str
    expires_at: float
    state: State = State.ACTIVE

    def happens(self, happened: Input) -> Step | None:
        """Go on by the table; None where nothing is to be done any more."""
        step = TABLE[self.state].get(happened)
        if step is not None:
            self.state = step.state
        return step

    def refresh(self, wanted: Wanted, now: float) -> Step | None:
        """A SUBSCRIBE inside the dialog; 0 seconds ends it. Raises EventError (489) for another event."""
        if (wanted.package.name, wanted.id) != (self.package, self.id):
            raise EventError(489, ("Allow-Events", self.package))
        self.expires_at = now + wanted.expires_s
        return self.happens(Input.REFRESHED if wanted.expires_s else Input.UNSUBSCRIBED)

    def answered(self, response: Response) -> bool:
        """What the answer to a NOTIFY says; True if the subscriber is gone (4.2.2).

        A refusal that says when to come back, or asks for credentials, ends nothing.
        """
        if response.status < 300 or response.has("Retry-After") or response.status in (401, 407):
            return False
        self.happens(Input.NOTIFY_REFUSED)
        return True

    def notify(self, now: float, body: bytes, content_type: str, reason: str = "") -> Request:
        """The next NOTIFY, with the whole state (4.2.1, 4.2.2)."""
        return self.dialog.request(
            "NOTIFY", headers=self.headers(now, reason), body=body, content_type=content_type
        )

    def headers(self, now: float, reason: str = "") -> list[tuple[str, str]]:
        """Event and Subscription-State (8.2.1, 4.1.3)."""
        if self.state is State.TERMINATED:
            state = f"terminated;reason={reason}" if reason else "terminated"
        else:
            state = f"{self.state.value};expires={max(0, round(self.expires_at - now))}"
        event = f"{self.package};id={self.id}" if self.id else self.package
        return [("Event", event), ("Subscription-State", state)]
