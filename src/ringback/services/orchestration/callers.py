"""Callers whom engagement knows: somebody for whom a callback waits, or who dials in after a request."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from ringback.contracts.callbacks import (
    CallInMatched,
    FindWaiting,
    MatchCallIn,
    TakenOver,
    TakeOver,
    WaitingFound,
)
from ringback.runtime.http import HttpFailure
from ringback.services.orchestration.clients import Clients
from ringback.services.orchestration.performer import ActionFailed, Performer, Reply
from ringback.services.orchestration.records import Pending, Record
from ringback.services.orchestration.store import SessionStore


class Callers:
    """The elements `waiting`, `takeover`, `cancel` and `match` of the module callback."""

    def __init__(self, clients: Clients, query_s: float) -> None:
        self._engagement = clients.engagement
        self._query_s = query_s

    def add_to(self, performer: Performer) -> None:
        """Have them carried out here."""
        performer.add("callback.waiting", self._waiting)
        performer.add("callback.takeover", self._take_over)
        performer.add("callback.cancel", self._cancel)
        performer.add("callback.match", self._match)

    async def _waiting(self, record: Record, action: Pending, _store: SessionStore) -> Reply:
        """A caller hears nothing meanwhile: without an answer in time there is none."""
        wanted = FindWaiting(number=action.payload["number"], service=action.payload["service"])
        path = f"/internal/callbacks/{quote(record.tenant)}/waiting"
        try:
            async with asyncio.timeout(self._query_s):
                found = await self._engagement.post(path, wanted, WaitingFound)
        except (TimeoutError, ConnectionError, HttpFailure):
            raise ActionFailed("unavailable") from None
        return {
            "found": found.found,
            "id": found.id,
            "state": found.state,
            "service": found.service,
            "position": found.position,
            "ewt": found.ewt,
            "arrivaltime": found.arrived_at,
            "desiredtime": found.desired_at,
        }

    async def _take_over(self, record: Record, action: Pending, _store: SessionStore) -> Reply:
        wanted = TakeOver(call_id=record.call_uuid or record.conn_id or record.id)
        path = f"{_callback(record, action)}/take-over"
        taken = await self._engagement.post(path, wanted, TakenOver, retry=True)
        return {"id": action.payload["callback"], "arrivaltime": taken.arrived_at, "udata": taken.user_data}

    async def _cancel(self, record: Record, action: Pending, _store: SessionStore) -> Reply:
        await self._engagement.post(f"{_callback(record, action)}/cancel", {}, retry=True)
        return {"id": action.payload["callback"]}

    async def _match(self, record: Record, action: Pending, _store: SessionStore) -> Reply:
        wanted = MatchCallIn(
            to=action.payload["to"],
            from_number=action.payload["number"],
            code=action.payload["code"],
            call_id=record.call_uuid or record.conn_id or record.id,
        )
        path = f"/internal/call-ins/{quote(record.tenant)}/match"
        found = await self._engagement.post(path, wanted, CallInMatched, retry=True)
        return {
            "matched": found.matched,
            "reason": found.reason,
            "id": str(found.id or ""),
            "group": found.group,
            "codelength": found.code_length,
            "callback": str(found.callback_id or ""),
            "arrivaltime": found.arrived_at,
            "udata": found.user_data,
        }


def _callback(record: Record, action: Pending) -> str:
    return f"/internal/callbacks/{quote(record.tenant)}/{quote(action.payload['callback'], safe='')}"
