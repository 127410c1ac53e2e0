"""What the waiting party hears: the media leg and what it is told to play."""

from ringback.domain.calls import sdp_text
from ringback.domain.calls.ending import finish, treatment_end
from ringback.domain.calls.inputs import MediaEnded, MediaRefused, MediaStarted, RequestApplyTreatment
from ringback.domain.calls.machine import Machine
from ringback.domain.calls.outputs import Mix, Play
from ringback.domain.calls.pairs import MEDIA_OF, PARTY_OF, hears_ringing, needs_media, wanted
from ringback.domain.calls.results import DEPOSITED, MEDIA_UNAVAILABLE
from ringback.domain.calls.state import CallData, Leg, Treatment
from ringback.domain.calls.types import ConsultStage, LegRole, LegState, Phase, Slot, TreatmentType

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
ROOM_REFERENCE = "conference"


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
    """Invite the media legs that are wanted: for the first party when it is treated, for whoever waits."""
    if m.data.phase is not Phase.CONNECTED:
        _invite_media(m, Slot.ORIGIN)
        return
    for slot in MEDIA_OF:
        if needs_media(m, slot):
            _invite_media(m, slot)


def pause(m: Machine) -> None:
    """The first party hears the network's ringing instead of ours."""
    if m.data.treatment is not None:
        m.data.treatment.asked = False


def ring_on(m: Machine) -> None:
    """The network's ringing is over without an answer: the first party is to hear ours again."""
    playing, data = m.data.treatment, m.data
    if playing is None or playing.asked or data.phase is not Phase.WAITING or "media" in data.timers:
        return
    if m.at(Slot.MEDIA) is None and wanted(m, Slot.ORIGIN) is Slot.MEDIA:
        ensure_media(m)


def _invite_media(m: Machine, slot: Slot) -> None:
    """With the description of the party that is to hear it; one that waits may hear again."""
    party = m.at(slot)
    if party is None or m.at(MEDIA_OF[slot]) is not None:
        return
    sdp = party.remote_sdp
    if sdp is not None and m.data.phase is Phase.CONNECTED and not party.holds:
        sdp = sdp_text.with_direction(sdp, "sendrecv")
    m.invite(m.add_leg(MEDIA_OF[slot], LegRole.MEDIA), "media", sdp, m.customer)


def start(m: Machine, slot: Slot = Slot.ORIGIN) -> None:
    """Tell a media leg what to play, once its party is connected to it."""
    media, treatment = m.at(MEDIA_OF[slot]), m.data.treatment
    if media is None or m.partner(media) is None:
        return
    if m.data.phase is Phase.CONNECTED:
        _start_connected(m, media, slot)
    elif treatment is not None and (play := due(m.data, media.id)) is not None:
        treatment.asked = True
        m.out.append(play)


def due(data: CallData, media: str) -> Play | None:
    """What the first party's media leg is to be told and has not been told; None where that is nothing."""
    treatment = data.treatment
    if data.phase is Phase.CONNECTED or treatment is None or treatment.asked:
        return None
    return Play(media, treatment.reference, treatment.type, treatment.parameters)


def _start_connected(m: Machine, media: Leg, slot: Slot) -> None:
    """A conference, the ringing of the third party, or music for who waits."""
    consult = m.data.consult
    if consult is not None and consult.stage is ConsultStage.CONFERENCE:
        m.out.append(Mix(media.id, ROOM_REFERENCE, m.data.call_uuid))
    elif consult is not None and consult.controller is slot and consult.stage is not ConsultStage.ALTERNATED:
        m.out.append(Play(media.id, HOLD_REFERENCE, TreatmentType.RINGBACK))
    else:
        m.out.append(Play(media.id, HOLD_REFERENCE, TreatmentType.MUSIC))


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
    connected = m.data.phase is Phase.CONNECTED
    if (m.data.media_losses or waits or connected) and _may_begin_again(m, leg.slot):
        m.data.media_losses += 1
        m.set_timer("media", FIRST_MEDIA_RETRY_S if waits else MEDIA_RETRY_S)
    else:
        _without_media(m, leg.slot, "media_unavailable")


def media_gone(m: Machine, leg: Leg) -> None:
    """The media server ended its leg, or was lost: what it played begins again on another one."""
    m.vacate(leg.slot)
    data, treatment = m.data, m.data.treatment
    if data.deposit:
        finish(m, DEPOSITED if treatment and treatment.applied else MEDIA_UNAVAILABLE)
    elif _may_begin_again(m, leg.slot):
        data.media_losses += 1
        if treatment is not None:
            treatment.asked = False
        ensure_media(m)
    elif treatment is not None and treatment.applied:
        treatment_end(m, "error")
        expect_instructions(m)
    else:
        _without_media(m, leg.slot, "media_unavailable")


def media_again(m: Machine, _name: str) -> None:
    """The wait for a media server is over."""
    if any(_is_needed(m, media) for media in PARTY_OF):
        ensure_media(m)


def _may_begin_again(m: Machine, media: Slot) -> bool:
    return m.data.media_losses < MAX_MEDIA_LOSSES and _is_needed(m, media)


def _is_needed(m: Machine, media: Slot) -> bool:
    if m.data.phase is Phase.CONNECTED:
        return needs_media(m, PARTY_OF[media])
    return media is Slot.MEDIA and m.data.treatment is not None and not hears_ringing(m)


def _without_media(m: Machine, media: Slot, reason: str) -> None:
    """A party that answered an offerless INVITE has nobody to talk to without media; nor has a conference."""
    consult = m.data.consult
    confers = consult is not None and consult.stage is ConsultStage.CONFERENCE
    unheard = m.origin.state is LegState.ANSWERED and m.data.attempt is None
    if confers or m.data.deposit or unheard:
        finish(m, MEDIA_UNAVAILABLE)
    elif media is Slot.MEDIA:
        not_applied(m, reason)
