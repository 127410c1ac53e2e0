"""A third party: called by one of the two, who then gives the call to it, or has it join, or lets it go.

The asker hears ringing while the third is called, the other party hears music. Of two steps the first is a
call of its own in the events, with its own ConnID; in a single step the call goes over, or the conference
begins, as soon as the third answers. `after` says what becomes of the call then.
"""

from ringback.domain.calls import sdp_text, treatment
from ringback.domain.calls.ending import consult_event, error, release_consult
from ringback.domain.calls.inputs import (
    Destination,
    RequestAlternateCall,
    RequestComplete,
    RequestConsult,
    RequestReconnectCall,
)
from ringback.domain.calls.machine import Machine
from ringback.domain.calls.pairs import TOGETHER, agent_at, dn_at, slot_of
from ringback.domain.calls.results import (
    NETWORK,
    NO_ANSWER,
    RELEASED,
    TARGET_HUNG_UP,
    UNREACHABLE,
    Outcome,
    of_status,
)
from ringback.domain.calls.state import Consult, Leg
from ringback.domain.calls.transfer import after, party_gone, transfer_away
from ringback.domain.calls.types import (
    CallState,
    ConsultStage,
    DestinationKind,
    DNRole,
    LegRole,
    LegState,
    Purpose,
    Slot,
)

RING_S = 20.0
SINGLE = frozenset({Purpose.SINGLE_TRANSFER, Purpose.SINGLE_CONFERENCE})
_SPREAD = 0x9E3779B97F4A7C15
"""An odd number: each consultation of a call has another ConnID."""
_CHANGES = {ConsultStage.TALKING: ConsultStage.ALTERNATED, ConsultStage.ALTERNATED: ConsultStage.TALKING}


def begin(m: Machine, request: RequestConsult) -> None:
    """RequestInitiateTransfer, RequestInitiateConference and the single steps."""
    data, slot = m.data, slot_of(m, request.this_dn)
    leg = None if slot is None else m.at(slot)
    busy = leg is None or leg.state is not LegState.UP or leg.reoffer or leg.offering
    if slot is None or data.consult is not None or busy:
        error(m, request.reference, "invalid_state")
        return
    single = request.purpose in SINGLE
    conn_id = data.conn_id if single else _conn_id(m)
    consult = Consult(conn_id, request.reference, request.purpose, slot, request.destination)
    consult.timeout_s = request.timeout_s
    data.consult = consult
    if not single:
        _announce(m, consult)
    m.ask("consult", request.destination, "dn" if dn_at(m, slot) else "route_point")


def _conn_id(m: Machine) -> str:
    number = int(m.next_name("").lstrip("_"))
    return f"{(int(m.data.conn_id, 16) + number * _SPREAD) & 0xFFFFFFFFFFFFFFFF:016x}"


def _announce(m: Machine, consult: Consult) -> None:
    consult_event(m, consult, "EventCallCreated", other_dn=consult.destination)
    _at_asker(m, consult, "EventHeld", call_state=CallState.HELD)


def _at_asker(m: Machine, consult: Consult, name: str, **attributes: object) -> None:
    """An event of the first call for the party that asks."""
    slot = consult.controller
    leg, dn = m.at(slot), dn_at(m, slot)
    if leg is not None and dn:
        m.emit(name, this_dn=dn, this_role=leg.dn_role, agent_id=agent_at(m, slot), **attributes)


def _on_both_sides(m: Machine, consult: Consult, name: str) -> None:
    """An event of the consultation for both of its parties."""
    leg = m.at(Slot.CONSULT)
    if leg is not None and leg.role is LegRole.AGENT:
        _at_third(m, consult, name)
    if consult.purpose not in SINGLE:
        _at_consulter(m, consult, name)


def _at_consulter(m: Machine, consult: Consult, name: str) -> None:
    """An event of the consultation for the party that asks."""
    consult_event(
        m,
        consult,
        name,
        this_dn=dn_at(m, consult.controller),
        this_role=DNRole.ORIGINATION,
        other_dn=consult.dn,
        agent_id=agent_at(m, consult.controller),
        reference=consult.reference,
    )


def _at_third(m: Machine, consult: Consult, name: str, **attributes: object) -> None:
    consult_event(
        m,
        consult,
        name,
        this_dn=consult.dn,
        this_role=DNRole.DESTINATION,
        other_dn=dn_at(m, consult.controller),
        agent_id=consult.agent_id,
        user_data=m.data.user_data,
        **attributes,
    )


# The third party's way here


def resolved(m: Machine, destination: Destination) -> None:
    """The dial plan's answer."""
    consult = m.data.consult
    if consult is None or consult.stage is not ConsultStage.RESOLVING:
        return
    if destination.kind in (DestinationKind.DN, DestinationKind.EXTERNAL):
        _invite(m, consult, destination)
    elif destination.kind is DestinationKind.REJECT:
        failed(m, of_status(destination.status or 404))
    elif consult.purpose is Purpose.SINGLE_TRANSFER:
        transfer_away(m, consult, destination)
    else:
        failed(m, UNREACHABLE, "invalid_destination")


