"""What the waiting party hears: the media leg and what it is told to play."""

from ringback.domain.calls import sdp_text
from ringback.domain.calls.ending import finish, treatment_end
from ringback.domain.calls.inputs import MediaEnded, MediaRefused, MediaStarted, RequestApplyTreatment
from ringback.domain.calls.machine import Machine
from ringback.domain.calls.outputs import Play
from ringback.domain.calls.results import DEPOSITED, MEDIA_UNAVAILABLE
from ringback.domain.calls.state import Leg, Treatment
from ringback.domain.calls.types import LegRole, LegState, Phase, Slot, TreatmentType

ROUTING_S = 15.0
"""How long a call may stand on a route point before somebody takes care of it."""
SILENCE_S = 60.0
"""How long it may stand there with nothing to hear and nothing asked for after that."""
MAX_MEDIA_LOSSES = 5
"""How often lost media is asked for again in one call."""
MEDIA_RETRY_S = 2.0
FIRST_MEDIA_RETRY_S = 1.0
"""The pause for somebody who has answered our call and hears nothing yet."""
THEN_MUSIC = "then_music"
"""Parameter of a treatment after whose end the media server plays music by itself."""
HOLD_REFERENCE = "hold"


def apply(m: Machine, request: RequestApplyTreatment) -> None:
    """RequestApplyTreatment: what played before is over."""
    treatment_end(m, "superseded")
    begin(m, Treatment(request.reference, request.type, dict(request.parameters)))


def begin(m: Machine, treatment: Treatment) -> None:
    m.data.treatment, m.data.instructed = treatment, True
    m.clear_timer("routing")
    ensure_media(m)
    start(m)


def ensure_media(m: Machine) -> None:
    """Invite a media leg with the first party's description; a held party may hear again."""
    if m.at(Slot.MEDIA) is not None:
        return
    sdp = m.origin.remote_sdp
    if sdp is not None and m.data.phase is Phase.CONNECTED and not m.origin.held:
        sdp = sdp_text.with_direction(sdp, "sendrecv")
    m.invite(m.add_leg(Slot.MEDIA, LegRole.MEDIA), "media", sdp, m.customer)


def start(m: Machine) -> None:
    """Tell the media leg what to play, once the first party is connected to it."""
    media, treatment = m.at(Slot.MEDIA), m.data.treatment
    if media is None or m.data.talking_to != media.id:
        return
    if m.data.phase is Phase.CONNECTED:
        m.out.append(Play(media.id, HOLD_REFERENCE, TreatmentType.MUSIC))
    elif treatment is not None and not treatment.asked:
        treatment.asked = True
        m.out.append(Play(media.id, treatment.reference, treatment.type, treatment.parameters))


def _current(m: Machine, leg: str, reference: str) -> Treatment | None:
    """The treatment that this word is about, or nothing when it is late."""
    media, treatment = m.at(Slot.MEDIA), m.data.treatment
    if media is None or media.id != leg or treatment is None or treatment.reference != reference:
        return None
    return treatment


def media_started(m: Machine, word: MediaStarted) -> None:
    treatment = _current(m, word.leg, word.reference)
    if treatment is None or treatment.applied:
        return
    treatment.applied = True
    if not treatment.said:
        return
    m.emit(
        "EventTreatmentApplied",
        this_dn=m.data.parties.device,
        other_dn=m.customer,
        reference=treatment.reference,
        treatment_type=treatment.type,
    )


def media_refused(m: Machine, word: MediaRefused) -> None:
    if _current(m, word.leg, word.reference) is not None:
        not_applied(m, "refused")


def media_ended(m: Machine, word: MediaEnded) -> None:
    """A treatment is over: the call waits for the next instruction, or a deposit is complete."""
    treatment = _current(m, word.leg, word.reference)
    if treatment is None:
        return
    treatment_end(m, word.reason, word.digits)
    if m.data.deposit:
        finish(m, DEPOSITED)
    elif treatment.parameters.get(THEN_MUSIC):
        m.data.treatment = Treatment("", TreatmentType.MUSIC, asked=True)
    else:
        expect_instructions(m)


def not_applied(m: Machine, reason: str) -> None:
    """EventTreatmentNotApplied; the call waits for another instruction."""
    treatment, m.data.treatment = m.data.treatment, None
    if treatment is not None and treatment.reference and treatment.said:
        m.emit(
            "EventTreatmentNotApplied",
            this_dn=m.data.parties.device,
            other_dn=m.customer,
            reference=treatment.reference,
            treatment_type=treatment.type,
            reason=reason,
        )
    if m.data.deposit:
        finish(m, MEDIA_UNAVAILABLE)
    else:
        expect_instructions(m)


def expect_instructions(m: Machine) -> None:
    """A call on a route point is never left alone: without instructions it goes to the default DN."""
    data = m.data
    if data.phase is Phase.WAITING and data.parties.device and not data.attempt and not data.treatment:
        m.set_timer("routing", SILENCE_S if data.instructed else ROUTING_S)


def media_failed(m: Machine, leg: Leg, status: int) -> None:
    """The media leg could not be had. What was lost is asked for again a little later; so is what somebody
    needs who has answered our call.
    """
    m.vacate(leg.slot)
    waits = status >= 500 and m.origin.state is LegState.ANSWERED
    if (m.data.media_losses or waits) and _may_begin_again(m):
        m.data.media_losses += 1
        m.set_timer("media", FIRST_MEDIA_RETRY_S if waits else MEDIA_RETRY_S)
    else:
        _without_media(m, "media_unavailable")


def media_gone(m: Machine, leg: Leg) -> None:
    """The media server ended its leg, or was lost: what it played begins again on another one."""
    m.vacate(leg.slot)
    data, treatment = m.data, m.data.treatment
    if data.deposit:
        finish(m, DEPOSITED if treatment and treatment.applied else MEDIA_UNAVAILABLE)
    elif _may_begin_again(m):
        data.media_losses += 1
        if treatment is not None:
            treatment.asked = False
        ensure_media(m)
    elif treatment is not None and treatment.applied:
        treatment_end(m, "error")
        expect_instructions(m)
    else:
        _without_media(m, "media_unavailable")


def media_again(m: Machine, _name: str) -> None:
    """The wait for a media server is over."""
    if _is_needed(m):
        ensure_media(m)


def _may_begin_again(m: Machine) -> bool:
    return m.data.media_losses < MAX_MEDIA_LOSSES and _is_needed(m)


def _is_needed(m: Machine) -> bool:
    target = m.at(Slot.TARGET)
    holds = m.data.phase is Phase.CONNECTED and target is not None and target.held
    return holds or m.data.treatment is not None


def _without_media(m: Machine, reason: str) -> None:
    """A party that answered an offerless INVITE has nobody to talk to without media."""
    if m.data.deposit or (m.origin.state is LegState.ANSWERED and m.data.attempt is None):
        finish(m, MEDIA_UNAVAILABLE)
    else:
        not_applied(m, reason)
