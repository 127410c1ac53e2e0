"""RequestMakeCall: the first party is dialled without an offer, and connected to media when it answers.

Whoever answers gets media at once (RFC 3725 flow I, with a media server in place of the second phone). From a
route point the first party is the customer, who then stands on that route point. From a DN the first party is
that DN, which hears ringing while the destination is tried.
"""

from ringback.domain.calls import routing, treatment
from ringback.domain.calls.ending import error, finish
from ringback.domain.calls.inputs import Destination, RequestMakeCall
from ringback.domain.calls.machine import Machine
from ringback.domain.calls.results import NETWORK, NO_ANSWER, NODE_LOST, Outcome, of_status
from ringback.domain.calls.state import Attempt, Leg, Treatment
from ringback.domain.calls.types import (
    AttemptSource,
    AttemptState,
    CallState,
    CallType,
    DestinationKind,
    DialResult,
    DNRole,
    LegRole,
    Phase,
    Slot,
    TreatmentType,
)

DIAL_S = 30.0


def make_call(m: Machine, request: RequestMakeCall) -> None:
    data = m.data
    data.phase, data.created_at, data.call_type = Phase.RESOLVING, m.now, CallType.OUTBOUND
    data.make_reference, data.make_destination = request.reference, request.destination
    data.make_timeout_s, data.user_data = request.timeout_s or DIAL_S, dict(request.user_data)
    data.make_greeting = dict(request.greeting)
    data.parties.ani, data.parties.dnis = request.caller_id, request.destination
    m.emit(
        "EventCallCreated", this_dn=request.this_dn, other_dn=request.destination, user_data=data.user_data
    )
    m.ask("requester", request.this_dn, "route_point")


def requester_resolved(m: Machine, destination: Destination) -> None:
    """A route point dials the customer, a DN is dialled itself."""
    parties = m.data.parties
    if destination.kind is DestinationKind.ROUTE_POINT:
        parties.device, m.data.default_dn = destination.dn, destination.default_dn
        m.ask("dial", m.data.make_destination, "route_point")
    elif destination.kind is DestinationKind.DN:
        parties.origin_dn = destination.dn
        _dial(m, LegRole.AGENT, destination)
    else:
        _failed(m, of_status(destination.status or 404))


def dial_resolved(m: Machine, destination: Destination) -> None:
    if destination.kind not in (DestinationKind.EXTERNAL, DestinationKind.DN):
        _failed(m, of_status(destination.status or 404))
        return
    _dial(m, LegRole.EXTERNAL, destination)
    _at_route_point(m, "EventDialing")


def _dial(m: Machine, role: LegRole, destination: Destination) -> None:
    m.data.phase = Phase.DIALING
    leg = m.add_leg(Slot.ORIGIN, role, destination.dn)
    m.set_timer("ring", m.data.make_timeout_s)
    parties = m.data.parties
    parties.ani = parties.ani or destination.caller_id or parties.device or parties.origin_dn
    m.invite(leg, destination.target, None, parties.ani if parties.device else parties.dnis)


def _at_route_point(m: Machine, name: str, **more: object) -> None:
    m.emit(
        name,
        this_dn=m.data.parties.device or m.data.parties.origin_dn,
        this_role=DNRole.ORIGINATION,
        other_dn=m.data.parties.dnis,
        reference=m.data.make_reference,
        **more,
    )


def origin_progress(m: Machine, _leg: Leg, _status: int) -> None:
    if m.data.parties.device:
        _at_route_point(m, "EventNetworkReached")


def origin_answered(m: Machine, _leg: Leg) -> None:
    m.clear_timer("ring")
    m.data.phase = Phase.WAITING
    if m.data.parties.device:
        person = DialResult.PERSON.value
        _at_route_point(m, "EventEstablished", dial_result=person, user_data=m.data.user_data)
        treatment.begin(m, _greeting(m))
    else:
        treatment.begin(m, Treatment("ringback", TreatmentType.RINGBACK))
        source, state = AttemptSource.DIRECT, AttemptState.RESOLVING
        attempt = Attempt("", source, state, m.data.make_destination, m.data.make_timeout_s)
        routing.try_destination(m, attempt)


def _greeting(m: Machine) -> Treatment:
    """What a customer who is called hears until an agent is there."""
    reference, parameters = m.data.make_reference, m.data.make_greeting
    kind = TreatmentType.PLAY_ANNOUNCEMENT if parameters else TreatmentType.MUSIC
    return Treatment(reference, kind, parameters)


def origin_failed(m: Machine, _leg: Leg, status: int) -> None:
    _failed(m, of_status(status))


def origin_lost(m: Machine, _leg: Leg) -> None:
    """The customer has been dialled, and may have heard it ring."""
    _failed(m, NODE_LOST)


def ring_timeout(m: Machine, _name: str) -> None:
    """The party that we dial did not answer: the first one, or the destination of an attempt.

    It is not to blame when we could not hear it.
    """
    target = m.at(Slot.TARGET)
    if m.data.phase is Phase.DIALING:
        _failed(m, NODE_LOST if m.origin.unheard else NO_ANSWER)
    else:
        routing.attempt_failed(m, NETWORK if target is not None and target.unheard else NO_ANSWER)


def _failed(m: Machine, outcome: Outcome) -> None:
    """The first party was not reached."""
    if outcome.call_state is CallState.BUSY:
        _at_route_point(m, "EventDestinationBusy", call_state=CallState.BUSY)
    else:
        _at_route_point(m, "EventReleased", call_state=outcome.call_state, reason=outcome.reason)
    error(m, m.data.make_reference, outcome.reason, outcome.status, outcome.dial_result)
    finish(m, outcome)
