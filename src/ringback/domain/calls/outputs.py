"""What a call wants done: commands for its legs, a question to the dial plan, and T-Library events."""

from msgspec import Struct, field

from ringback.domain.calls.types import CallType, LegRole, TreatmentType


class AskDialplan(Struct, frozen=True):
    """Where does this number go? `origin` is the asking party: trunk, dn or route_point."""

    ask: str
    number: str
    from_number: str
    origin: str
    trunk: str = ""
    """Comes first of those that take the number."""


class Invite(Struct, frozen=True):
    """A new leg. Without SDP the other end makes the offer (RFC 3261 13.2.1)."""

    leg: str
    role: LegRole
    target: str
    sdp: str | None
    caller: str = ""


class Provisional(Struct, frozen=True):
    """With SDP the caller hears early media."""

    leg: str
    status: int
    sdp: str | None = None


class Answer(Struct, frozen=True):
    """Final response to the first INVITE of a leg."""

    leg: str
    status: int
    sdp: str | None = None


class AnswerOffer(Struct, frozen=True):
    """Final response to a re-INVITE."""

    leg: str
    status: int
    sdp: str | None = None


class SendOffer(Struct, frozen=True):
    """re-INVITE; before the answer UPDATE."""

    leg: str
    sdp: str


class Ack(Struct, frozen=True):
    """ACK to a 2xx of the first INVITE; with SDP when that 2xx carried the offer."""

    leg: str
    sdp: str | None = None


class Cancel(Struct, frozen=True):
    """Cause and reason as in `Bye`."""

    leg: str
    cause: int = 0
    reason: str = ""


class Bye(Struct, frozen=True):
    """`cause`: SIP status for the Reason header (RFC 3326), 0 for none; `reason`: one to be passed on."""

    leg: str
    cause: int = 0
    reason: str = ""


class Play(Struct, frozen=True):
    """Command to the media leg."""

    leg: str
    reference: str
    type: TreatmentType
    parameters: dict[str, object] = field(default_factory=dict)


class Mix(Struct, frozen=True):
    """Command to a media leg: its party hears all the others in the room, and they hear it."""

    leg: str
    reference: str
    room: str


class SendDigits(Struct, frozen=True):
    """Keys towards the other end of a leg."""

    leg: str
    reference: str
    digits: str


class Event(Struct, frozen=True, omit_defaults=True):
    """A T-Library event with the attributes that this one carries."""

    name: str
    conn_id: str
    call_uuid: str
    thread_id: str
    tenant: str
    call_type: CallType
    sequence: int
    time: float
    ani: str = ""
    dnis: str = ""
    this_dn: str = ""
    this_role: int = 0
    other_dn: str = ""
    other_role: int = 0
    third_party_dn: str = ""
    third_party_role: int = 0
    previous_conn_id: str = ""
    this_queue: str = ""
    agent_id: str = ""
    call_state: int = 0
    reference: str = ""
    treatment_type: int = 0
    digits: str = ""
    dial_result: str = ""
    result: str = ""
    reason: str = ""
    error_code: int = 0
    user_data: dict[str, object] = field(default_factory=dict)


LegCommand = (
    Invite | Provisional | Answer | AnswerOffer | SendOffer | Ack | Cancel | Bye | Play | Mix | SendDigits
)
Output = AskDialplan | LegCommand | Event
