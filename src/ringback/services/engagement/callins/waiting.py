"""Callers for whom a callback waits: recognised by number, and given the choice by the application."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from ringback.contracts.callbacks import FindWaiting, TakenOver, TakeOver, WaitingFound
from ringback.domain.numbers import NumberRefusedError, NumberRules, normalise
from ringback.runtime.http import HttpError, HttpRequest
from ringback.runtime.sql import load_queries
from ringback.services.engagement.catalogue import Catalogue
from ringback.services.engagement.changes import Changes
from ringback.services.engagement.records import Record
from ringback.services.engagement.store import Store, read_records

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.engagement.http import EngagementHttp

_QUERIES = load_queries("ringback.services.engagement.callins")
_PATH = "/internal/callbacks/{tenant}"


class WaitingCallers:
    """Handlers; the number is as good as the carrier's word for it."""

    def __init__(self, ctx: Context, store: Store, catalogue: Catalogue, changes: Changes) -> None:
        self._ctx = ctx
        self._store = store
        self._catalogue = catalogue
        self._changes = changes

    def add_to(self, http: EngagementHttp) -> None:
        """Serve what belongs here."""
        route = http.server.route
        route("POST", f"{_PATH}/waiting", self._find, connection="ges-12")
        route("POST", f"{_PATH}/{{id}}/take-over", self._take_over, connection="ges-12")
        route("POST", f"{_PATH}/{{id}}/cancel", self._cancel, connection="ges-12")

    async def _find(self, request: HttpRequest) -> WaitingFound:
        tenant, asked = request.path_param("tenant"), request.decode(FindWaiting)
        offer = await self._catalogue.offer(tenant, asked.service) if asked.service else None
        rules = NumberRules(refuse_premium=False)
        if offer is not None:
            rules = NumberRules(default_country=offer.settings.default_country, refuse_premium=False)
        try:
            number = normalise(asked.number, rules).e164
        except NumberRefusedError:
            return WaitingFound(found=False)
        async with self._store.statement() as session:
            rows = await session.connection.fetch(
                _QUERIES["waiting_for"], tenant, number, asked.service or None
            )
        return _found(read_records(rows)[0]) if rows else WaitingFound(found=False)

    async def _take_over(self, request: HttpRequest) -> TakenOver:
        asked = request.decode(TakeOver)
        record = await self._changes.called_in(request.path_param("tenant"), _id(request), asked.call_id)
        self._ctx.log.info("callback_taken_over", callback_id=str(record.id))
        place = min(record.progress.arrived_at, self._ctx.now())
        return TakenOver(arrived_at=place, user_data=record.details.user_data)

    async def _cancel(self, request: HttpRequest) -> dict[str, str]:
        callback_id = _id(request)
        await self._changes.cancel(request.path_param("tenant"), callback_id)
        self._ctx.log.info("callback_cancelled_by_caller", callback_id=str(callback_id))
        return {"id": str(callback_id)}


def _found(record: Record) -> WaitingFound:
    return WaitingFound(
        found=True,
        id=str(record.id),
        state=record.progress.state.value,
        service=record.service,
        position=record.position or 0,
        ewt=-1.0 if record.ewt is None else record.ewt,
        arrived_at=record.progress.arrived_at,
        desired_at=record.desired_at or 0.0,
    )


def _id(request: HttpRequest) -> UUID:
    try:
        return UUID(request.path_param("id"))
    except ValueError:
        raise HttpError(404, "callback-unknown", "there is no callback with this id") from None
