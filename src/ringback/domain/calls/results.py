"""How a SIP status reads as the end of an attempt or of a call."""

from msgspec import Struct

from ringback.domain.calls.types import CallState, DialResult, ResultClass


class Outcome(Struct, frozen=True):
    """Result class and stable reason slug, with what T-Library and SIP say for the same thing."""

    result: ResultClass
    reason: str
    call_state: CallState
    dial_result: DialResult
    status: int


BUSY = Outcome(ResultClass.BUSY, "busy", CallState.BUSY, DialResult.BUSY, 486)
REJECTED = Outcome(ResultClass.REJECTED, "rejected", CallState.BUSY, DialResult.BUSY, 603)
NO_ANSWER = Outcome(ResultClass.NO_ANSWER, "no_answer", CallState.NO_ANSWER, DialResult.NO_ANSWER, 480)
UNREACHABLE = Outcome(
    ResultClass.UNREACHABLE, "unreachable", CallState.GENERAL_ERROR, DialResult.NO_ANSWER, 480
)
UNKNOWN_NUMBER = Outcome(
    ResultClass.FAILED, "unknown_number", CallState.SIT_INVALID_NUMBER, DialResult.ERROR_TONE, 404
)
REFUSED = Outcome(ResultClass.FAILED, "refused", CallState.GENERAL_ERROR, DialResult.ERROR_TONE, 403)
MEDIA_REFUSED = Outcome(
    ResultClass.FAILED, "media_refused", CallState.GENERAL_ERROR, DialResult.ERROR_TONE, 488
)
NETWORK = Outcome(ResultClass.FAILED, "network", CallState.GENERAL_ERROR, DialResult.CREATE_CALL_ERROR, 503)
NODE_LOST = Outcome(ResultClass.FAILED, "node_lost", CallState.GENERAL_ERROR, DialResult.UNKNOWN, 503)
MEDIA_UNAVAILABLE = Outcome(
    ResultClass.FAILED, "media_unavailable", CallState.GENERAL_ERROR, DialResult.CREATE_CALL_ERROR, 503
)
ROUTING_TIMEOUT = Outcome(
    ResultClass.FAILED, "routing_timeout", CallState.GENERAL_ERROR, DialResult.CREATE_CALL_ERROR, 480
)
ABANDONED = Outcome(ResultClass.ABANDONED, "caller_hung_up", CallState.ABANDONED, DialResult.PERSON, 487)
ORIGIN_HUNG_UP = Outcome(ResultClass.COMPLETED, "caller_hung_up", CallState.OK, DialResult.PERSON, 487)
TARGET_HUNG_UP = Outcome(ResultClass.COMPLETED, "target_hung_up", CallState.OK, DialResult.PERSON, 487)
RELEASED = Outcome(ResultClass.COMPLETED, "released", CallState.OK, DialResult.PERSON, 480)
CLEARED = Outcome(ResultClass.CANCELLED, "cleared", CallState.CLEARED, DialResult.CREATE_CALL_ERROR, 480)
TRANSFERRED = Outcome(ResultClass.COMPLETED, "transferred", CallState.TRANSFERRED, DialResult.PERSON, 487)
REDIRECTED = Outcome(
    ResultClass.CANCELLED, "redirected", CallState.REDIRECTED, DialResult.CREATE_CALL_ERROR, 480
)
DEPOSITED = Outcome(ResultClass.COMPLETED, "message_left", CallState.OK, DialResult.PERSON, 480)
SESSION_EXPIRED = Outcome(
    ResultClass.FAILED, "session_expired", CallState.DROPPED, DialResult.ERROR_TONE, 408
)
DIALOG_LOST = Outcome(ResultClass.FAILED, "dialog_lost", CallState.DROPPED, DialResult.ERROR_TONE, 481)

BY_STATUS: dict[int, Outcome] = {
    401: REFUSED,
    403: REFUSED,
    404: UNKNOWN_NUMBER,
    407: REFUSED,
    408: NO_ANSWER,
    410: UNKNOWN_NUMBER,
    480: UNREACHABLE,
    481: DIALOG_LOST,
    484: UNKNOWN_NUMBER,
    486: BUSY,
    487: NO_ANSWER,
    488: MEDIA_REFUSED,
    600: BUSY,
    603: REJECTED,
    604: UNKNOWN_NUMBER,
    606: MEDIA_REFUSED,
}


def of_status(status: int, *, rang: bool = False) -> Outcome:
    """The outcome behind a final response; 486 after ringing is a person's refusal, else a busy phone."""
    if status == 486 and rang:
        return REJECTED
    return BY_STATUS.get(status, NETWORK if status >= 500 or status < 400 else REFUSED)
