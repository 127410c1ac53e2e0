"""The call of a back-to-back user agent: inputs in, outputs out, and the next deadline.

A call has up to three parties in their slots: ORIGIN (who called, or whom we dialled first), TARGET (the
agent or number that is tried or talked to) and CONSULT (the third, whom one of the two has called); and for
each of them a leg of the media server, while they hear treatments, music or a conference. The rules, from the
top:

1. Every leg follows the tables of `legs`; a leg that leaves its slot is hung up in the same breath, so what
   is not in a slot is ending or ended.
2. `PHASES` says which requests the phase of the call allows; any other one is answered by EventError.
3. `PROGRESS`, `ANSWERED`, `FAILED` and `GONE` say what a word from a leg means at its place in the call.
4. After every input `settling.settle` moves each party to the peer that it should talk to.
5. A call ends once: one EventCallDeleted with a result class and a reason slug; only goodbyes come after it.
"""

from collections.abc import Callable

import msgspec

from ringback.domain.calls import (
    bridge,
    consult,
    dialing,
    early,
    ending,
    keys,
    legs,
    referral,
    routing,
    settling,
    transfer,
    treatment,
)
from ringback.domain.calls import inputs as i
from ringback.domain.calls.machine import Machine
from ringback.domain.calls.outputs import Ack, Bye, Output
from ringback.domain.calls.pairs import PARTY_OF, hears_ringing, slot_of
from ringback.domain.calls.results import CLEARED, ORIGIN_HUNG_UP, REJECTED, RELEASED, TARGET_HUNG_UP
from ringback.domain.calls.state import CallData, Leg
from ringback.domain.calls.types import DestinationKind, LegState, Phase, Slot, TreatmentType


class Call:
    """One call. `handle` never raises for what the network or a client may send."""

    def __init__(self, data: CallData) -> None:
        self.data = data

    @classmethod
    def restore(cls, snapshot: bytes) -> "Call":
        return cls(msgspec.json.decode(snapshot, type=CallData))

    def snapshot(self) -> bytes:
        """JSON from which `restore` makes an equal call."""
        return msgspec.json.encode(self.data)

    @property
    def over(self) -> bool:
        """The call has ended and no leg owes or is owed anything."""
        return self.data.phase is Phase.ENDED and all(
            leg.state is LegState.ENDED for leg in self.data.legs.values()
        )

    def next_timer(self) -> float | None:
        """When `TimersDue` is wanted, in seconds of the caller's clock."""
        return min(self.data.timers.values(), default=None)

    def handle(self, word: i.Input, now: float) -> list[Output]:
        machine = Machine(self.data, now)
        INPUTS[type(word)](machine, word)
        settling.settle(machine)
        if self.data.put_off:
            bridge.take_up(machine)
        return machine.out


def _incoming(m: Machine, word: i.Incoming) -> None:
    if m.data.phase is Phase.NEW:
        routing.incoming(m, word)


def _resolved(m: Machine, word: i.Resolved) -> None:
    purpose = m.data.asks.pop(word.ask, "")
    if not m.data.asks:
        m.clear_timer("ask")
    if purpose:
        ANSWERS[purpose](m, word.destination)


def _ask_timeout(m: Machine, _name: str) -> None:
    """The dial plan does not answer."""
    for ask in list(m.data.asks):
        _resolved(m, i.Resolved(ask, i.Destination(DestinationKind.REJECT, status=503)))


def _timers_due(m: Machine, _word: i.TimersDue) -> None:
    for name in [name for name, at in sorted(m.data.timers.items()) if at <= m.now]:
        if m.data.timers.pop(name, None) is not None:
            TIMERS[name.partition(":")[0]](m, name)


def _request(m: Machine, word: i.Request) -> None:
    phases, rule = PHASES[type(word)]
    if m.data.phase in phases:
        rule(m, word)
    elif not m.ended:
        ending.error(m, word.reference, "invalid_state")


def _hear(m: Machine, leg_id: str, said: legs.Word) -> Leg | None:
    """Take the step of the leg's table; the leg, without offers if it ended, when the call is to be told."""
    leg = m.leg(leg_id)
    step = legs.HEARD.get((leg.state, said)) if leg is not None else None
    if leg is None or step is None:
        return None
    leg.state, told = step
    if told is legs.Word.LATE_ANSWER:
        m.out += [Ack(leg.id), Bye(leg.id)] if leg.local_sdp else []
    if told is not said or m.ended:
        return None
    if leg.state is LegState.ENDED:
        m.drop_offers(leg)
    return leg


def _progress(m: Machine, word: i.Progress) -> None:
    if word.leg in m.data.legs:
        m.data.legs[word.leg].unheard = False
    leg = _hear(m, word.leg, legs.Word.PROGRESS)
    early.media(m, word)
    if leg is not None:
        PROGRESS[leg.slot](m, leg, word.status)


