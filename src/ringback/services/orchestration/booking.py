"""Promising a callback to a caller in line: `<callback:book>`."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from ringback.contracts.callbacks import BookCallback, CallbackBooked
from ringback.contracts.telephony import RequestAttachUserData, RequestReply
from ringback.runtime.http import HttpFailure
from ringback.services.orchestration.clients import Clients
from ringback.services.orchestration.performer import Reply
from ringback.services.orchestration.records import Pending, Record

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.orchestration.store import SessionStore


class Booking:
    """Engagement promises; the call in which it happened says so."""

    def __init__(self, ctx: Context, clients: Clients) -> None:
        self._ctx = ctx
        self._clients = clients

    async def book(self, record: Record, action: Pending, _store: SessionStore) -> Reply:
        """Book at the place of the call; repeated it books nothing."""
        found, key = action.payload, record.reference(action.number)
        wanted = BookCallback(
            key=key,
            service=found["service"],
            number=found["number"],
            arrived_at=found["arrival_time"] or record.started,
            not_before=self._ctx.now() + found["after_s"] if found["after_s"] else 0.0,
            interaction_id=found["interaction_id"],
            priority=found["priority"],
            user_data=found["user_data"],
        )
        path = f"/internal/callbacks/{quote(record.tenant)}"
        made = await self._clients.engagement.post(path, wanted, CallbackBooked, retry=True)
        if record.conn_id:
            await self._note(record, f"{key}:offer", made.id)
        return {"id": made.id}

    async def _note(self, record: Record, key: str, callback: str) -> None:
        """What reports look for in the call; the promise does not hang on it."""
        now = int(self._ctx.now())
        request = RequestAttachUserData(
            tenant=record.tenant,
            conn_id=record.conn_id,
            idempotency_key=key,
            user_data={
                "_CB_SERVICE_ID": callback,
                "_CB_T_CALLBACK_OFFERED": now,
                "_CB_T_CALLBACK_ACCEPTED": now,
            },
        )
        try:
            await self._clients.frontend.post("/requests", request, RequestReply, retry=True)
        except (HttpFailure, ConnectionError) as error:
            self._ctx.log.info("offer_not_noted", session=record.id, error=str(error))
