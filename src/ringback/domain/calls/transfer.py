"""The call goes over to the third party, or all three talk; and what is left when one of them goes.

Whoever stays keeps the events of the call under its ConnID; a party that came by a consultation hears of the
change by EventPartyChanged with the consultation's ConnID as the previous one.
"""

from ringback.domain.calls import routing, treatment
from ringback.domain.calls.ending import (
    consult_event,
    error,
    origin_side,
    release_consult,
    release_party,
)
from ringback.domain.calls.inputs import Destination, RequestDeleteFromConference
from ringback.domain.calls.machine import Machine
from ringback.domain.calls.pairs import MEDIA_OF, agent_at, dn_at, slot_of
from ringback.domain.calls.results import RELEASED, TRANSFERRED, Outcome
from ringback.domain.calls.state import Attempt, Consult, Leg, Treatment
from ringback.domain.calls.types import (
    AttemptSource,
    AttemptState,
    CallState,
    CallType,
    ConsultStage,
    DNRole,
    LegRole,
    Phase,
    Purpose,
    Slot,
    TreatmentType,
)

TRANSFERS = frozenset({Purpose.TRANSFER, Purpose.SINGLE_TRANSFER})
ATTEMPTS = {
    ConsultStage.INVITING: AttemptState.INVITING,
    ConsultStage.RINGING: AttemptState.RINGING,
}
"""A third party that rings when the asker leaves is tried for the party that stays."""


def after(m: Machine, consult: Consult) -> None:
    """What the third party was called for."""
    if consult.purpose in TRANSFERS:
        _transfer(m, consult)
    else:
        _confer(m, consult)


def party_gone(m: Machine, slot: Slot, outcome: Outcome) -> bool:
    """One of three has gone, or is to go; False when that is the end of the call."""
    consult = m.data.consult
    if consult is None:
        return False
    if consult.stage is ConsultStage.CONFERENCE:
        _leave_conference(m, consult, slot, outcome)
        return True
    if slot is consult.controller and consult.purpose in TRANSFERS:
        _hand_over(m, consult)
        return True
    return False


# Transfer


def _transfer(m: Machine, consult: Consult) -> None:
    asker, previous = dn_at(m, consult.controller), consult.conn_id
    _let_asker_go(m, consult)
    _shift(m, Slot.CONSULT, Slot.TARGET)
    for slot in (Slot.TARGET, Slot.ORIGIN):
        changed = previous if slot is Slot.TARGET and previous != m.data.conn_id else ""
        _tell(
            m,
            slot,
            "EventPartyChanged",
            third_party_dn=asker,
            third_party_role=DNRole.TRANSFERRED_BY,
            previous_conn_id=changed,
            call_state=CallState.TRANSFERRED,
            reference=consult.reference,
        )
    _end_consultation(m, consult)
    treatment.ensure_media(m)


def _let_asker_go(m: Machine, consult: Consult) -> None:
    """EventReleased for the one who gives the call away; the other is the first party from now on."""
    slot = consult.controller
    if consult.conn_id != m.data.conn_id:
        _consultation_over(m, consult, CallState.TRANSFERRED)
    release_party(m, slot, TRANSFERRED, consult.reference)
    m.vacate(slot)
    m.vacate(MEDIA_OF[slot])
    m.clear_timer("consult")
    if slot is Slot.ORIGIN:
        _shift(m, Slot.TARGET, Slot.ORIGIN)
    m.origin.held = False
    m.data.parties.target_dn = m.data.parties.target_agent = ""


def _consultation_over(m: Machine, consult: Consult, state: CallState) -> None:
    """EventReleased of the consultation at the asker's DN."""
    consult_event(
        m,
        consult,
        "EventReleased",
        this_dn=dn_at(m, consult.controller),
        this_role=DNRole.ORIGINATION,
        other_dn=consult.dn,
        agent_id=agent_at(m, consult.controller),
        call_state=state,
        reference=consult.reference,
    )


def _end_consultation(m: Machine, consult: Consult) -> None:
    """The consultation is one with the call."""
    if consult.conn_id != m.data.conn_id:
        consult_event(m, consult, "EventCallDeleted", result="completed", reason="merged")
    m.data.consult = None


def _hand_over(m: Machine, consult: Consult) -> None:
    """The asker hangs up before the third party has answered, or instead of completing the transfer."""
    if m.at(Slot.CONSULT) is not None and consult.stage not in ATTEMPTS:
        _transfer(m, consult)
        return
    previous, ring_at = consult.conn_id, m.data.timers.get("consult", 0.0)
    _let_asker_go(m, consult)
    m.forget_asks("consult")
    m.data.phase = Phase.WAITING
    source, state = AttemptSource.DIRECT, ATTEMPTS.get(consult.stage, AttemptState.RESOLVING)
    attempt = Attempt(consult.reference, source, state, consult.destination, consult.timeout_s)
    attempt.agent_id, attempt.announced = consult.agent_id, consult.announced
    if m.at(Slot.CONSULT) is not None:
        _shift(m, Slot.CONSULT, Slot.TARGET)
        m.data.attempt = attempt
        m.data.timers["ring"] = ring_at
        _moved(m, previous)
    _end_consultation(m, consult)
    treatment.begin(m, Treatment("", TreatmentType.MUSIC))
    if state is AttemptState.RESOLVING:
        routing.try_destination(m, attempt)


