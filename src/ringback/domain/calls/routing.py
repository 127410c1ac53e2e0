"""Where the first party is to go: the dial plan's answers, and the attempt to reach a destination."""

from msgspec import structs

from ringback.domain.calls import treatment
from ringback.domain.calls.ending import error, finish, origin_side, treatment_end
from ringback.domain.calls.inputs import Destination, Incoming, RequestRedirectCall, RequestRouteCall
from ringback.domain.calls.machine import Machine
from ringback.domain.calls.results import (
    BUSY,
    CLEARED,
    NETWORK,
    NO_ANSWER,
    REDIRECTED,
    REFUSED,
    ROUTING_TIMEOUT,
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
    DNRole,
    LegRole,
    LegState,
    Phase,
    ResultClass,
    RouteType,
    Slot,
    TreatmentType,
)

RING_S = 20.0
MAX_HOPS = 5
DEFAULT_ROUTE = "default_route"
"""The reason of EventRouteUsed when nobody had said where the call is to go."""
PERSONAL = {
    ResultClass.BUSY,
    ResultClass.NO_ANSWER,
    ResultClass.REJECTED,
    ResultClass.UNREACHABLE,
}
"""What a person or a phone may do about a call. What else a phone answers is `unreachable`."""


def incoming(m: Machine, word: Incoming) -> None:
    """A new INVITE: who is it for?"""
    data = m.data
    leg = m.add_leg(
        Slot.ORIGIN, LegRole.AGENT if word.origin_dn else LegRole.CALLER, word.origin_dn, word.leg
    )
    leg.remote_sdp = word.offer
    data.phase, data.created_at = Phase.WAITING, m.now
    data.call_type = CallType.INTERNAL if word.origin_dn else CallType.INBOUND
    data.parties.ani, data.parties.dnis, data.parties.origin_dn = word.ani, word.dnis, word.origin_dn
    data.user_data, data.forwards = dict(word.user_data), word.forwards
    m.emit("EventCallCreated", other_dn=word.ani, user_data=data.user_data)
    try_destination(m, Attempt("", AttemptSource.DIRECT, AttemptState.RESOLVING, word.dnis))


def route(m: Machine, request: RequestRouteCall) -> None:
    """RequestRouteCall: one destination at a time."""
    if m.data.attempt is not None or m.data.deposit:
        error(m, request.reference, "invalid_state")
    elif request.route_type is RouteType.REJECT:
        finish(m, REFUSED)
    elif request.route_type is RouteType.CALL_DISCONNECT:
        finish(m, CLEARED)
    else:
        m.data.instructed = True
        source, state = AttemptSource.ROUTE, AttemptState.RESOLVING
        attempt = Attempt(request.reference, source, state, request.destination, request.timeout_s)
        attempt.agent_id = request.agent_id
        try_destination(m, attempt)


def try_destination(m: Machine, attempt: Attempt) -> None:
    m.data.attempt = attempt
    m.clear_timer("routing")
    m.forget_asks("attempt")
    direct = attempt.source is AttemptSource.DIRECT
    asker = "dn" if m.data.parties.origin_dn else "trunk"
    m.ask("attempt", attempt.destination, asker if direct else "route_point")


def attempt_resolved(m: Machine, destination: Destination) -> None:
    if m.data.attempt is not None and m.data.attempt.state is AttemptState.RESOLVING:
        TO_KIND[destination.kind](m, m.data.attempt, destination)


def _to_route_point(m: Machine, attempt: Attempt, destination: Destination) -> None:
    """The call now stands on a route point and waits for instructions."""
    _left_route_point(m, attempt, destination.dn)
    m.data.attempt, m.data.default_dn, m.data.instructed = None, destination.default_dn, False
    m.data.parties.device = destination.dn
    if m.origin.state is LegState.OFFERED:
        m.ring(m.origin)
    request_route(m)
    treatment.expect_instructions(m)


def request_route(m: Machine) -> None:
    """EventRouteRequest: the application of the route point is to say what becomes of the call."""
    m.emit(
        "EventRouteRequest",
        this_dn=m.data.parties.device,
        this_role=DNRole.DESTINATION,
        other_dn=m.customer,
        user_data=m.data.user_data,
    )


def _to_leg(m: Machine, attempt: Attempt, destination: Destination) -> None:
    """Invite the destination with the first party's description."""
    parties, agent = m.data.parties, destination.kind is DestinationKind.DN
    attempt.state = AttemptState.INVITING
    attempt.fallback, attempt.busy_fallback = destination.on_no_answer, destination.on_busy
    parties.target_dn = destination.dn or attempt.destination
    if agent and parties.target_dn == parties.origin_dn and not m.data.make_agent:
        attempt_failed(m, BUSY)  # a telephone that calls itself, or is left alone and sent on to itself
        return
    leg = m.add_leg(Slot.TARGET, LegRole.AGENT if agent else LegRole.EXTERNAL, destination.dn)
    leg.auto_answer = destination.auto_answer
    parties.target_agent = attempt.agent_id or destination.agent_id
    m.set_timer("ring", attempt.timeout_s or destination.ring_timeout_s or RING_S)
    if parties.origin_dn and not m.origin.engaged:
        _dialing(m, attempt)
    if agent:
        attempt.announced = True
        _at_target(m, "EventRinging", attempt, user_data=m.data.user_data)
    leg.asserted = destination.caller_id
    m.invite(leg, destination.target, m.origin.remote_sdp, _caller(m, destination))