def _invite(m: Machine, consult: Consult, destination: Destination) -> None:
    parties, asker = m.data.parties, m.at(consult.controller)
    consult.dn = destination.dn or consult.destination
    if asker is None or asker.remote_sdp is None or consult.dn in (parties.origin_dn, parties.target_dn):
        failed(m, UNREACHABLE, "invalid_destination")
        return
    agent = destination.kind is DestinationKind.DN
    consult.stage, consult.agent_id = ConsultStage.INVITING, destination.agent_id
    leg = m.add_leg(Slot.CONSULT, LegRole.AGENT if agent else LegRole.EXTERNAL, destination.dn)
    leg.auto_answer = destination.auto_answer
    m.set_timer("consult", consult.timeout_s or destination.ring_timeout_s or RING_S)
    _at_start(m, consult, agent)
    sdp = sdp_text.with_direction(asker.remote_sdp, "sendrecv")
    caller = destination.caller_id or dn_at(m, consult.controller) or m.customer
    m.invite(leg, destination.target, sdp, caller)
    treatment.ensure_media(m)


def _at_start(m: Machine, consult: Consult, agent: bool) -> None:
    if consult.purpose not in SINGLE:
        _at_consulter(m, consult, "EventDialing")
    if agent:
        consult.announced = True
        _at_third(m, consult, "EventRinging", reference=consult.reference)


def progress(m: Machine, leg: Leg, _status: int) -> None:
    """The third party rings."""
    consult = m.data.consult
    if consult is not None:
        consult.stage = ConsultStage.RINGING
        if leg.role is LegRole.EXTERNAL:
            _at_asker(m, consult, "EventNetworkReached", other_dn=consult.dn, reference=consult.reference)


def answered(m: Machine, leg: Leg) -> None:
    """The third party is there: the asker is moved to it, or a single step is complete."""
    m.clear_timer("consult")
    consult = m.data.consult
    if consult is None:
        return
    consult.stage, consult.announced = ConsultStage.JOINING, False
    leg.engaged = leg.role is LegRole.AGENT
    _on_both_sides(m, consult, "EventEstablished")
    if consult.purpose in SINGLE:
        after(m, consult)


def joined(m: Machine) -> None:
    """Asker and third party talk."""
    consult = m.data.consult
    if consult is not None and consult.stage is ConsultStage.JOINING:
        consult.stage = ConsultStage.TALKING


def failed(m: Machine, outcome: Outcome, reason: str = "") -> None:
    """The third party was not reached: the first two talk again, and whoever asked is told."""
    consult = m.data.consult
    if consult is None:
        return
    reference = consult.reference
    let_go(m, outcome)
    error(m, reference, reason or outcome.reason, outcome.status, outcome.dial_result)


def let_go(m: Machine, outcome: Outcome) -> None:
    """The third party leaves; the first two talk again."""
    consult = m.data.consult
    if consult is None:
        return
    m.clear_timer("consult")
    m.forget_asks("consult")
    release_consult(m, outcome)
    m.vacate(Slot.CONSULT, outcome.status if outcome.result != "completed" else 0)
    m.vacate(Slot.CONSULT_MEDIA)
    if consult.purpose not in SINGLE and consult.stage is not ConsultStage.ALTERNATED:
        _at_asker(m, consult, "EventRetrieved", call_state=CallState.OK)


def third_failed(m: Machine, leg: Leg, status: int) -> None:
    """The third party's phone refuses, or nobody answers it."""
    consult = m.data.consult
    rang = consult is not None and consult.stage is ConsultStage.RINGING and leg.role is LegRole.AGENT
    failed(m, of_status(status, rang=rang))


def timeout(m: Machine, _name: str) -> None:
    leg = m.at(Slot.CONSULT)
    failed(m, NETWORK if leg is not None and leg.unheard else NO_ANSWER)


# What the asker wants


def complete(m: Machine, request: RequestComplete) -> None:
    """RequestCompleteTransfer, RequestCompleteConference."""
    consult = m.data.consult
    ready = TOGETHER | {ConsultStage.ALTERNATED}
    if consult is None or consult.purpose in SINGLE or consult.stage is ConsultStage.CONFERENCE:
        error(m, request.reference, "invalid_state")
    elif consult.stage in ready:
        consult.purpose, consult.reference = request.purpose, request.reference
        after(m, consult)
    else:
        error(m, request.reference, "not_answered")


def reconnect(m: Machine, request: RequestReconnectCall) -> None:
    """RequestReconnectCall."""
    consult = m.data.consult
    if consult is None or consult.stage is ConsultStage.CONFERENCE:
        error(m, request.reference, "invalid_state")
    else:
        consult.reference = request.reference
        let_go(m, RELEASED)


def alternate(m: Machine, request: RequestAlternateCall) -> None:
    """RequestAlternateCall: the asker talks to the other of the two who wait."""
    consult = m.data.consult
    stage = None if consult is None else _CHANGES.get(consult.stage)
    if consult is None or stage is None or consult.purpose in SINGLE:
        error(m, request.reference, "invalid_state")
        return
    consult.stage = stage
    waits = stage is ConsultStage.ALTERNATED
    first, second = ("EventHeld", "EventRetrieved") if waits else ("EventRetrieved", "EventHeld")
    consult.reference = request.reference
    _at_consulter(m, consult, first)
    _at_asker(m, consult, second, reference=request.reference)
    treatment.ensure_media(m)


def gone(m: Machine, outcome: Outcome = TARGET_HUNG_UP) -> None:
    """The third party has hung up, or was lost."""
    if not party_gone(m, Slot.CONSULT, outcome):
        let_go(m, outcome)
