"""The words of the callback's life, as the public API and the reports write them."""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """Where a callback stands.

    ROUTING has two published readings: an agent is reserved (the API's) and the customer is reached and waits
    for the agent (the predecessor's). Here it begins with whichever party is taken first and lasts until both
    are joined.
    """

    SCHEDULED = "SCHEDULED"
    QUEUED = "QUEUED"
    ROUTING = "ROUTING"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"


LIVE = frozenset({State.QUEUED, State.ROUTING, State.PROCESSING})


MOST_REJECTS = 5
"""How many rejections by agents a service can wait for before it gives a callback up."""


class Reason(Enum):
    """Why a callback is COMPLETED."""

    AGENT_CONNECTED = "AGENT_CONNECTED"
    CANCELLED = "CANCELLED"
    CANCELLED_BY_ADMIN = "CANCELLED_BY_ADMIN"
    NOT_AVAILABLE = "NOT_AVAILABLE"
    FAIL_ERROR = "FAIL_ERROR"
    FAIL_TIMEOUT_TTL = "FAIL_TIMEOUT_TTL"
    FAIL_TARGET_NOT_FOUND = "FAIL_TARGET_NOT_FOUND"
    FAIL_INTERACTION_DELETED = "FAIL_INTERACTION_DELETED"
    FAIL_NO_CUSTOMER_NUMBER = "FAIL_NO_CUSTOMER_NUMBER"
    FAIL_QUEUEING = "FAIL_QUEUEING"
    FAIL_AGENT_CONNECT = "FAIL_AGENT_CONNECT"
    FAIL_CALL_TO_CUSTOMER = "FAIL_CALL_TO_CUSTOMER"
    AGENT_PREVIEW_CANCEL_AFTER_1REJECTS = "AGENT_PREVIEW_CANCEL_AFTER_1REJECTS"
    AGENT_PREVIEW_CANCEL_AFTER_2REJECTS = "AGENT_PREVIEW_CANCEL_AFTER_2REJECTS"
    AGENT_PREVIEW_CANCEL_AFTER_3REJECTS = "AGENT_PREVIEW_CANCEL_AFTER_3REJECTS"
    AGENT_PREVIEW_CANCEL_AFTER_4REJECTS = "AGENT_PREVIEW_CANCEL_AFTER_4REJECTS"
    AGENT_PREVIEW_CANCEL_AFTER_5REJECTS = "AGENT_PREVIEW_CANCEL_AFTER_5REJECTS"


class DialResult(Enum):
    """How one dial to the customer ended (`_CB_DIAL_<n>_RESULT`)."""

    CREATE_CALL_ERROR = "CREATE_CALL_ERROR"
    BUSY = "BUSY"
    NO_ANSWER = "NO_ANSWER"
    ANSWERING_MACHINE = "ANSWERING_MACHINE"
    ERROR_TONE = "ERROR_TONE"
    FAX = "FAX"
    PERSON = "PERSON"
    CONNECTED = "CONNECTED"
    UNKNOWN = "UNKNOWN"
