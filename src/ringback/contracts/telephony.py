"""Telephony requests: what tenant and orchestration ask of frontend, and frontend of a cluster node.

One JSON object, told apart by `Request`. A request with an `IdempotencyKey` that was seen before gets the
same reply and does nothing.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ringback.contracts.names import tlib


class _Request(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag_field="Request"
):
    tenant: str
    reference_id: str = ""
    """Chosen by the asker; comes back in the events that answer."""
    idempotency_key: str = ""


class _CallRequest(_Request, frozen=True, kw_only=True, omit_defaults=True, rename=tlib):
    conn_id: str


class RequestRouteCall(_CallRequest, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True):
    """Offer the call that waits on a route point to a device."""

    other_dn: str
    """The device (an agent's DN, a mailbox, a number)."""
    agent_id: str = ""
    reservation_id: str = ""
    timeout: float = 15.0
    """Seconds until an unanswered device is given up."""
    route_type: str = ""
    """Empty, or `mailbox`: the DN is a mailbox that takes a message."""


class RequestApplyTreatment(
    _CallRequest, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True
):
    """Play, collect or record for the caller on a route point."""

    treatment_type: str
    """PlayAnnouncement, PlayAnnouncementAndDigits, CollectDigits, Music, RecordUserAnnouncement, Silence."""
    prompts: list[str] = []
    """Names of prompts, or `number:7`, `minutes:3`, in the order in which they are spoken."""
    max_digits: int = 0
    terminators: str = "#"
    timeout: float = 5.0
    """Seconds without a digit that end a collection."""
    mailbox: str = ""
    max_duration: float = 120.0
    """Longest recording, seconds."""
    then_music: bool = True
    """Whether music follows when the announcement has ended."""
    interdigit_timeout: float = 0.0  # seconds without a digit after the first one; 0: `timeout`


class _Making(_Request, frozen=True, kw_only=True, omit_defaults=True, rename=tlib):
    this_dn: str
    """The route point."""
    other_dn: str
    """The number, E.164."""
    ani: str = ""  # the number to show; empty: the route point's
    trunk: str = ""  # comes first of those that take the number; empty: as the number to show says
    timeout: float = 30.0
    """Seconds until an unanswered call is given up."""
    prompts: list[str] = []
    """What the customer hears on answer, until an agent is there; music follows."""
    user_data: dict[str, Any] = {}
    detect: float = 0.0
    """Seconds of listening who has answered; EventEstablished then comes with the verdict."""


class RequestMakeCall(_Making, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True):
    """Dial a number from a route point; the call then waits on that route point to be routed."""

    agent_id: str = ""
    """The number is the phone of this agent, who is to answer before the customer is dialled."""
    customer: str = ""
    """With an agent: the customer's number, which the agent's phone shows."""
    display_name: str = ""
    """Name beside the number to show."""


class RequestMakePredictiveCall(
    _Making, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True
):
    """As RequestMakeCall; a person who answers is put on the route point like one who has called."""


class RequestAnswerCall(_CallRequest, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True):
    """Have the phone of a DN answer the call for which it rings."""

    this_dn: str


class RequestReleaseCall(_CallRequest, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True):
    """Release one party."""

    this_dn: str


class RequestClearCall(_CallRequest, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True):
    """Release every party."""

    reason: str = ""


class RequestHoldCall(_CallRequest, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True):
    """Hold the call for one party."""

    this_dn: str


class RequestRetrieveCall(_CallRequest, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True):
    """Retrieve a held call for one party."""

    this_dn: str


class RequestAttachUserData(
    _CallRequest, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True
):
    """Merge user data into the call."""

    user_data: dict[str, Any]


class RequestUpdateUserData(
    _CallRequest, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True
):
    """Replace pairs of the user data by key, and add those that are new."""

    user_data: dict[str, Any]


class RequestDeletePair(_CallRequest, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True):
    """Take one pair out of the user data."""

    key: str


class RequestDeleteUserData(
    _CallRequest, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True
):
    """Take all user data away."""


class _ThirdParty(_CallRequest, frozen=True, kw_only=True, omit_defaults=True, rename=tlib):
    """One party of a call calls a third. The call's ConnID is that of the first two, in all these requests;
    the consultation has one of its own in the events (`ConnID`, with the call's as `PreviousConnID`).
    """

    this_dn: str
    """Who asks."""
    other_dn: str
    """Whom: a DN or a number; of a single-step transfer also a route point or a mailbox."""
    timeout: float = 0.0
    """Seconds until an unanswered third party is given up; 0: as its device says."""


class RequestInitiateTransfer(
    _ThirdParty, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True
):
    """Hold the call and consult somebody about giving it away."""


class RequestInitiateConference(
    _ThirdParty, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True
):
    """Hold the call and consult somebody about joining it."""


class RequestSingleStepTransfer(
    _ThirdParty, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True
):
    """Give the call away; a device that does not answer leaves it where it is."""


class RequestSingleStepConference(
    _ThirdParty, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True
):
    """Have somebody join the call."""


class _Consultation(_CallRequest, frozen=True, kw_only=True, omit_defaults=True, rename=tlib):
    this_dn: str
    """Who has begun the consultation."""


class RequestCompleteTransfer(
    _Consultation, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True
):
    """The one who was consulted takes the call."""


class RequestCompleteConference(
    _Consultation, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True
):
    """The one who was consulted joins the call."""


class RequestReconnectCall(
    _Consultation, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True
):
    """End the consultation and go back to the call."""


class RequestAlternateCall(
    _Consultation, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True
):
    """Go between the call and the consultation; who is left hears music."""


class RequestDeleteFromConference(
    _CallRequest, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True
):
    """Take a member out of a conference; the other two talk on."""

    this_dn: str = ""
    other_dn: str


class RequestRedirectCall(_CallRequest, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True):
    """A device that rings gives the call on to another one."""

    this_dn: str
    other_dn: str


class RequestSendDtmf(_CallRequest, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True):
    """Press keys: for the other party, or without `this_dn` for the one that waits on the route point."""

    this_dn: str = ""
    dtmf_digits: str
    """0 to 9, A to D, * and #; at most 32."""


class _AgentRequest(_Request, frozen=True, kw_only=True, omit_defaults=True, rename=tlib):
    agent_id: str


class RequestAgentLogin(_AgentRequest, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True):
    """Log an agent in at a device, or, logged in there already, for more queues."""

    this_dn: str = ""
    """Empty: the device of the place, or else of the agent."""
    place: str = ""
    agent_work_mode: str = ""
    """`AutoIn`: ready at once."""
    this_queue: str = ""
    queues: tuple[str, ...] = ()


class RequestAgentLogout(_AgentRequest, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True):
    """Log an agent out, or out of one queue."""

    this_queue: str = ""


class RequestAgentReady(_AgentRequest, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True):
    """Make an agent ready."""


class RequestAgentNotReady(
    _AgentRequest, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True
):
    """Make an agent not ready, now or when the call under way has ended."""

    agent_work_mode: str = ""
    """`AfterCallWork`: after-call work, begun or extended, now or when the call under way has ended."""
    reason_code: str = ""
    wrap_up_time: float = 0.0
    """Seconds of after-call work from now on; 0: until the agent is ready."""


class _DeviceRequest(_Request, frozen=True, kw_only=True, omit_defaults=True, rename=tlib):
    """What a user sets on a device: `this_dn`, or the device at which the agent is logged in."""

    this_dn: str = ""
    agent_id: str = ""


class RequestSetDNDOn(_DeviceRequest, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True):
    """Let nothing ring at a device."""


class RequestSetDNDOff(_DeviceRequest, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True):
    """Let the device ring again."""


class RequestCallForwardSet(
    _DeviceRequest, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True
):
    """Send every call of a device to another number."""

    other_dn: str


class RequestCallForwardCancel(
    _DeviceRequest, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True
):
    """Send the calls of a device elsewhere no longer."""


class RequestDistributeUserEvent(
    _AgentRequest, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True
):
    """Send an event to an agent's desktop (EventUserEvent), which answers by `RequestPrivateService`."""

    user_data: dict[str, Any] = {}


class RequestPrivateService(
    _AgentRequest, frozen=True, kw_only=True, omit_defaults=True, rename=tlib, tag=True
):
    """An agent's answer; `ReferenceID` is that of the event it answers.

    To the preview of a callback: `Service` "callback.preview", `UserData` {"answer": "accept"} or "reject".
    """

    service: str
    user_data: dict[str, Any] = {}


CallRequest = (
    RequestRouteCall
    | RequestApplyTreatment
    | RequestMakeCall
    | RequestMakePredictiveCall
    | RequestAnswerCall
    | RequestReleaseCall
    | RequestClearCall
    | RequestHoldCall
    | RequestRetrieveCall
    | RequestAttachUserData
    | RequestUpdateUserData
    | RequestDeletePair
    | RequestDeleteUserData
    | RequestInitiateTransfer
    | RequestInitiateConference
    | RequestSingleStepTransfer
    | RequestSingleStepConference
    | RequestCompleteTransfer
    | RequestCompleteConference
    | RequestReconnectCall
    | RequestAlternateCall
    | RequestDeleteFromConference
    | RequestRedirectCall
    | RequestSendDtmf
)
DeviceRequest = RequestSetDNDOn | RequestSetDNDOff | RequestCallForwardSet | RequestCallForwardCancel
AgentRequest = (
    RequestAgentLogin
    | RequestAgentLogout
    | RequestAgentReady
    | RequestAgentNotReady
    | RequestDistributeUserEvent
    | RequestPrivateService
    | DeviceRequest
)
TelephonyRequest = CallRequest | AgentRequest


class RequestReply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename=tlib):
    """A request was taken; what comes of it is told by events."""

    reference_id: str = ""
    conn_id: str = ""
    node: str = ""


class ClusterNode(msgspec.Struct, frozen=True, kw_only=True):
    """A node of sip_cluster in the directory (`kind` sip_cluster)."""

    node: str
    http: str
    """Base URL for requests."""
    sip_host: str
    sip_port: int
    """SIP/TCP."""
    calls: int = 0
    capacity: int = 10_000
    draining: bool = False


class SipNode(msgspec.Struct, frozen=True, kw_only=True):
    """A media node, a registrar or a WebRTC gateway in the directory (`kind` media, registrar, webrtc)."""

    node: str
    sip_host: str
    sip_port: int
    """SIP/TCP; SIP/UDP of a gateway."""
    sessions: int = 0
    draining: bool = False
