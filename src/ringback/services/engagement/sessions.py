"""The sessions that run the attempts: started through the stream, reached by HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from ringback.contracts.callbacks import STREAM, CallbackEntry, session_id
from ringback.domain.callbacks import CallbackSettings
from ringback.runtime.http import HttpClient, HttpFailure
from ringback.runtime.streams import append_fields
from ringback.services.engagement.attempts.plan import application, dial_plan
from ringback.services.engagement.catalogue import Offer
from ringback.services.engagement.records import Record

if TYPE_CHECKING:
    from ringback.runtime.context import Context

CANCEL_EVENT = "callback.cancel"
_CONNECTION = "voice-10,ges-11"


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """What the diagnostics poll looks at."""

    ended: bool = False
    pending: list[str] = []
    """Actions under way, `number:name`."""

    @property
    def reports(self) -> bool:
        """Whether it has a step to report that has not reached us yet: we were away."""
        return any(each.endswith(":report") for each in self.pending)


class Sessions:
    """Orchestration as this service sees it."""

    def __init__(self, ctx: Context, application: str) -> None:
        self._ctx = ctx
        self._application = application or ctx.url("designer") + "/apps/{tenant}/{name}.scxml"
        self._client = HttpClient(ctx, "orchestration", "control", connection=_CONNECTION, timeout_s=3.0)

    async def start(self, record: Record, attempt: int, offer: Offer) -> None:
        """Append the entry that starts an attempt; ValkeyUnavailable when it could not be."""
        entry = self._entry(record, attempt, offer)
        await append_fields(self._ctx.valkey, STREAM, msgspec.structs.asdict(entry))
        for row in _CONNECTION.split(","):
            self._ctx.connections.count(row, sent=1)

    async def stop(self, record: Record, attempt: int, reason: str) -> None:
        """Tell the session of an attempt to give up; a session that is not there has nothing to give up."""
        path = _path(record, attempt, f"event/{CANCEL_EVENT}")
        try:
            await self._client.post(path, {"reason": reason})
        except HttpFailure as failure:
            if failure.status != 404:
                raise

    async def look(self, record: Record) -> SessionView | None:
        """The session of the running attempt; None: there is none. Raises when nobody can say."""
        path = _path(record, record.progress.attempt, "query")
        try:
            return await self._client.get(path, SessionView)
        except HttpFailure as failure:
            if failure.status == 404:
                return None
            raise

    def _entry(self, record: Record, attempt: int, offer: Offer) -> CallbackEntry:
        progress, settings = record.progress, offer.settings
        return CallbackEntry(
            tenant=record.tenant,
            callback_id=str(record.id),
            service=settings.vq or record.service,
            attempt=str(attempt),
            number=record.number,
            arrival_time=f"{progress.arrived_at:.6f}",
            desired_time=f"{progress.arrived_at if record.desired_at is None else record.desired_at:.6f}",
            priority=str(record.priority),
            app=self._address(record, settings),
            route_point=record.details.route_point or settings.route_point,
            target=settings.target,
            caller_id=settings.call_display_number,
            user_data=msgspec.json.encode(record.details.user_data).decode(),
            expires_at=f"{progress.expires_at:.6f}",
            dial=msgspec.json.encode(dial_plan(settings, record)).decode(),
        )

    def _address(self, record: Record, settings: CallbackSettings) -> str:
        named = (settings.service or self._application).replace("{tenant}", record.tenant)
        name = application(settings, scheduled=record.desired_at is not None)
        return named.replace("{name}", name)


def _path(record: Record, attempt: int, what: str) -> str:
    sid = quote(session_id(str(record.id), attempt), safe="")
    return f"/scxml/session/{sid}/{what}?tenant={quote(record.tenant, safe='')}"
