"""Events on the streams and in Kafka: one struct per stream, T-Library's names on the wire.

`CallEvent` travels on `{tenant}:events:calls` and topic `voice-callthread`, `AgentEvent` on
`{tenant}:events:agents` and topic `voice-agentstate`, `DnEvent` on `{tenant}:events:dns` and topic
`voice-registrar`. What campaigns tell is in `ringback.contracts.campaigns`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import msgspec

from ringback.contracts.names import tlib


class CallState(IntEnum):
    """How a party's call ended or changed (T-Library's numbers)."""

    OK = 0
    TRANSFERRED = 1
    CONFERENCED = 2
    GENERAL_ERROR = 3
    REMOTE_RELEASE = 5
    BUSY = 6
    NO_ANSWER = 7
    ANSWERING_MACHINE = 9
    SIT_INVALID_NUMBER = 11
    CLEARED = 19
    ABANDONED = 21
    REDIRECTED = 22
    DROPPED = 26


class CallType(IntEnum):
    """T-Library's call types."""

    UNKNOWN = 0
    INTERNAL = 1
    INBOUND = 2
    OUTBOUND = 3
    CONSULT = 4


class CallEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename=tlib):
    """Something that happened to a call, a party, or a treatment."""

    id: str
    """The event's name: EventRinging, EventEstablished, …"""
    time: float
    """Seconds since the epoch."""
    tenant: str
    server: str = "ringback"
    """The node that owns the call."""
    conn_id: str
    """16 hex digits."""
    call_uuid: str = ""
    """32 characters of A-Z and 0-9."""
    call_thread_id: str = ""
    call_id: int = 0
    call_type: int = CallType.UNKNOWN
    call_state: int = CallState.OK
    this_dn: str = ""
    this_dn_role: int = 0
    this_queue: str = ""
    other_dn: str = ""
    third_party_dn: str = ""
    third_party_dn_role: int = 0
    """T-Library's number of that party's part: 4 new party, 7 transferred by, 8 deleted party."""
    agent_id: str = ""
    ani: str = ""
    """The caller's number."""
    dnis: str = ""
    """The number that was dialled."""
    reference_id: str = ""
    """The request that this answers."""
    previous_conn_id: str = ""
    """Of a consultation: the call that it is about; of EventPartyChanged: the consultation that is over."""
    treatment_type: str = ""
    digits: str = ""
    """Digits collected by a treatment."""
    result_class: str = ""
    """success, client_error, server_error, upstream_error or indeterminate."""
    reason: str = ""
    """A stable slug: answered, no_answer, rejected, busy, caller_gone, …"""
    dial_result: str = ""
    """Of an outbound attempt: PERSON, BUSY, NO_ANSWER, …"""
    sequence: int = 0
    """Rises by one with each event of a call: late and doubled events are known by it."""
    user_data: dict[str, Any] = {}
    extensions: dict[str, Any] = {}


REPORTED = "_CB_"
"""What the names of user data begin with that belongs into reports."""


def for_reports(event: CallEvent) -> CallEvent:
    """The event as it leaves the platform: without the customer's data and the digits that were typed.

    Those may be a card's number, or an access code.
    """
    kept = {name: value for name, value in event.user_data.items() if name.startswith(REPORTED)}
    if kept == event.user_data and not event.digits:
        return event
    return msgspec.structs.replace(event, user_data=kept, digits="")


class AgentEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename=tlib):
    """Something that happened to an agent's session; `State` is the state after it."""

    id: str
    time: float
    tenant: str
    server: str = "ringback"
    agent_id: str
    this_dn: str = ""
    place: str = ""
    agent_work_mode: str = ""
    reason_code: str = ""
    state: str
    """logged_out, not_ready, ready, reserved, ringing, talking or acw."""
    since: float = 0.0
    """When the agent entered the state."""
    reservation_id: str = ""
    interaction_id: str = ""
    conn_id: str = ""
    sequence: int = 0
    """Rises by one with each change of this agent."""
    extensions: dict[str, Any] = {}
    reference_id: str = ""
    """Of EventUserEvent: what an answer is to name. Of EventPrivateInfo: what is answered."""
    """What more is known of the agent: ReadySince, LeaseUntil, Skills, Groups, Queue, Queues, DND, Status
    (the field's word for what the agent does), CallType, SecondCallType, AutoAnswer."""
    this_queue: str = ""
    """The queue that a login or a logout is about; empty: the whole session."""


class DnEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename=tlib):
    """A device came into or went out of service (EventDNBackInService, EventDNOutOfService), or its user has
    set it otherwise (EventForwardSet, EventForwardCancel, EventDNDOn, EventDNDOff).
    """

    id: str
    time: float
    tenant: str
    server: str = "ringback"
    this_dn: str
    contacts: int = 0
    """How many bindings the DN has now."""
    reason: str = ""
    other_dn: str = ""
    """Where the DN's calls are forwarded to."""


def calls_stream(tenant: str) -> str:
    """The stream of call events of a tenant."""
    return f"{{{tenant}}}:events:calls"


def agents_stream(tenant: str) -> str:
    """The stream of agent events of a tenant."""
    return f"{{{tenant}}}:events:agents"


def private_stream(tenant: str) -> str:
    """The stream of agents' answers to what the platform has asked them (EventPrivateInfo)."""
    return f"{{{tenant}}}:events:private"


def dns_stream(tenant: str) -> str:
    """The stream of device events of a tenant."""
    return f"{{{tenant}}}:events:dns"


TOPIC_CALLS = "voice-callthread"
TOPIC_AGENTS = "voice-agentstate"
TOPIC_AGENT_REQUESTS = "voice-agent"
TOPIC_REGISTRAR = "voice-registrar"
TOPIC_SIP = "voice-sip"
TOPIC_SIP_PROXY = "voice-sipproxy"
TOPIC_FRONTEND = "voice-sipfe"
TOPIC_CALLBACKS = "engagement-callback"
TOPIC_OUTBOUND = "voice-outbound"
