"""What a call remembers: plain data, so that the snapshot in the store is these structures as JSON.

What is as it was at the beginning is left out there.
"""

from msgspec import Struct, field

from ringback.domain.calls.types import (
    AttemptSource,
    AttemptState,
    CallType,
    ConsultStage,
    DNRole,
    LegRole,
    LegState,
    Phase,
    Purpose,
    Reoffer,
    Slot,
    TreatmentType,
)


class Leg(Struct, omit_defaults=True):
    """One dialog of the call. SDP is the latest text in each direction."""

    id: str
    slot: Slot
    role: LegRole
    state: LegState
    dn: str = ""
    caller: str = ""
    target: str = ""
    """The number in our INVITE, and whom it is for."""
    caller_name: str = ""
    incoming: bool = False
    remote_sdp: str | None = None
    local_sdp: str | None = None
    sdp_version: int = 0
    sdp_session: int = 0
    """The session id in our descriptions, where it is not the call's: the leg came from another call."""
    peer: str = ""
    """The leg that this one was moved to; of two that are connected one bears the name of the other."""
    joining: str = ""
    """The leg to which it is being moved."""
    reoffer: Reoffer | None = None
    reference: str = ""
    """The request that the re-INVITE carries out; empty when nobody asked."""
    pass_to: str = ""
    """The leg whose re-INVITE waits for the answer to the one that we sent here."""
    offering: bool = False
    """The other end sent a re-INVITE that we have not answered."""
    held: bool = False
    """It is put on hold here: the other party hears music."""
    holds: bool = False
    """The party outside holds us, by itself."""
    owed: bool = False
    """Our 200 to its re-INVITE made the offer: the ACK owes the answer."""
    unheard: bool = False
    """Whether it rings is not known: the way there is interrupted."""
    engaged: bool = False
    """EventDialing or EventEstablished was sent for its DN, so EventReleased is owed."""
    dn_role: DNRole = DNRole.DESTINATION
    """Its part in the events, which it keeps when it takes another place."""
    auto_answer: bool = False
    """The phone is to answer by itself."""
    early: bool = False
    """The first party has its description already, and hears what it plays."""
    asserted: str = ""
    """The number that is ours to vouch for, where another one, or none, is shown in `caller`."""


class Treatment(Struct, omit_defaults=True):
    """What the waiting party hears."""

    reference: str
    """Empty for the music that goes on after an announcement; no event speaks of it."""
    type: TreatmentType
    parameters: dict[str, object] = field(default_factory=dict)
    asked: bool = False
    """The media leg was told to play it."""
    applied: bool = False

    @property
    def said(self) -> bool:
        """Whether events speak of it; answer detection is the call's own affair."""
        return self.type is not TreatmentType.ANSWER_DETECTION


class Attempt(Struct, omit_defaults=True):
    """One try to reach a destination for the waiting party."""

    reference: str
    source: AttemptSource
    state: AttemptState
    destination: str
    timeout_s: float = 0.0
    agent_id: str = ""
    fallback: str = ""
    """Number to try when this one does not answer (a mailbox)."""
    busy_fallback: str = ""
    announced: bool = False
    """EventRinging was sent."""


class Consult(Struct, omit_defaults=True):
    """A third party beside the first two, from the question to the dial plan until it is one of two."""

    conn_id: str
    """Of the consultation, which events tell as a call of its own; the call's own in one step."""
    reference: str
    purpose: Purpose
    controller: Slot
    """Who called the third party."""
    destination: str
    stage: ConsultStage = ConsultStage.RESOLVING
    timeout_s: float = 0.0
    dn: str = ""
    agent_id: str = ""
    announced: bool = False
    """EventRinging was sent to its DN, and nothing yet that ends the ringing."""


class Parties(Struct, omit_defaults=True):
    """Who stands in the events: the numbers of both sides and the device that holds the call."""

    ani: str = ""
    dnis: str = ""
    device: str = ""
    """The route point that holds the call; empty when a DN was dialled directly."""
    origin_dn: str = ""
    """The first party's DN when it is one of ours."""
    target_dn: str = ""
    target_agent: str = ""


class CallData(Struct, omit_defaults=True):
    """The whole call. Times are seconds of the clock that the shell passes in."""

    conn_id: str
    call_uuid: str
    thread_id: str
    tenant: str
    call_type: CallType = CallType.UNKNOWN
    phase: Phase = Phase.NEW
    created_at: float = 0.0
    sequence: int = 0
    legs: dict[str, Leg] = field(default_factory=dict)
    slots: dict[Slot, str] = field(default_factory=dict)
    parties: Parties = field(default_factory=Parties)
    user_data: dict[str, object] = field(default_factory=dict)
    treatment: Treatment | None = None
    attempt: Attempt | None = None
    consult: Consult | None = None
    asks: dict[str, str] = field(default_factory=dict)
    """Question to the dial plan that has no answer yet -> purpose."""
    make_reference: str = ""
    make_destination: str = ""
    make_timeout_s: float = 0.0
    make_greeting: dict[str, object] = field(default_factory=dict)
    make_agent: str = ""
    """The agent who is dialled first, in the name of the customer whom this call is for."""
    make_caller: str = ""
    """The number that the customer is to see."""
    make_caller_name: str = ""
    make_detect_s: float = 0.0
    """How long we listen who or what has answered; 0: not, or not any more."""
    make_predictive: bool = False
    """Whoever answers is to be asked for a route, as one who has called."""
    make_trunk: str = ""
    instructed: bool = False
    """Somebody has asked for a treatment or a destination."""
    default_dn: str = ""
    media_losses: int = 0
    deposit: bool = False
    """The media leg records a message; the end of the recording ends the call."""
    timers: dict[str, float] = field(default_factory=dict)
    counter: int = 0
    hops: int = 0
    forwards: int = 70
    """Max-Forwards of the call that came in: what it leads to has fewer, so that no call goes in circles."""
    result: str = ""
    reason: str = ""
    put_off: dict[str, str | None] = field(default_factory=dict)
    """Leg -> the description in its re-INVITE, which waits until another dialog is settled."""
