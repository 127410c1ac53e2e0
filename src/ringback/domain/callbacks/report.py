"""The user events of a callback for reporting: one when it begins to wait, one at its end.

Keys are the published ones (`_CB_…`). Durations and times are whole seconds, times since the epoch; what is
not known is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ringback.domain.callbacks.history import Happening, Kind
from ringback.domain.callbacks.names import DialResult, Reason


@dataclass(frozen=True, slots=True)
class Subject:
    """The callback that is reported. `dims`: what the request said of itself, by the end of its key."""

    id: str
    tenant: str
    service: str
    accepted_at: float
    arrived_at: float
    desired_at: float | None
    reason: Reason | None = None
    dims: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Legs:
    """Seconds of all attempts together."""

    offline: float = 0.0
    establish: float = 0.0
    on_line: float = 0.0
    connected_at: float | None = None
    results: list[str] = field(default_factory=list)


def offered(subject: Subject) -> dict[str, object]:
    """What goes to the call in which the callback was offered, too."""
    return {
        "_CB_SERVICE_ID": subject.id,
        "_CB_T_CALLBACK_OFFERED": int(subject.accepted_at),
        "_CB_T_CALLBACK_ACCEPTED": int(subject.accepted_at),
    }


def user_data(subject: Subject, happenings: Sequence[Happening], *, final: bool) -> dict[str, object]:
    """The user data of the start event, or of the end event, which says all."""
    found: dict[str, object] = {
        "_CB_TENANT_DBID": subject.tenant,
        **offered(subject),
        "_CB_FINAL_RECORD": int(final),
        "_CB_D_CALLBACK_OFFER": 0,
        "_CB_DIM_VQ": subject.service,
        **{f"_CB_DIM_{name}": value for name, value in subject.dims.items() if value},
    }
    if subject.desired_at is not None:
        found["_CB_T_DESIRED_TIME"] = int(subject.desired_at)
    found |= _expectation("WHEN_CALLBACK_WAS_OFFERED", next(filter(_knows_place, happenings), None))
    if final:
        found |= _end(subject, happenings)
    return found


def _end(subject: Subject, happenings: Sequence[Happening]) -> dict[str, object]:
    legs = _legs(happenings)
    dial = next((each for each in happenings if each.kind is Kind.DIALLING), None)
    total = -1 if legs.connected_at is None else round(legs.connected_at - subject.arrived_at)
    return {
        **_expectation("WHEN_READY_TO_START_MEDIA_IXN", dial),
        "_CB_D_WAITING_FOR_AGENT_OFFLINE": round(legs.offline),
        "_CB_D_ESTABLISH_MEDIA_IXN": round(legs.establish),
        "_CB_D_CUSTOMER_CONNECTED_WAITING_FOR_AGENT": round(legs.on_line),
        "_CB_D_TOTAL_WAIT": total,
        **{f"_CB_DIAL_{number}_RESULT": result for number, result in enumerate(legs.results, 1)},
        "_CB_DISPOSITION": subject.reason.value if subject.reason else "",
    }


def _knows_place(what: Happening) -> bool:
    return bool(what.position)


def _expectation(when: str, what: Happening | None) -> dict[str, object]:
    """Position and expected wait at a moment, as far as they were known."""
    found: dict[str, object] = {}
    if what is not None and what.position:
        found[f"_CB_POS_{when}"] = what.position
    if what is not None and what.ewt is not None and what.ewt >= 0:
        found[f"_CB_EWT_{when}"] = round(what.ewt)
    return found


def _legs(happenings: Sequence[Happening]) -> _Legs:
    legs, phase, since = _Legs(), "", 0.0
    for what in happenings:
        before = phase
        phase = _phase(what, phase)
        if phase != before:
            _add(legs, before, what.at - since)
            since = what.at
        if what.kind is Kind.CONNECTED:
            legs.connected_at = what.at
            legs.results.append(DialResult.CONNECTED.value)
        elif before in ("establish", "on_line") and not what.lives:
            legs.results.append(_result(what, before))
    return legs


def _phase(what: Happening, phase: str) -> str:
    """What the customer waits for after this; empty: for nothing that is counted."""
    if not what.lives or what.kind is Kind.CONNECTED:
        return ""
    begins = {Kind.WAITING: "offline", Kind.DIALLING: "establish", Kind.CUSTOMER: "on_line"}
    return begins.get(what.kind, phase)


def _add(legs: _Legs, phase: str, seconds: float) -> None:
    if phase:
        setattr(legs, phase, getattr(legs, phase) + max(0.0, seconds))


def _result(what: Happening, phase: str) -> str:
    """How a dial ended that led to nothing."""
    if what.kind is Kind.SNOOZED or (phase == "on_line" and not what.result):
        return DialResult.PERSON.value
    return what.result or DialResult.UNKNOWN.value