_ANONYMOUS = "anonymous"


def _caller(m: Machine, destination: Destination) -> str:
    """The number that the destination sees; a customer whom an agent calls must not see the agent's, and of a
    caller who does not want to be known nobody sees any (RFC 3323 4.1.1.3).
    """
    data = m.data
    if data.make_agent:
        return data.make_caller or destination.caller_id or data.parties.device
    if data.parties.ani == _ANONYMOUS:
        return _ANONYMOUS
    return destination.caller_id or m.customer or data.parties.ani


def _dialing(m: Machine, attempt: Attempt) -> None:
    m.origin.engaged = True
    m.emit(
        "EventDialing",
        this_dn=m.data.parties.origin_dn,
        this_role=DNRole.ORIGINATION,
        other_dn=m.data.parties.target_dn,
        reference=attempt.reference or m.data.make_reference,
    )


def _at_target(m: Machine, name: str, attempt: Attempt, **more: object) -> None:
    parties = m.data.parties
    m.emit(
        name,
        this_dn=parties.target_dn,
        this_role=DNRole.DESTINATION,
        other_dn=origin_side(m),
        this_queue=parties.device,
        agent_id=parties.target_agent,
        reference=attempt.reference,
        **more,
    )


def _to_mailbox(m: Machine, attempt: Attempt, destination: Destination) -> None:
    """A media leg greets and records; the end of the recording ends the call."""
    _left_route_point(m, attempt, destination.mailbox)
    m.data.attempt, m.data.deposit = None, True
    treatment_end(m, "routed")
    record = Treatment(
        attempt.reference or "deposit",
        TreatmentType.RECORD_USER_ANNOUNCEMENT,
        {"mailbox": destination.mailbox},
    )
    treatment.begin(m, record)


def _to_nothing(m: Machine, attempt: Attempt, destination: Destination) -> None:
    """The number leads nowhere; a reserved agent whose phone is not there hears of it."""
    outcome = of_status(destination.status or 404)
    if attempt.agent_id and outcome.status < 500:
        m.data.parties.target_dn, m.data.parties.target_agent = attempt.destination, attempt.agent_id
        attempt.announced, outcome = True, structs.replace(UNREACHABLE, status=outcome.status)
    attempt_failed(m, outcome)


TO_KIND = {
    DestinationKind.ROUTE_POINT: _to_route_point,
    DestinationKind.DN: _to_leg,
    DestinationKind.EXTERNAL: _to_leg,
    DestinationKind.MAILBOX: _to_mailbox,
    DestinationKind.REJECT: _to_nothing,
}


# What the destination says


def target_progress(m: Machine, leg: Leg, _status: int) -> None:
    if m.data.attempt is None:
        return
    m.data.attempt.state = AttemptState.RINGING
    if m.origin.state is LegState.OFFERED and not leg.early:
        m.ring(m.origin)
    if leg.role is LegRole.EXTERNAL:
        parties = m.data.parties
        m.emit(
            "EventNetworkReached",
            this_dn=parties.origin_dn or parties.device,
            other_dn=parties.target_dn,
            reference=m.data.attempt.reference,
        )


def target_answered(m: Machine, leg: Leg) -> None:
    """The first party is moved over by `settling.settle`, wherever it is."""
    m.clear_timer("ring")
    m.unpair(leg)
    if m.data.attempt is not None:
        m.data.attempt.state = AttemptState.JOINING


def connected(m: Machine, leg: Leg) -> None:
    """Both sides talk."""
    data, attempt = m.data, m.data.attempt
    if attempt is None:
        return
    treatment_end(m, "routed")
    data.phase, data.attempt = Phase.CONNECTED, None
    m.clear_timer("routing")
    _left_route_point(m, attempt, data.parties.target_dn)
    if leg.role is LegRole.AGENT:
        leg.engaged = True
        _at_target(m, "EventEstablished", attempt, user_data=data.user_data)
    if data.parties.origin_dn and not data.make_agent:
        m.origin.engaged = True
        m.emit(
            "EventEstablished",
            this_dn=data.parties.origin_dn,
            this_role=DNRole.ORIGINATION,
            other_dn=data.parties.target_dn,
            reference=data.make_reference,
        )


