"""What the API says about queues: waits, readiness for callbacks, and the place of one that waits."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast, get_args

import msgspec

from ringback.contracts.callbacks import session_id
from ringback.domain.callbacks import State
from ringback.runtime.http import HttpError, HttpFailure, HttpUnavailable
from ringback.services.engagement.availability import read_flag
from ringback.services.engagement.catalogue import Catalogue, Offer
from ringback.services.engagement.records import Record
from ringback.services.engagement.waits import NO_AGENTS, Estimate, Forecast, Mode, WaitTimes

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_MOST_QUEUES = 100


class QueueStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`GET /engagement/v3/callbacks/queue-status/{queue}`; `ewt` in seconds, -1 unknown.

    `forecast` is there only when it was asked for.
    """

    ewt: int
    offer_immediate_callback: bool
    offer_scheduled_callback: bool
    forecast: Forecast | msgspec.UnsetType = msgspec.UNSET


class QueueDesk:
    """Answers from the router's waits and the services' settings."""

    def __init__(self, ctx: Context, catalogue: Catalogue, waits: WaitTimes) -> None:
        self._ctx = ctx
        self._catalogue = catalogue
        self._waits = waits

    async def estimates(self, tenant: str, queues: str, query: Mapping[str, str]) -> list[Estimate]:
        """Waits of the queues named in a comma list, each once; HttpError 400."""
        names = list(dict.fromkeys(name.strip() for name in queues.split(",") if name.strip()))
        if not 0 < len(names) <= _MOST_QUEUES:
            raise HttpError(400, "invalid_query", f"virtual-queues names 1 to {_MOST_QUEUES} queues")
        mode, on_hold = _mode(query.get("mode", "mode2")), read_flag(query, "include-calls-on-hold")
        asked = [self._waits.estimate(tenant, name, mode, on_hold=on_hold) for name in names]
        found = await asyncio.gather(*asked)
        if not read_flag(query, "forecast"):
            return found
        forecasts = await asyncio.gather(
            *(self._waits.forecast(tenant, name, on_hold=on_hold) for name in names)
        )
        return [
            msgspec.structs.replace(one, forecast=forecast)
            for one, forecast in zip(found, forecasts, strict=True)
        ]

    async def status(self, tenant: str, service: str, query: Mapping[str, str]) -> QueueStatus:
        """Whether a service would take callbacks now; HttpError 400 when there is none of this name."""
        offer = await self._catalogue.offer(tenant, service)
        if offer is None:
            raise HttpError(400, "unknown-service", "no callback service has this name")
        queue, asked = offer.settings.vq or service, read_flag(query, "forecast")
        estimate = await self._waits.estimate(tenant, queue)
        wait = await self._waits.of_newcomer(tenant, queue)
        return QueueStatus(
            forecast=await self._waits.forecast(tenant, queue) if asked else msgspec.UNSET,
            ewt=estimate.estimated_wait_time,
            offer_immediate_callback=_would_be_dialled(offer, estimate, wait, self._ctx.now()),
            offer_scheduled_callback=offer.settings.scheduled_enabled,
        )

    async def place(self, record: Record) -> tuple[int | None, int | None]:
        """Position in the queue and wait in seconds of a live callback; what is not known is None."""
        if record.progress.state is not State.QUEUED:
            return 0, 0
        sid = session_id(str(record.id), record.progress.attempt)
        try:
            offer = await self._catalogue.offer(record.tenant, record.service)
            queue = (offer.settings.vq if offer else "") or record.service
            found = await self._waits.of_session(record.tenant, queue, sid)
        except (HttpFailure, HttpUnavailable, msgspec.MsgspecError):
            found = None
        if found is not None and found.pos > 0:
            return found.pos, _whole(found.ewt)
        return record.position, _whole(record.ewt)


def _mode(text: str) -> Mode:
    for known in get_args(Mode):
        if known == text:
            return cast(Mode, known)
    raise HttpError(400, "invalid_query", "mode is mode1, mode2 or mode3")


def _would_be_dialled(offer: Offer, estimate: Estimate, wait: float, now: float) -> bool:
    """Whether an immediate callback booked now is forecast to be dialled before the office closes."""
    settings = offer.settings
    if not settings.immediate_enabled or estimate.result_code == NO_AGENTS:
        return False
    if offer.hours is None:
        return True
    return offer.hours.open_for(now) > wait + settings.immediate_blackout * 60


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None or seconds < 0 else round(seconds)
