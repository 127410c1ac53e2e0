"""The words of a call: states, roles, and the T-Library enumerations with their published numbers."""

from enum import IntEnum, StrEnum


class Phase(StrEnum):
    """Where the whole call stands."""

    NEW = "new"
    RESOLVING = "resolving"  # the dial plan was asked where the first number goes
    DIALING = "dialing"  # a call that we make: its first party is being invited
    WAITING = "waiting"  # the first party is here: treated, queued, or a destination is being tried
    CONNECTED = "connected"
    ENDED = "ended"


class Slot(StrEnum):
    """The place of a leg in its call: who began, whom the first party is to talk to, whom one of the two
    consults; and for each of them the media server's leg that they hear meanwhile.
    """

    ORIGIN = "origin"
    MEDIA = "media"
    TARGET = "target"
    TARGET_MEDIA = "target_media"
    CONSULT = "consult"
    CONSULT_MEDIA = "consult_media"


class ConsultStage(StrEnum):
    """How far one party is with a third."""

    RESOLVING = "resolving"
    INVITING = "inviting"
    RINGING = "ringing"
    JOINING = "joining"  # answered; the asking party is being moved over
    TALKING = "talking"
    ALTERNATED = "alternated"  # the third waits, the first two talk
    CONFERENCE = "conference"


class Purpose(StrEnum):
    """What a third party is called for."""

    TRANSFER = "transfer"
    CONFERENCE = "conference"
    SINGLE_TRANSFER = "single_transfer"  # complete as soon as the third answers
    SINGLE_CONFERENCE = "single_conference"


class LegRole(StrEnum):
    """What stands at the other end of a leg."""

    CALLER = "caller"
    AGENT = "agent"
    EXTERNAL = "external"
    MEDIA = "media"


class LegState(StrEnum):
    """One dialog as the back-to-back user agent sees it (RFC 3261 12)."""

    OFFERED = "offered"  # INVITE received, no final answer given
    INVITING = "inviting"
    RINGING = "ringing"
    ANSWERED = "answered"  # 200 with an offer received: the ACK owes the answer (RFC 3261 13.2.1)
    UP = "up"
    CANCELLING = "cancelling"  # CANCEL sent, final response awaited (RFC 3261 9.1)
    ENDED = "ended"


class AttemptState(StrEnum):
    """One try to reach a destination."""

    RESOLVING = "resolving"
    INVITING = "inviting"
    RINGING = "ringing"
    JOINING = "joining"  # answered; the first party is being moved over


class AttemptSource(StrEnum):
    """Who wanted the destination: this decides where a failure goes."""

    ROUTE = "route"  # RequestRouteCall: the failure is reported and the caller goes on waiting
    DIRECT = "direct"  # the number itself was dialled: the failure ends the call
    DEFAULT = "default"  # nobody gave instructions in time


class Reoffer(StrEnum):
    """Why we sent a re-INVITE on a leg."""

    JOIN = "join"  # move the first party to another peer
    PASS = "pass"  # hand on the offer of the other side  # noqa: S105
    FOLLOW = "follow"  # the first party answered from another address than the peer knows
    HOLD = "hold"
    RETRIEVE = "retrieve"
    REFRESH = "refresh"  # the same again: the session timer wants it


class ResultClass(StrEnum):
    """How a call or an attempt ended; a stable reason slug stands beside it."""

    COMPLETED = "completed"
    ABANDONED = "abandoned"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    CANCELLED = "cancelled"
    FAILED = "failed"


class DialResult(StrEnum):
    """What a dialled customer turned out to be."""

    PERSON = "PERSON"
    BUSY = "BUSY"
    NO_ANSWER = "NO_ANSWER"
    ANSWERING_MACHINE = "ANSWERING_MACHINE"
    FAX = "FAX"
    ERROR_TONE = "ERROR_TONE"  # the network refused the number
    CREATE_CALL_ERROR = "CREATE_CALL_ERROR"  # the call never reached the network
    UNKNOWN = "UNKNOWN"  # the network was reached; what it said was lost


class DestinationKind(StrEnum):
    """What the dial plan found behind a number."""

    ROUTE_POINT = "route_point"
    DN = "dn"
    EXTERNAL = "external"
    MAILBOX = "mailbox"
    REJECT = "reject"


class CallType(IntEnum):
    UNKNOWN = 0
    INTERNAL = 1
    INBOUND = 2
    OUTBOUND = 3
    CONSULT = 4


class CallState(IntEnum):
    OK = 0
    TRANSFERRED = 1
    CONFERENCED = 2
    GENERAL_ERROR = 3
    REMOTE_RELEASE = 5
    BUSY = 6
    NO_ANSWER = 7
    SIT_INVALID_NUMBER = 11
    CLEARED = 19
    ABANDONED = 21
    REDIRECTED = 22
    FORWARDED = 23
    DROPPED = 26
    UNKNOWN = 28
    HELD = 50


class DNRole(IntEnum):
    UNKNOWN = 0
    ORIGINATION = 1
    DESTINATION = 2
    CONFERENCE_MEMBER = 3
    NEW_PARTY = 4
    ADDED_BY = 5
    DELETED_BY = 6
    TRANSFERRED_BY = 7
    DELETED_PARTY = 8


class TreatmentType(IntEnum):
    UNKNOWN = 0
    IVR = 1
    MUSIC = 2
    RINGBACK = 3
    SILENCE = 4
    BUSY = 5
    COLLECT_DIGITS = 6
    PLAY_ANNOUNCEMENT = 7
    PLAY_ANNOUNCEMENT_AND_DIGITS = 8
    VERIFY_DIGITS = 9
    RECORD_USER_ANNOUNCEMENT = 10
    DELETE_USER_ANNOUNCEMENT = 11
    CANCEL_CALL = 12
    PLAY_APPLICATION = 13
    SET_DEFAULT_ROUTE = 14
    TEXT_TO_SPEECH = 15
    TEXT_TO_SPEECH_AND_DIGITS = 16
    FAST_BUSY = 17
    RAN = 18
    # Ours, far above the published numbers: listening instead of playing.
    ANSWER_DETECTION = 1001
    BEEP_DETECTION = 1002


class RouteType(IntEnum):
    UNKNOWN = 0
    DEFAULT = 1
    DIRECT = 6
    REJECT = 7
    AGENT_ID = 13
    CALL_DISCONNECT = 14
