"""RequestMakeCall: the first party is dialled without an offer, and connected to media when it answers.

Whoever answers gets media at once (RFC 3725 flow I, with a media server in place of the second phone). From
a route point the first party is the customer, who then stands on that route point; or an agent, who is to
answer before the customer is dialled, and stands there in the customer's name. From a DN the first party is
that DN, which hears ringing while the destination is tried.

Where it is asked for, the media server listens first who or what has answered; EventEstablished comes with
its verdict, or when the time for it is over.
"""

from msgspec import structs

from ringback.domain.calls import routing, treatment
from ringback.domain.calls.ending import error, finish
from ringback.domain.calls.inputs import Destination, Interrupted, MediaEnded, RequestMakeCall
from ringback.domain.calls.machine import Machine
from ringback.domain.calls.results import (
    CLEARED,
    NETWORK,
    NO_ANSWER,
    NODE_LOST,
    UNREACHABLE,
    Outcome,
    of_status,
)
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
UNHEARD_S = 10.0
"""How long a party may still ring, at least, when the way there is interrupted: it may have answered."""
DETECTION = "detection"
MEDIA_MAY_TAKE_S = 3.0
"""How much later than asked for the media server's verdict may come."""


def make_call(m: Machine, request: RequestMakeCall) -> None:
    data = m.data
    data.phase, data.created_at, data.call_type = Phase.RESOLVING, m.now, CallType.OUTBOUND
    data.make_reference, data.make_destination = request.reference, request.destination
    data.make_timeout_s, data.user_data = request.timeout_s or DIAL_S, dict(request.user_data)
    data.make_greeting, data.make_detect_s = dict(request.greeting), request.detect_s
    data.make_agent, data.make_caller = request.agent_id, request.caller_id
    data.make_caller_name, data.make_predictive = request.caller_name, request.predictive
    data.make_trunk = request.trunk
    data.parties.ani, data.parties.dnis = request.caller_id, request.customer or request.destination
    m.emit(
        "EventCallCreated", this_dn=request.this_dn, other_dn=request.destination, user_data=data.user_data
    )
    m.ask("requester", request.this_dn, "route_point")


def requester_resolved(m: Machine, destination: Destination) -> None:
    """A route point dials the customer, a DN is dialled itself."""
    parties = m.data.parties
    if m.data.make_predictive and destination.kind is not DestinationKind.ROUTE_POINT:
        _failed(m, UNREACHABLE)
    elif destination.kind is DestinationKind.ROUTE_POINT:
        parties.device, m.data.default_dn = destination.dn, destination.default_dn
        m.ask("dial", m.data.make_destination, "route_point")
    elif destination.kind is DestinationKind.DN:
        parties.origin_dn = destination.dn
        _dial(m, LegRole.AGENT, destination)
    else:
        _failed(m, of_status(destination.status or 404))


def dial_resolved(m: Machine, destination: Destination) -> None:
    if m.data.make_agent:
        _agent_resolved(m, destination)
        return
    if destination.kind not in (DestinationKind.EXTERNAL, DestinationKind.DN):
        _failed(m, of_status(destination.status or 404))
        return
    _dial(m, LegRole.EXTERNAL, destination)
    _at_route_point(m, "EventDialing")


def _agent_resolved(m: Machine, destination: Destination) -> None:
    """The agent's phone is rung, and shows the customer's number."""
    if destination.kind is not DestinationKind.DN:
        _failed(m, of_status(destination.status or 404))
        return
    m.data.parties.origin_dn = destination.dn
    _dial(m, LegRole.AGENT, destination)
    m.origin.engaged, m.origin.dn_role = True, DNRole.DESTINATION
    _at_agent(m, "EventRinging", user_data=m.data.user_data)


def _at_agent(m: Machine, name: str, **more: object) -> None:
    data = m.data
    m.emit(
        name,
        this_dn=data.parties.origin_dn,
        this_role=DNRole.DESTINATION,
        other_dn=data.parties.dnis,
        this_queue=data.parties.device,
        agent_id=data.make_agent,
        **more,
    )


