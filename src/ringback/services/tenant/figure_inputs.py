"""From the streams to the inputs of the statistics: calls, agents, routing requests and their results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ringback.contracts.campaigns import ATTEMPT_ENDED, ATTEMPT_STARTED, campaigns_stream
from ringback.contracts.events import agents_stream, calls_stream
from ringback.contracts.names import tlib
from ringback.contracts.routing import SubmitRequest
from ringback.contracts.rq import requests_stream, results_stream
from ringback.domain.calls.types import DNRole
from ringback.domain.statistics import (
    AgentIs,
    Dialled,
    DialOver,
    Entered,
    Input,
    Left,
    NotTaken,
    Subject,
)
from ringback.domain.statistics.inputs import DialEnd, Kind
from ringback.runtime.streams import StreamEntry

_HUNG_UP = frozenset({"caller_gone", "session_ended"})
"""Why a request is cancelled when the caller has hung up, as the cluster or the session that ends says it."""
_DIAL_ENDS: dict[str, DialEnd] = {"CONNECTED": "connected", "PERSON": "abandoned"}
_TAKEN_OUT = frozenset({"timeout", "rejected"})
"""Results that end a request. A cancel stands among the requests too, where it says why."""


class CallSeen(msgspec.Struct, frozen=True, rename=tlib):
    """What the statistics read of a CallEvent."""

    id: str
    time: float
    conn_id: str
    this_dn: str = ""
    agent_id: str = ""
    reason: str = ""
    this_dn_role: int = 0

    @property
    def in_vain(self) -> bool:
        """Whether a call has left the agent who was called."""
        return bool(self.agent_id) and self.this_dn_role != DNRole.ORIGINATION


class AgentMore(msgspec.Struct, frozen=True, rename="pascal"):
    """What they read of an AgentEvent's extensions."""

    status: str = ""
    queue: str = ""
    groups: frozenset[str] = frozenset()
    call_type: int = 0
    dnd: int = msgspec.field(default=0, name="DND")
    second_call_type: int | None = None


class AgentSeen(msgspec.Struct, frozen=True, rename=tlib):
    """What they read of an AgentEvent."""

    time: float
    agent_id: str
    state: str
    sequence: int = 0
    extensions: AgentMore = AgentMore()


class SubmitSeen(msgspec.Struct, frozen=True):
    """What they read of a SubmitRequest."""

    request_id: str
    vq: str
    arrival_time: float
    kind: Kind = "call"


class RequestSeen(msgspec.Struct, frozen=True):
    """What they read of a cancel or a confirm."""

    request_id: str
    reason: str = ""


class ResultSeen(msgspec.Struct, frozen=True):
    """What they read of a RouteResult."""

    request_id: str
    outcome: str


class DialSeen(msgspec.Struct, frozen=True, rename=tlib):
    """What they read of a CampaignEvent."""

    id: str
    campaign: str = ""
    reference_id: str = ""
    dial_result: str = ""
    answered_at: float = 0.0
    connected_at: float = 0.0


def _ends_a_request(result: bytes) -> bool:
    """Whether a result that is JSON still may be one that ends its request."""
    return b'"timeout"' in result or b'"rejected"' in result


def entry_time(entry: StreamEntry) -> float:
    """When an entry was written, by Valkey's clock."""
    return int(entry.id.partition("-")[0]) / 1000