def _left_route_point(m: Machine, attempt: Attempt, destination: str) -> None:
    """EventRouteUsed and EventDiverted, when the call stood on a route point."""
    if not m.data.parties.device:
        return
    for name in ("EventRouteUsed", "EventDiverted"):
        m.emit(
            name,
            this_dn=m.data.parties.device,
            this_role=DNRole.DESTINATION,
            other_dn=m.customer,
            third_party_dn=destination,
            reference=attempt.reference,
            reason=DEFAULT_ROUTE if attempt.source is AttemptSource.DEFAULT else "",
        )


def target_failed(m: Machine, leg: Leg, status: int) -> None:
    agent = leg.role is LegRole.AGENT
    rang = m.data.attempt is not None and m.data.attempt.state is AttemptState.RINGING
    outcome = of_status(status, rang=rang and agent)
    # A failure of the platform (5xx) is not the agent's; a phone that is silent (408) has not rung.
    silent = status == 408 and not rang
    if agent and outcome is not NETWORK and (silent or outcome.result not in PERSONAL):
        outcome = structs.replace(UNREACHABLE, status=status)
    attempt_failed(m, outcome)


def target_gone(m: Machine, _leg: Leg) -> None:
    """The destination answered and left before the first party had been moved over."""
    attempt_failed(m, UNREACHABLE)


def redirect(m: Machine, request: RequestRedirectCall) -> None:
    """RequestRedirectCall: the device that rings gives the call on."""
    attempt = m.data.attempt
    rings = attempt is not None and attempt.announced and attempt.state is not AttemptState.JOINING
    if attempt is None or not rings or request.this_dn not in ("", m.data.parties.target_dn):
        error(m, request.reference, "invalid_state")
        return
    if m.data.hops >= MAX_HOPS:
        error(m, request.reference, "too_many_hops")
        return
    give_on(m, attempt, request.destination)


def give_on(m: Machine, attempt: Attempt, number: str) -> None:
    """The device that was tried is let go, and another number is tried in its place."""
    m.data.hops += 1
    m.clear_timer("ring")
    m.vacate(Slot.TARGET)
    outcome = REDIRECTED
    if attempt.announced:
        _at_target(m, "EventReleased", attempt, call_state=outcome.call_state, reason=outcome.reason)
    m.data.parties.target_dn = m.data.parties.target_agent = ""
    state = AttemptState.RESOLVING
    try_destination(m, Attempt(attempt.reference, attempt.source, state, number, attempt.timeout_s))


def attempt_failed(m: Machine, outcome: Outcome) -> None:
    """The destination was not reached: its DN is told, and whoever wanted it."""
    attempt, m.data.attempt = m.data.attempt, None
    m.clear_timer("ring")
    m.vacate(Slot.TARGET, outcome.status if outcome is not NO_ANSWER else 0)
    if attempt is None:
        return
    if attempt.announced:
        state = outcome.call_state
        _at_target(m, "EventReleased", attempt, call_state=state, reason=outcome.reason)
    elif outcome.call_state is CallState.BUSY:
        _at_target(m, "EventDestinationBusy", attempt, call_state=CallState.BUSY)
    m.data.parties.target_dn = m.data.parties.target_agent = ""
    AFTER_FAILURE[attempt.source](m, attempt, outcome)


def _route_failed(m: Machine, attempt: Attempt, outcome: Outcome) -> None:
    """The caller goes on hearing the treatment; whoever routed the call routes it again."""
    error(m, attempt.reference, outcome.reason, outcome.status, outcome.dial_result)
    treatment.expect_instructions(m)


def _direct_failed(m: Machine, attempt: Attempt, outcome: Outcome) -> None:
    busy = outcome.result is ResultClass.BUSY and attempt.busy_fallback
    fallback = attempt.busy_fallback if busy else attempt.fallback
    if fallback and outcome.result in PERSONAL and m.data.hops < MAX_HOPS:
        m.data.hops += 1
        try_destination(m, Attempt("", attempt.source, AttemptState.RESOLVING, fallback))
        return
    if m.data.make_reference:
        error(m, m.data.make_reference, outcome.reason, outcome.status, outcome.dial_result)
    finish(m, outcome)


def _default_failed(m: Machine, _attempt: Attempt, outcome: Outcome) -> None:
    finish(m, outcome)


AFTER_FAILURE = {
    AttemptSource.ROUTE: _route_failed,
    AttemptSource.DIRECT: _direct_failed,
    AttemptSource.DEFAULT: _default_failed,
}


def routing_timeout(m: Machine, _name: str) -> None:
    """Nobody gave instructions: the default DN of the route point, once, or the end."""
    default_dn, m.data.default_dn = m.data.default_dn, ""
    if default_dn:
        try_destination(m, Attempt("", AttemptSource.DEFAULT, AttemptState.RESOLVING, default_dn))
    else:
        finish(m, ROUTING_TIMEOUT)