def _dial(m: Machine, role: LegRole, destination: Destination) -> None:
    m.data.phase = Phase.DIALING
    leg = m.add_leg(Slot.ORIGIN, role, destination.dn)
    m.set_timer("ring", m.data.make_timeout_s)
    parties = m.data.parties
    parties.ani = parties.ani or destination.caller_id or parties.device or parties.origin_dn
    shows_customer = m.data.make_agent or not parties.device
    m.invite(leg, destination.target, None, parties.dnis if shows_customer else parties.ani)


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
    if m.data.parties.device and not m.data.make_agent:
        _at_route_point(m, "EventNetworkReached")


def origin_answered(m: Machine, _leg: Leg) -> None:
    m.clear_timer("ring")
    m.data.phase = Phase.WAITING
    if m.data.make_agent:
        _at_agent(m, "EventEstablished", reference=m.data.make_reference, user_data=m.data.user_data)
        treatment.begin(m, _greeting(m))
    elif m.data.parties.device and m.data.make_detect_s:
        m.set_timer("detect", m.data.make_detect_s + MEDIA_MAY_TAKE_S)
        parameters: dict[str, object] = {"timeout_s": m.data.make_detect_s}
        treatment.begin(m, Treatment(DETECTION, TreatmentType.ANSWER_DETECTION, parameters))
    elif m.data.parties.device:
        _established(m, DialResult.PERSON.value)
    else:
        treatment.begin(m, Treatment("ringback", TreatmentType.RINGBACK))
        source, state = AttemptSource.DIRECT, AttemptState.RESOLVING
        attempt = Attempt("", source, state, m.data.make_destination, m.data.make_timeout_s)
        routing.try_destination(m, attempt)


def heard(m: Machine, word: MediaEnded) -> None:
    """The media server knows who or what has answered, or has given up."""
    if word.reference == DETECTION and m.data.make_detect_s:
        known = word.heard in DialResult.__members__
        _established(m, word.heard if known else DialResult.PERSON.value)


def detect_timeout(m: Machine, _name: str) -> None:
    """Whoever has answered must not wait any longer."""
    if m.data.make_detect_s:
        _established(m, DialResult.PERSON.value)


def _established(m: Machine, dial_result: str) -> None:
    """The customer's end is there. What is no person hears nothing until somebody says what."""
    m.data.make_detect_s = 0.0
    m.clear_timer("detect")
    _at_route_point(m, "EventEstablished", dial_result=dial_result, user_data=m.data.user_data)
    is_person = dial_result == DialResult.PERSON.value
    if m.data.make_predictive and not is_person:
        finish(m, CLEARED)
        return
    treatment.begin(m, _greeting(m) if is_person else Treatment("", TreatmentType.SILENCE))
    if m.data.make_predictive:
        routing.request_route(m)
        m.data.instructed = False
        m.set_timer("routing", treatment.ROUTING_S)


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


def interrupted(m: Machine, word: Interrupted) -> None:
    """Whether the party still rings is not known."""
    leg = m.leg(word.leg)
    if leg is None:
        return
    leg.unheard = True
    if "ring" in m.data.timers:
        m.data.timers["ring"] = max(m.data.timers["ring"], m.now + UNHEARD_S)


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
    if m.data.make_agent:
        if outcome not in (NETWORK, NODE_LOST) and outcome.result not in routing.PERSONAL:
            outcome = structs.replace(UNREACHABLE, status=outcome.status)
    elif outcome.call_state is CallState.BUSY:
        _at_route_point(m, "EventDestinationBusy", call_state=CallState.BUSY)
    else:
        _at_route_point(m, "EventReleased", call_state=outcome.call_state, reason=outcome.reason)
    error(m, m.data.make_reference, outcome.reason, outcome.status, outcome.dial_result)
    finish(m, outcome)