class Translator:
    """The inputs of one tenant. It remembers where calls and requests are: their ends do not say it."""

    def __init__(self, tenant: str) -> None:
        self.streams = (
            calls_stream(tenant),
            agents_stream(tenant),
            requests_stream(tenant),
            results_stream(tenant),
            campaigns_stream(tenant),
        )
        calls, agents, requests, results, campaigns = self.streams
        self._results = results
        self.of_router = (agents, requests)
        """Those that the router of a node is given too."""
        self._read = {
            calls: self._call,
            agents: self._agent,
            requests: self._request,
            results: self._result,
            campaigns: self._campaign,
        }
        self._points: dict[str, str] = {}
        self._queues: dict[str, str] = {}

    def inputs(self, entry: StreamEntry) -> list[Input]:
        """What an entry means. Raises msgspec.ValidationError, KeyError for one that is none of ours."""
        return self._read[entry.stream](entry)

    def worth_parsing(self, stream: str, rows: Sequence[Any]) -> Sequence[Any]:
        """The rows of a stream that can mean something: most results reserve an agent, or tell a place."""
        if stream != self._results:
            return rows
        return [row for row in rows if row[1] is not None and _ends_a_request(row[1][1])]

    def entered(self, submit: SubmitRequest | SubmitSeen) -> Input:
        """A request that waits in a virtual queue."""
        self._queues[submit.request_id] = submit.vq
        return Entered(Subject("vq", submit.vq), submit.request_id, submit.kind, submit.arrival_time)

    def _call(self, entry: StreamEntry) -> list[Input]:
        event = entry.json(CallSeen)
        match event.id:
            case "EventRouteRequest":
                left = self._left_point(event.conn_id, "cleared") if self._moved(event) else []
                self._points[event.conn_id] = event.this_dn
                return [*left, Entered(Subject("queue", event.this_dn), event.conn_id, "call", event.time)]
            case "EventRouteUsed":
                return self._left_point(event.conn_id, "answered")
            case "EventAbandoned" if event.this_dn == self._points.get(event.conn_id):
                return self._left_point(event.conn_id, "abandoned")
            case "EventCallDeleted":
                return self._left_point(event.conn_id, "cleared")
            case "EventReleased" if event.in_vain and event.reason in ("no_answer", "unreachable"):
                return [NotTaken(event.agent_id, rejected=False)]
            case "EventReleased" if event.in_vain and event.reason in ("rejected", "busy"):
                return [NotTaken(event.agent_id, rejected=True)]
        return []

    def _moved(self, event: CallSeen) -> bool:
        return self._points.get(event.conn_id, event.this_dn) != event.this_dn

    def _left_point(self, conn_id: str, way: Any) -> list[Input]:
        point = self._points.pop(conn_id, "")
        return [Left(Subject("queue", point), conn_id, way)] if point else []

    def _agent(self, entry: StreamEntry) -> list[Input]:
        event = entry.json(AgentSeen)
        more = event.extensions
        return [
            AgentIs(
                event.agent_id,
                event.state,
                more.status,
                event.sequence,
                more.groups,
                more.queue,
                more.call_type,
                bool(more.dnd),
                more.second_call_type,
            )
        ]

    def _request(self, entry: StreamEntry) -> list[Input]:
        kind = entry.fields["type"]
        if kind == b"submit":
            return [self.entered(entry.json(SubmitSeen))]
        if kind == b"confirm":
            return self._left_queue(entry.json(RequestSeen).request_id, "answered")
        if kind == b"cancel":
            cancel = entry.json(RequestSeen)
            way = "abandoned" if cancel.reason in _HUNG_UP else "cleared"
            return self._left_queue(cancel.request_id, way)
        return []

    def _result(self, entry: StreamEntry) -> list[Input]:
        if not _ends_a_request(entry.fields["e"]):
            return []
        result = entry.json(ResultSeen)
        if result.outcome not in _TAKEN_OUT:
            return []
        return self._left_queue(result.request_id, "cleared")

    def _campaign(self, entry: StreamEntry) -> list[Input]:
        event = entry.json(DialSeen)
        if event.id == ATTEMPT_STARTED:
            return [Dialled(event.campaign, event.reference_id)]
        if event.id != ATTEMPT_ENDED or not event.dial_result:
            return []
        way = _DIAL_ENDS.get(event.dial_result, "missed")
        waited = max(0.0, event.connected_at - event.answered_at) if way == "connected" else 0.0
        return [DialOver(event.campaign, event.reference_id, way, waited)]

    def _left_queue(self, request_id: str, way: Any) -> list[Input]:
        queue = self._queues.pop(request_id, "")
        return [Left(Subject("vq", queue), request_id, way)] if queue else []