def _answered(m: Machine, word: i.Answered) -> None:
    leg = m.leg(word.leg)
    if leg is not None and leg.state is LegState.CANCELLING and leg.local_sdp is None:
        leg.state = LegState.ENDED
        m.refuse_offer(leg, word.sdp)
        m.out.append(Bye(leg.id))
        return
    leg = _hear(m, word.leg, legs.Word.ANSWERED)
    if leg is None:
        return
    if not word.sdp:
        _answered_with_nothing(m, leg)
        return
    leg.remote_sdp = word.sdp
    if leg.local_sdp is None:
        leg.state = LegState.ANSWERED
    else:
        m.out.append(Ack(leg.id))
    ANSWERED[leg.slot](m, leg)


def _answered_with_nothing(m: Machine, leg: Leg) -> None:
    """A 200 without a description is of no use: the leg is closed as if it had refused the media."""
    leg.state = LegState.ENDED
    m.drop_offers(leg)
    m.out += [Ack(leg.id), Bye(leg.id, 488)]
    FAILED[leg.slot](m, leg, 488)


def _failed(m: Machine, word: i.Failed) -> None:
    leg = _hear(m, word.leg, legs.Word.FAILED)
    if leg is not None and not referral.redirected(m, leg, word.moved_to):
        FAILED[leg.slot](m, leg, word.status)


def _lost(m: Machine, word: i.Lost) -> None:
    leg = _hear(m, word.leg, legs.Word.FAILED)
    if leg is None:
        return
    if leg.slot is Slot.ORIGIN:
        dialing.origin_lost(m, leg)
    else:
        FAILED[leg.slot](m, leg, 503)


def _hung_up(m: Machine, word: i.HungUp) -> None:
    m.reason = word.reason
    leg = _hear(m, word.leg, legs.Word.GONE)
    if leg is not None:
        GONE[leg.slot](m, leg)


def _origin_gone(m: Machine, leg: Leg) -> None:
    if not transfer.party_gone(m, Slot.ORIGIN, ORIGIN_HUNG_UP):
        ending.origin_gone(m, leg)


def _consult_gone(m: Machine, _leg: Leg) -> None:
    consult.gone(m)


def _target_gone(m: Machine, leg: Leg) -> None:
    if m.data.phase is not Phase.CONNECTED:
        routing.target_gone(m, leg)
    elif not transfer.party_gone(m, Slot.TARGET, TARGET_HUNG_UP):
        ending.finish(m, TARGET_HUNG_UP)


def _on_leg(
    rule: Callable[..., None], before: Callable[..., None] | None = None
) -> Callable[[Machine, i.LegInput], None]:
    """A word that only a living leg of a living call can say; `before`: what it means before that."""

    def hear(m: Machine, word: i.LegInput) -> None:
        leg = m.leg(word.leg)
        if leg is None:
            return
        if leg.state is LegState.UP and not m.ended:
            rule(m, leg, word)
        elif before is not None:
            before(m, leg, word)

    return hear


def _offered(m: Machine, leg: Leg, word: i.OfferReceived) -> None:
    waits = leg.slot is Slot.ORIGIN and hears_ringing(m)
    (early.offer if waits else bridge.offer_received)(m, leg, word)


def _replaced(m: Machine, word: i.Replaced) -> None:
    leg = m.leg(word.leg)
    if leg is not None and not m.ended:
        referral.replaced(m, leg, word)


def _media_ended(m: Machine, word: i.MediaEnded) -> None:
    current = m.data.treatment
    if current is not None and current.type is TreatmentType.ANSWER_DETECTION:
        dialing.heard(m, word)
    else:
        treatment.media_ended(m, word)


def _media_word(rule: Callable[..., None]) -> Callable[[Machine, object], None]:
    """A word of a media server about a call that goes on."""

    def hear(m: Machine, word: object) -> None:
        if not m.ended:
            rule(m, word)

    return hear


def _release(m: Machine, request: i.RequestReleaseCall) -> None:
    """A ringing agent's release is a refusal, one of three leaves; any other ends the call."""
    attempt, slot = m.data.attempt, slot_of(m, request.this_dn)
    if m.data.consult is not None and slot is Slot.CONSULT:
        consult.gone(m)
    elif slot is not None and transfer.party_gone(m, slot, RELEASED):
        return
    elif attempt is not None and attempt.announced and request.this_dn == m.data.parties.target_dn:
        routing.attempt_failed(m, REJECTED)
    else:
        ending.finish(m, RELEASED)


def _clear(m: Machine, _request: i.RequestClearCall) -> None:
    if m.data.phase is not Phase.CONNECTED:
        ending.abandoned(m)
    ending.finish(m, CLEARED)


def _attach(m: Machine, request: i.RequestAttachUserData) -> None:
    m.data.user_data.update(request.user_data)
    _data_changed(m, request.reference)


def _detach(m: Machine, request: i.RequestDeleteUserData) -> None:
    for key in request.keys or list(m.data.user_data):
        m.data.user_data.pop(key, None)
    _data_changed(m, request.reference)


def _data_changed(m: Machine, reference: str) -> None:
    device = m.data.parties.device or m.data.parties.target_dn
    m.emit(
        "EventAttachedDataChanged",
        this_dn=device,
        reference=reference,
        user_data=dict(m.data.user_data),
    )


