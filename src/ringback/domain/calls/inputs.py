"""What may happen to a call: words of legs, dial plan and clock, and T-Library requests."""

from msgspec import Struct, field

from ringback.domain.calls.state import Leg
from ringback.domain.calls.types import DestinationKind, Purpose, RouteType, TreatmentType


class Incoming(Struct, frozen=True):
    """A new INVITE. `origin_dn` is set when the caller is one of our DNs."""

    leg: str
    ani: str
    dnis: str
    offer: str | None = None
    origin_dn: str = ""
    user_data: dict[str, object] = field(default_factory=dict)
    forwards: int = 70
    """Its Max-Forwards."""


class Destination(Struct, frozen=True):
    """The dial plan's answer: what stands behind a number. `target` is opaque to the call."""

    kind: DestinationKind
    dn: str = ""
    target: str = ""
    status: int = 0
    reason: str = ""
    default_dn: str = ""
    on_no_answer: str = ""
    on_busy: str = ""
    caller_id: str = ""
    ring_timeout_s: float = 0.0
    mailbox: str = ""
    agent_id: str = ""
    auto_answer: bool = False


class Resolved(Struct, frozen=True):
    """Answer to `AskDialplan` with the same id."""

    ask: str
    destination: Destination


class Progress(Struct, frozen=True):
    """Provisional response above 100; with SDP it brings early media."""

    leg: str
    status: int
    sdp: str = ""


class Answered(Struct, frozen=True):
    """2xx to our INVITE; the SDP is the answer, or the offer when we sent none."""

    leg: str
    sdp: str


class Failed(Struct, frozen=True):
    """Final response of 300 or above to our INVITE; 408 when nothing came (RFC 3261 8.1.3.1)."""

    leg: str
    status: int
    moved_to: str = ""
    """With 3xx that is to be followed: the number to dial instead."""


class Lost(Struct, frozen=True):
    """Our INVITE was under way when this node or sip_proxy died, and nobody knows it any more: the phone may
    have rung.
    """

    leg: str


class Interrupted(Struct, frozen=True):
    """Our INVITE goes on, but for a while nobody hears what becomes of it."""

    leg: str


class AckReceived(Struct, frozen=True):
    """ACK to our 200; it carries SDP when our 200 carried the offer."""

    leg: str
    sdp: str | None = None


class HungUp(Struct, frozen=True):
    """BYE, or CANCEL of an INVITE that we have not answered."""

    leg: str
    reason: str = ""
    """The Reason that the other end gave (RFC 3326); whoever is hung up for it hears it too."""


class OfferReceived(Struct, frozen=True):
    """re-INVITE from the other end; before the answer UPDATE or PRACK."""

    leg: str
    sdp: str | None = None
    onward: bool = False
    """Before the answer: the other side takes an offer now as well (RFC 3311 5.1)."""


class OfferWithdrawn(Struct, frozen=True):
    """CANCEL of a re-INVITE; the 487 has been sent."""

    leg: str


class ReofferAnswered(Struct, frozen=True):
    """2xx to our re-INVITE or UPDATE."""

    leg: str
    sdp: str


class ReofferFailed(Struct, frozen=True):
    """Final response of 300 or above to our re-INVITE or UPDATE."""

    leg: str
    status: int


class RefreshDue(Struct, frozen=True):
    """The session timer wants a re-INVITE (RFC 4028 10)."""

    leg: str


class SessionExpired(Struct, frozen=True):
    """The other end has not refreshed the session in time (RFC 4028 10)."""

    leg: str


class Referred(Struct, frozen=True):
    """REFER from a telephone: its call is to go to a number."""

    leg: str
    reference: str
    destination: str


class Adopted(Struct, frozen=True):
    """REFER with Replaces: the far party of another call of this telephone takes its place here."""

    leg: str
    reference: str
    by: str
    """The name of that party's leg from now on."""
    party: Leg
    """The leg as it was in the other call."""
    conn_id: str
    """Of the other call."""
    dn: str
    agent_id: str = ""
    sdp_session: int = 0
    """The session id in what we have said on that leg (RFC 8866 5.2)."""


class GivenAway(Struct, frozen=True):
    """The leg belongs to another call from now on; this one is over."""

    leg: str


class Replaced(Struct, frozen=True):
    """An INVITE of one of our DNs that replaces this leg (RFC 3891)."""

    leg: str
    by: str
    """The new leg."""
    dn: str
    offer: str | None = None


class MediaStarted(Struct, frozen=True):
    """The media server accepted a command."""

    leg: str
    reference: str


class MediaRefused(Struct, frozen=True):
    leg: str
    reference: str


