"""Campaigns across services: the messages of the campaigns' link (5050), and the events.

`CampaignEvent` travels on `{tenant}:events:campaigns`, to subscribers of 5050, and on topic `voice-outbound`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ringback.contracts.names import tlib
from ringback.domain.campaigns.records import Given

LOADED, STARTED, PAUSED = "EventCampaignLoaded", "EventDialingStarted", "EventDialingPaused"
STOPPING, STOPPED, UNLOADED = "EventDialingStopping", "EventDialingStopped", "EventCampaignUnloaded"
EXHAUSTED = "EventCampaignExhausted"
ATTEMPT_STARTED, ATTEMPT_ENDED = "EventAttemptStarted", "EventAttemptEnded"
RECORD_COMPLETED = "EventRecordCompleted"
OUTCOME_ENTERED = "EventOutcomeEntered"
CALLBACK_BOOKED, CALLBACK_REFUSED = "EventCallbackBooked", "EventCallbackRefused"


class CampaignEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename=tlib):
    """Something that happened to a campaign, an attempt or a record. The customer's number is not in it."""

    id: str
    """The event's name: EventCampaignLoaded, EventAttemptEnded, …"""
    time: float
    """Seconds since the epoch."""
    tenant: str
    campaign: str = ""
    state: str = ""
    """Of a campaign: loaded, running, paused, stopping or unloaded."""
    reason: str = ""
    """A stable slug: of a pause, of a dial, of a record that will not be dialled."""
    calling_list: str = ""
    record: str = ""
    """The record's key in its list."""
    attempt: int = 0
    """Number of the record's attempt, from 1."""
    reference_id: str = ""
    """Of the request that dialled: the events of the call bear it too."""
    conn_id: str = ""
    agent_id: str = ""
    dial_result: str = ""
    """CONNECTED, PERSON (abandoned), BUSY, NO_ANSWER, ANSWERING_MACHINE, …"""
    dials: int = 0
    """Attempts of the record that counted."""
    next_at: float = 0.0
    """When the record may be dialled again; 0: not again."""
    asked_at: float = 0.0
    answered_at: float = 0.0
    connected_at: float = 0.0
    number_kind: str = ""
    """Which number of the customer was dialled: home, mobile, work."""
    outcome: str = ""
    """What the agent says the talk has come to."""
    call_at: float = 0.0
    """When the customer wants to be called, as the agent says."""
    callback_id: str = ""
    """Of the callback that was booked for it."""


def campaigns_stream(tenant: str) -> str:
    """The stream of campaign events of a tenant."""
    return f"{{{tenant}}}:events:campaigns"


class CampaignParams(msgspec.Struct, frozen=True, kw_only=True):
    """One campaign."""

    tenant: str
    campaign: str


class StatusParams(msgspec.Struct, frozen=True, kw_only=True):
    """One campaign; none named means all."""

    tenant: str
    campaign: str = ""


class SubscribeParams(msgspec.Struct, frozen=True, kw_only=True):
    """Whose events are wanted; none named means all."""

    tenant: str
    campaigns: frozenset[str] = frozenset()

    def wants(self, event: CampaignEvent) -> bool:
        return event.tenant == self.tenant and (not self.campaigns or event.campaign in self.campaigns)


class EventsParams(msgspec.Struct, frozen=True, kw_only=True):
    """What has happened since the event with this cursor; `0`: from the first that is still kept on."""

    tenant: str
    after: str = "0"
    limit: int = 100


class KeptEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event, and the cursor behind which the next one is."""

    cursor: str
    event: msgspec.Raw


class EventsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Events in their order."""

    events: Sequence[KeptEvent]
    more: bool


class ListParams(msgspec.Struct, frozen=True, kw_only=True):
    """One calling list; `keys` are the records that are meant."""

    tenant: str
    list: str
    keys: tuple[str, ...] = ()


class ReadRecords(ListParams, frozen=True, kw_only=True):
    """A page of records: those named, or all, from behind the key `after` on."""

    after: str = ""
    limit: int = 100


class AddRecords(msgspec.Struct, frozen=True, kw_only=True):
    """A batch of records for one list."""

    tenant: str
    list: str
    records: Sequence[Given]


class RecordRefusal(msgspec.Struct, frozen=True):
    """A record that was not taken: which one, a stable reason, and words for people."""

    key: str
    reason: str
    message: str


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a batch; `known`: records whose key is in the list already, which are left alone."""

    added: int
    known: int
    refused: list[RecordRefusal]


class DoNotCallParams(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers for the do-not-call list, or off it."""

    tenant: str
    numbers: list[str]
    reason: str = ""