def _apply(m: Machine, request: i.RequestApplyTreatment) -> None:
    if m.data.deposit:
        ending.error(m, request.reference, "invalid_state")
    else:
        treatment.apply(m, request)


def _nothing(_m: Machine, _leg: Leg, _status: int) -> None:
    return


def _media_answered(_m: Machine, _leg: Leg) -> None:
    return


ALIVE = frozenset(Phase) - {Phase.NEW, Phase.ENDED}
PHASES: dict[type, tuple[frozenset[Phase], Callable[..., None]]] = {
    i.RequestApplyTreatment: (frozenset({Phase.WAITING}), _apply),
    i.RequestRouteCall: (frozenset({Phase.WAITING}), routing.route),
    i.RequestMakeCall: (frozenset({Phase.NEW}), dialing.make_call),
    i.RequestReleaseCall: (ALIVE, _release),
    i.RequestClearCall: (ALIVE, _clear),
    i.RequestHoldCall: (frozenset({Phase.CONNECTED}), bridge.hold),
    i.RequestRetrieveCall: (frozenset({Phase.CONNECTED}), bridge.retrieve),
    i.RequestAttachUserData: (ALIVE, _attach),
    i.RequestDeleteUserData: (ALIVE, _detach),
    i.RequestConsult: (frozenset({Phase.CONNECTED}), consult.begin),
    i.RequestComplete: (frozenset({Phase.CONNECTED}), consult.complete),
    i.RequestReconnectCall: (frozenset({Phase.CONNECTED}), consult.reconnect),
    i.RequestAlternateCall: (frozenset({Phase.CONNECTED}), consult.alternate),
    i.RequestDeleteFromConference: (frozenset({Phase.CONNECTED}), transfer.delete_from_conference),
    i.RequestRedirectCall: (frozenset({Phase.WAITING}), routing.redirect),
    i.RequestSendDtmf: (frozenset({Phase.WAITING, Phase.CONNECTED}), keys.send),
}
PROGRESS = {
    Slot.ORIGIN: dialing.origin_progress,
    **dict.fromkeys(PARTY_OF, _nothing),
    Slot.TARGET: routing.target_progress,
    Slot.CONSULT: consult.progress,
}
ANSWERED = {
    Slot.ORIGIN: dialing.origin_answered,
    **dict.fromkeys(PARTY_OF, _media_answered),
    Slot.TARGET: routing.target_answered,
    Slot.CONSULT: consult.answered,
}
FAILED = {
    Slot.ORIGIN: dialing.origin_failed,
    **dict.fromkeys(PARTY_OF, treatment.media_failed),
    Slot.TARGET: routing.target_failed,
    Slot.CONSULT: consult.third_failed,
}
GONE = {
    Slot.ORIGIN: _origin_gone,
    **dict.fromkeys(PARTY_OF, treatment.media_gone),
    Slot.TARGET: _target_gone,
    Slot.CONSULT: _consult_gone,
}
ANSWERS = {
    "attempt": routing.attempt_resolved,
    "requester": dialing.requester_resolved,
    "dial": dialing.dial_resolved,
    "consult": consult.resolved,
}
TIMERS = {
    "ask": _ask_timeout,
    "ring": dialing.ring_timeout,
    "detect": dialing.detect_timeout,
    "routing": routing.routing_timeout,
    "media": treatment.media_again,
    "retry": bridge.retry_offer,
    "offer": bridge.offer_waited,
    "consult": consult.timeout,
    "linger": ending.linger_over,
}
INPUTS: dict[type, Callable[..., None]] = {
    i.Incoming: _incoming,
    i.Resolved: _resolved,
    i.TimersDue: _timers_due,
    i.Progress: _progress,
    i.Answered: _answered,
    i.Failed: _failed,
    i.Lost: _lost,
    i.Interrupted: dialing.interrupted,
    i.HungUp: _hung_up,
    i.AckReceived: _on_leg(bridge.ack_received),
    i.OfferReceived: _on_leg(_offered, early.offer),
    i.OfferWithdrawn: _on_leg(bridge.offer_withdrawn),
    i.ReofferAnswered: _on_leg(bridge.reoffer_answered, early.offer_answered),
    i.ReofferFailed: _on_leg(bridge.reoffer_failed, early.offer_failed),
    i.RefreshDue: _on_leg(bridge.refresh),
    i.Referred: _on_leg(referral.referred),
    i.Adopted: _on_leg(referral.adopted),
    i.GivenAway: _on_leg(referral.given_away),
    i.Replaced: _replaced,
    i.SessionExpired: _on_leg(bridge.expired),
    i.MediaStarted: _media_word(treatment.media_started),
    i.MediaRefused: _media_word(treatment.media_refused),
    i.MediaEnded: _media_word(_media_ended),
    i.DigitsSent: _media_word(keys.sent),
    i.DigitsRefused: _media_word(keys.refused),
    i.KeyPressed: _on_leg(keys.pressed),
    **dict.fromkeys(PHASES, _request),
}
