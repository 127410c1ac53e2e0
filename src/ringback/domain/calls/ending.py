"""How a call ends: every party hears of it, every leg is closed, one EventCallDeleted."""

from collections.abc import Callable
from functools import partial

from ringback.domain.calls.machine import Machine
from ringback.domain.calls.pairs import agent_at, dn_at
from ringback.domain.calls.results import ABANDONED, ORIGIN_HUNG_UP, Outcome
from ringback.domain.calls.state import Consult, Leg
from ringback.domain.calls.types import CallState, CallType, DNRole, LegState, Phase, Slot

LINGER_S = 40.0
"""How long a cancelled leg may owe its final response (64 T1, RFC 3261 9.1, and some)."""


def finish(m: Machine, outcome: Outcome) -> None:
    """End the whole call; a second time it does nothing."""
    data = m.data
    if m.ended:
        return
    abandon_agent(m)
    if data.treatment is not None and data.treatment.applied:
        treatment_end(m, "call_ended")
    _release_parties(m, outcome)
    data.phase, data.result, data.reason = Phase.ENDED, outcome.result, outcome.reason
    data.attempt, data.treatment, data.asks = None, None, {}
    data.timers = {}
    for leg in list(m.living()):
        m.hang_up(leg, cause=0 if outcome.result == "completed" else outcome.status, status=outcome.status)
    if any(m.living()):
        m.set_timer("linger", LINGER_S)
    m.emit("EventCallDeleted", result=outcome.result.value, reason=outcome.reason)


def treatment_end(m: Machine, reason: str, digits: str = "") -> None:
    """EventTreatmentEnd for what plays now."""
    treatment, m.data.treatment = m.data.treatment, None
    if treatment is not None and treatment.reference and treatment.said:
        m.emit(
            "EventTreatmentEnd",
            this_dn=m.data.parties.device,
            other_dn=m.customer,
            reference=treatment.reference,
            treatment_type=treatment.type,
            digits=digits,
            reason=reason,
        )


def _release_parties(m: Machine, outcome: Outcome) -> None:
    release_consult(m, outcome)
    for slot in (Slot.TARGET, Slot.ORIGIN):
        release_party(m, slot, outcome)


def release_party(m: Machine, slot: Slot, outcome: Outcome, reference: str = "") -> None:
    """EventReleased for one of the two, if it is owed."""
    parties, leg = m.data.parties, m.at(slot)
    if leg is None or not leg.engaged:
        return
    say = partial(m.emit, reference=reference)
    if slot is Slot.ORIGIN:
        agent = m.data.make_agent
        _released(leg, say, parties.origin_dn, parties.target_dn or parties.dnis, agent, outcome)
    else:
        _released(leg, say, parties.target_dn, origin_side(m), parties.target_agent, outcome)


def release_consult(m: Machine, outcome: Outcome) -> None:
    """The third party's call is over: EventReleased on both of its sides, and its EventCallDeleted."""
    consult, leg = m.data.consult, m.at(Slot.CONSULT)
    m.data.consult = None
    if consult is None:
        return
    told = leg is not None and (consult.announced or leg.engaged)
    if leg is not None and told:
        say = partial(consult_event, m, consult)
        _released(leg, say, consult.dn, dn_at(m, consult.controller), consult.agent_id, outcome)
    if consult.conn_id == m.data.conn_id:
        return
    consult_event(
        m,
        consult,
        "EventReleased",
        this_dn=dn_at(m, consult.controller),
        this_role=DNRole.ORIGINATION,
        other_dn=consult.dn or consult.destination,
        agent_id=agent_at(m, consult.controller),
        call_state=outcome.call_state,
        reason=outcome.reason,
        reference=consult.reference,
    )
    consult_event(m, consult, "EventCallDeleted", result=outcome.result.value, reason=outcome.reason)


def consult_event(m: Machine, consult: Consult, name: str, **attributes: object) -> None:
    """An event of the consultation, which is a call of its own where it took two steps."""
    if consult.conn_id != m.data.conn_id:
        attributes = {"call_type": CallType.CONSULT, "previous_conn_id": m.data.conn_id} | attributes
    m.emit(name, conn_id=consult.conn_id, **attributes)


def _released(
    leg: Leg, say: Callable[..., None], this_dn: str, other: str, agent_id: str, outcome: Outcome
) -> None:
    leg.engaged = False
    say(
        "EventReleased",
        this_dn=this_dn,
        this_role=leg.dn_role,
        other_dn=other,
        agent_id=agent_id,
        call_state=outcome.call_state,
        result=outcome.result.value,
        reason=outcome.reason,
    )


def origin_side(m: Machine) -> str:
    """What the second party sees as OtherDN."""
    return m.data.parties.origin_dn or m.customer


def origin_gone(m: Machine, _leg: Leg) -> None:
    """The first party hung up."""
    if m.data.phase is Phase.CONNECTED or m.data.deposit:
        finish(m, ORIGIN_HUNG_UP)
        return
    abandoned(m)
    finish(m, ABANDONED)


def abandoned(m: Machine) -> None:
    """EventAbandoned for the ringing agent and for the route point that held the call."""
    abandon_agent(m)
    data, parties = m.data, m.data.parties
    if parties.device and data.phase is Phase.WAITING:
        m.emit(
            "EventAbandoned",
            this_dn=parties.device,
            this_role=DNRole.DESTINATION,
            other_dn=m.customer,
            call_state=CallState.ABANDONED,
        )


def abandon_agent(m: Machine) -> None:
    """EventAbandoned for an agent that rings; a second time it does nothing."""
    attempt, parties = m.data.attempt, m.data.parties
    if attempt is not None and attempt.announced:
        attempt.announced = False
        m.emit(
            "EventAbandoned",
            this_dn=parties.target_dn,
            this_role=DNRole.DESTINATION,
            other_dn=origin_side(m),
            this_queue=parties.device,
            agent_id=parties.target_agent,
            call_state=CallState.ABANDONED,
            reference=attempt.reference,
        )


def linger_over(m: Machine, _name: str) -> None:
    """A cancelled leg never got its final response: forget it."""
    for leg in m.living():
        leg.state = LegState.ENDED


def error(m: Machine, reference: str, reason: str, code: int = 0, dial_result: str = "") -> None:
    """EventError for a request that could not be carried out."""
    m.emit(
        "EventError",
        this_dn=m.data.parties.device or m.data.parties.target_dn,
        reference=reference,
        reason=reason,
        error_code=code,
        dial_result=dial_result,
    )