def _moved(m: Machine, previous: str) -> None:
    """A device that rings for a consultation rings for the call now."""
    if previous != m.data.conn_id:
        _tell(m, Slot.TARGET, "EventPartyChanged", previous_conn_id=previous)


def transfer_away(m: Machine, consult: Consult, destination: Destination) -> None:
    """A single step to a route point or a mailbox, which take the call at once."""
    _let_asker_go(m, consult)
    m.data.consult, m.data.phase, m.data.parties.device = None, Phase.WAITING, ""
    source, state = AttemptSource.DIRECT, AttemptState.RESOLVING
    attempt = Attempt(consult.reference, source, state, consult.destination)
    m.data.attempt = attempt
    routing.TO_KIND[destination.kind](m, attempt, destination)


# Conference


def _confer(m: Machine, consult: Consult) -> None:
    """All three hear each other by the media server."""
    asker, previous = dn_at(m, consult.controller), consult.conn_id
    if previous != m.data.conn_id:
        _consultation_over(m, consult, CallState.CONFERENCED)
        consult_event(m, consult, "EventCallDeleted", result="completed", reason="merged")
        consult.conn_id = m.data.conn_id
        _tell(m, consult.controller, "EventRetrieved", call_state=CallState.OK)
    consult.stage = ConsultStage.CONFERENCE
    _tell(
        m,
        Slot.CONSULT,
        "EventPartyChanged",
        previous_conn_id=previous if previous != m.data.conn_id else "",
        third_party_dn=asker,
        third_party_role=DNRole.ADDED_BY,
        call_state=CallState.CONFERENCED,
        reference=consult.reference,
    )
    for slot in (Slot.ORIGIN, Slot.TARGET):
        _tell(
            m,
            slot,
            "EventPartyAdded",
            third_party_dn=consult.dn,
            third_party_role=DNRole.NEW_PARTY,
            call_state=CallState.CONFERENCED,
            reference=consult.reference,
        )
    treatment.ensure_media(m)
    for slot in MEDIA_OF:
        treatment.start(m, slot)


def _leave_conference(m: Machine, consult: Consult, slot: Slot, outcome: Outcome) -> None:
    """Two stay, and are connected without the media server."""
    gone = dn_at(m, slot) or m.customer
    if slot is Slot.CONSULT:
        release_consult(m, outcome)
    else:
        release_party(m, slot, outcome)
    m.vacate(slot)
    m.vacate(MEDIA_OF[slot])
    m.data.consult = consult
    if slot is Slot.ORIGIN:
        _shift(m, Slot.TARGET, Slot.ORIGIN)
    if slot is not Slot.CONSULT:
        _shift(m, Slot.CONSULT, Slot.TARGET)
    m.data.consult = None
    for stays in (Slot.ORIGIN, Slot.TARGET):
        _tell(
            m,
            stays,
            "EventPartyDeleted",
            third_party_dn=gone,
            third_party_role=DNRole.DELETED_PARTY,
            call_state=CallState.CONFERENCED,
        )


def delete_from_conference(m: Machine, request: RequestDeleteFromConference) -> None:
    """RequestDeleteFromConference."""
    slot, consult = slot_of(m, request.other_dn), m.data.consult
    if slot is None or consult is None or consult.stage is not ConsultStage.CONFERENCE:
        error(m, request.reference, "invalid_state")
    else:
        _leave_conference(m, consult, slot, RELEASED)


# Places


def _shift(m: Machine, source: Slot, to: Slot) -> None:
    """A party takes another place in the call, with its leg of the media server."""
    leg, parties, consult = m.at(source), m.data.parties, m.data.consult
    if leg is None:
        return
    dn, agent_id = dn_at(m, source), agent_at(m, source)
    _put(m, leg, to)
    leg.held = False
    media = m.at(MEDIA_OF[source])
    if media is not None:
        _put(m, media, MEDIA_OF[to])
    if to is Slot.TARGET:
        parties.target_dn, parties.target_agent = dn or (consult.dn if consult else ""), agent_id
        return
    parties.origin_dn = dn if leg.role is LegRole.AGENT else ""
    if m.data.call_type is CallType.INTERNAL:
        parties.ani = dn
    parties.target_dn = parties.target_agent = ""


def _put(m: Machine, leg: Leg, slot: Slot) -> None:
    del m.data.slots[leg.slot]
    leg.slot = slot
    m.data.slots[slot] = leg.id


def _tell(m: Machine, slot: Slot, name: str, **attributes: object) -> None:
    """An event of the call for the party at a place, when it is one of our DNs."""
    leg, dn = m.at(slot), dn_at(m, slot)
    if leg is None or leg.role is not LegRole.AGENT or not dn:
        return
    other = m.data.parties.target_dn if slot is Slot.ORIGIN else origin_side(m)
    m.emit(
        name,
        this_dn=dn,
        this_role=leg.dn_role,
        other_dn=other,
        agent_id=agent_at(m, slot),
        **attributes,
    )
