"""The request queue in Valkey: keys, entries, and the scripts that keep them in step.

A request is a hash (`{t}:rq:request:<id>`: `submit`, `kind`, `conn_id`, `sequence`, `at`, `state`, `seq`,
`result`); the open ones stand in the sorted set `{t}:rq:open` in the order of their sequence. What the router
must know goes to `{t}:rq:requests` (`type`, `sequence`, `at`, `e`), what it decides to `{t}:rq:results` (`e`:
RouteResult). Only the rq service writes here; the router reads the open requests when it starts.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import msgspec

from ringback.contracts.routing import RouteResult, SubmitRequest
from ringback.runtime.valkey import Commands

FINAL = ("timeout", "rejected", "cancelled", "diverted")
_PAGE = 500


def requests_stream(tenant: str) -> str:
    """What the router is asked: submit, cancel, confirm, return, in order."""
    return f"{{{tenant}}}:rq:requests"


def results_stream(tenant: str) -> str:
    """What the router has decided."""
    return f"{{{tenant}}}:rq:results"


def open_key(tenant: str) -> str:
    """Open requests by sequence."""
    return f"{{{tenant}}}:rq:open"


def sequence_key(tenant: str) -> str:
    """The number of the last request."""
    return f"{{{tenant}}}:rq:sequence"


def calls_key(tenant: str) -> str:
    """The hash from ConnID to the open request of that call."""
    return f"{{{tenant}}}:rq:calls"


def gone_key(tenant: str, conn_id: str) -> str:
    """Set for a minute when a call has gone that no request knew: a request that comes late is not opened."""
    return f"{{{tenant}}}:rq:gone:{conn_id}"


def request_key(tenant: str, request_id: str) -> str:
    """The hash of one request; a closed one is kept for an hour, so that a repeat is known."""
    return f"{{{tenant}}}:rq:request:{request_id}"


class PriorityRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Give a waiting request another priority, and another growth of it (points per second) unless None; its
    arrival time stays.
    """

    request_id: str
    tenant: str
    priority: int
    growth: float | None = None


class RequestTold(msgspec.Struct, frozen=True, omit_defaults=True):
    """A change of a request, as the router is told of it: `request` is what its `type` says, as it is stored.
    `cursor`: the entry of the stream. `at`: when it was submitted. `tenant`: whose it is; empty: the request
    says it.
    """

    cursor: str
    type: str
    sequence: int
    request: msgspec.Raw
    at: float | None = None
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """A request as it is kept; `seq` is the number of its last result, `at` when it was submitted."""

    submit: SubmitRequest
    sequence: int
    seq: int = 0
    result: RouteResult | None = None
    at: float | None = None


class _Tenant(msgspec.Struct):
    """Whose request it is."""

    tenant: str = ""


_tenant = msgspec.json.Decoder(_Tenant).decode


def tenant_of(request: msgspec.Raw) -> str:
    """The tenant of a request that is JSON still, empty when it cannot be read."""
    try:
        return _tenant(request).tenant
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


async def open_requests(valkey: Commands, tenant: str) -> list[OpenRequest]:
    """All open requests in the order of their sequence."""
    found: list[OpenRequest] = []
    ids = [row.decode() for row in await valkey.call("ZRANGE", open_key(tenant), 0, -1)]
    for start in range(0, len(ids), _PAGE):
        found += await _read_page(valkey, tenant, ids[start : start + _PAGE])
    return found


async def _read_page(valkey: Commands, tenant: str, ids: list[str]) -> list[OpenRequest]:
    """One page; the commands leave together, because they are awaited together."""
    wanted = ("submit", "sequence", "seq", "result", "priority", "growth", "at")
    calls = (valkey.call("HMGET", request_key(tenant, name), *wanted) for name in ids)
    return [_request(row) for row in await asyncio.gather(*calls) if row[0]]


def _request(row: list[Any]) -> OpenRequest:
    submit, sequence, seq, result, priority, growth, at = row
    request = msgspec.json.decode(submit, type=SubmitRequest)
    if priority:
        request = msgspec.structs.replace(request, priority=int(priority))
    if growth:
        request = msgspec.structs.replace(request, growth=float(growth))
    return OpenRequest(
        request,
        int(sequence),
        int(seq or 0),
        msgspec.json.decode(result, type=RouteResult) if result else None,
        float(at) if at else None,
    )