class DoNotCallReply(msgspec.Struct, frozen=True, kw_only=True):
    """How many numbers were added, removed or found, and the places in the request of those that are none."""

    numbers: int
    refused: list[int]


class PreviewParams(msgspec.Struct, frozen=True, kw_only=True):
    """An agent who wants the next record of a campaign."""

    tenant: str
    campaign: str
    agent: str


class OfferParams(msgspec.Struct, frozen=True, kw_only=True):
    """The record that an agent was offered, by its reference."""

    tenant: str
    reference: str
    reason: str = ""


class OutcomeParams(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent says a talk has come to: by the reference of the dial, or by list and key of the record,
    whose last dial is meant. `call_at`: when the customer wants to be called, as `2026-11-24T15:00+01:00`, or
    without a zone on the customer's clock.
    """

    tenant: str
    outcome: str
    agent: str = ""
    reference: str = ""
    list: str = ""
    key: str = ""
    call_at: str = ""


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A record before an agent. It is theirs until `until` (seconds since the epoch)."""

    reference: str
    list: str
    key: str
    number: str
    data: dict[str, str]
    attempt: int
    until: float


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Records of a campaign's lists by state and, done, by result; `open`: calls under way. `next_at`: when
    the first of those that wait is due, seconds since the epoch; 0: none waits.
    """

    waiting: int = 0
    dialling: int = 0
    done: int = 0
    results: dict[str, int] = {}
    open: int = 0
    next_at: float = 0.0


class CampaignStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a campaign stands. `answered` and `abandoned` count from its last start."""

    tenant: str
    campaign: str
    state: str
    reason: str = ""
    since: float = 0.0
    mode: str = ""
    answered: int = 0
    abandoned: int = 0
    counts: Counts = Counts()


class RecordView(msgspec.Struct, frozen=True, kw_only=True):
    """One record as it stands; `number` is masked."""

    key: str
    number: str
    state: str
    due_at: float
    attempts: int
    dials: int
    result: str
    reason: str
    data: dict[str, Any] = {}
    outcome: str = ""


class RecordPage(msgspec.Struct, frozen=True, kw_only=True):
    """Records in the order of their keys."""

    records: Sequence[RecordView]
    more: bool


class CampaignHour(msgspec.Struct, frozen=True, kw_only=True):
    """The dials that were begun in one hour, and what came of them. `hour`: seconds since the epoch.

    abandoned: a person answered and no agent spoke to them. other: no person, a wrong number, nobody knows.
    """

    hour: float
    dialled: int
    answered: int
    connected: int
    abandoned: int
    busy: int
    no_answer: int
    other: int


class CampaignPicture(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign as a supervisor sees it, told by the node that dials.

    status: how it stands. why: a slug, why nobody is dialled at this moment; empty: somebody is. ready,
    calls_waiting: agents and calls of its queue; under_way: customers who are dialled or have no agent yet.
    hours: of the last day, those in which something was dialled. per_minute: dials, of the last minutes.
    """

    status: CampaignStatus
    queue: str = ""
    lists: list[str] = []
    ratio: float = 1.0
    abandon_cap: float = 0.0
    why: str = ""
    ready: int = 0
    calls_waiting: int = 0
    under_way: int = 0
    per_minute: float = 0.0
    hours: list[CampaignHour] = []


class CampaignPictures(msgspec.Struct, frozen=True, kw_only=True):
    """All campaigns of a tenant. `at`: seconds since the epoch."""

    at: float
    campaigns: list[CampaignPicture]


class CustomerView(msgspec.Struct, frozen=True, kw_only=True):
    """One record of a campaign for supervisors; `number` is masked. Times: seconds since the epoch, 0: none.

    due_at: when it may be dialled, while it waits. result, reason: of its last dial. outcome: what an agent
    says the talk has come to. agent: who had it last. at: of the last dial. call_at: when the customer wants
    to be called.
    """

    list: str
    key: str
    number: str
    state: str
    due_at: float
    dials: int
    result: str
    reason: str
    outcome: str
    agent: str
    at: float
    call_at: float


class CustomersPage(msgspec.Struct, frozen=True, kw_only=True):
    """Customers by list and key. `outcomes`: how many of the campaign have each; on the first page only."""

    customers: list[CustomerView]
    more: bool
    outcomes: dict[str, int] | None