class MediaEnded(Struct, frozen=True):
    """A treatment is over: finished, interrupted, timeout, max or error."""

    leg: str
    reference: str
    reason: str = "finished"
    digits: str = ""
    heard: str = ""
    """What answer detection has heard: a DialResult."""


class DigitsSent(Struct, frozen=True):
    """The other end, or the media server, took the digits."""

    leg: str
    reference: str
    digits: str


class DigitsRefused(Struct, frozen=True):
    leg: str
    reference: str


class TimersDue(Struct, frozen=True):
    """The clock reached the next deadline."""


class RequestApplyTreatment(Struct, frozen=True):
    reference: str
    type: TreatmentType
    parameters: dict[str, object] = field(default_factory=dict)


class RequestRouteCall(Struct, frozen=True):
    """`timeout_s`: how long the destination may ring; 0 takes the destination's own time."""

    reference: str
    destination: str
    route_type: RouteType = RouteType.UNKNOWN
    timeout_s: float = 0.0
    agent_id: str = ""


class RequestMakeCall(Struct, frozen=True):
    """A new call: from a route point the destination is dialled first, from a DN that DN is."""

    reference: str
    this_dn: str
    destination: str
    caller_id: str = ""
    timeout_s: float = 0.0
    user_data: dict[str, object] = field(default_factory=dict)
    greeting: dict[str, object] = field(default_factory=dict)
    """Parameters of the announcement that the customer hears on answer; music when empty."""
    agent_id: str = ""
    """The destination is this agent's phone; the customer is routed to afterwards."""
    customer: str = ""
    """With an agent: the number that the call is for, which the agent's phone shows."""
    detect_s: float = 0.0
    """Listen so long who or what has answered."""
    caller_name: str = ""
    predictive: bool = False
    """A person who answers is put on the route point like one who has called."""
    trunk: str = ""
    """Comes first of those that take the destination's number."""


class RequestReleaseCall(Struct, frozen=True):
    """One DN leaves; a call of two parties ends."""

    reference: str
    this_dn: str = ""


class RequestClearCall(Struct, frozen=True):
    reference: str


class RequestHoldCall(Struct, frozen=True):
    reference: str
    this_dn: str = ""


class RequestRetrieveCall(Struct, frozen=True):
    reference: str
    this_dn: str = ""


class RequestAttachUserData(Struct, frozen=True):
    """Pairs to add or replace."""

    reference: str
    user_data: dict[str, object]


class RequestDeleteUserData(Struct, frozen=True):
    """Pairs to take away by their keys; all without any."""

    reference: str
    keys: tuple[str, ...] = ()


class RequestConsult(Struct, frozen=True):
    """One party calls a third: to ask, to hand the call over, to have it join."""

    reference: str
    purpose: Purpose
    this_dn: str
    destination: str
    timeout_s: float = 0.0


class RequestComplete(Struct, frozen=True):
    """What the third party was called for is carried out: the transfer, or the conference."""

    reference: str
    purpose: Purpose
    this_dn: str = ""


class RequestReconnectCall(Struct, frozen=True):
    """The third party is let go, the first two talk again."""

    reference: str
    this_dn: str = ""


class RequestAlternateCall(Struct, frozen=True):
    """Between the third party and the other one."""

    reference: str
    this_dn: str = ""


class RequestDeleteFromConference(Struct, frozen=True):
    """One member of a conference leaves it; the other two talk on."""

    reference: str
    other_dn: str


class RequestRedirectCall(Struct, frozen=True):
    """A device that rings gives the call on."""

    reference: str
    this_dn: str
    destination: str


class RequestSendDtmf(Struct, frozen=True):
    """Keys that the DN presses; without a DN, keys for the party that waits on the route point."""

    reference: str
    digits: str
    this_dn: str = ""


LegInput = (
    Progress
    | Answered
    | Failed
    | Lost
    | Interrupted
    | AckReceived
    | HungUp
    | OfferReceived
    | OfferWithdrawn
    | ReofferAnswered
    | ReofferFailed
    | RefreshDue
    | SessionExpired
    | Referred
    | Adopted
    | GivenAway
    | Replaced
    | MediaStarted
    | MediaRefused
    | MediaEnded
    | DigitsSent
    | DigitsRefused
)
Request = (
    RequestApplyTreatment
    | RequestRouteCall
    | RequestMakeCall
    | RequestReleaseCall
    | RequestClearCall
    | RequestHoldCall
    | RequestRetrieveCall
    | RequestAttachUserData
    | RequestDeleteUserData
    | RequestConsult
    | RequestComplete
    | RequestReconnectCall
    | RequestAlternateCall
    | RequestDeleteFromConference
    | RequestRedirectCall
    | RequestSendDtmf
)
Input = Incoming | Resolved | TimersDue | LegInput | Request
