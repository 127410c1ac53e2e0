"""Asking a reserved agent whether a callback is to be made: `<callback:preview>`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringback.contracts.telephony import RequestDistributeUserEvent, RequestReply
from ringback.services.orchestration.clients import Clients
from ringback.services.orchestration.performer import Reply
from ringback.services.orchestration.records import Pending, Record

if TYPE_CHECKING:
    from ringback.services.orchestration.store import SessionStore

SERVICE = "callback.preview"


class Previewing:
    """The question goes out by frontend; the answer comes by the stream of private answers."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    async def ask(self, record: Record, action: Pending, _store: SessionStore) -> Reply:
        """Send the question; its id is what the answer names."""
        found, key = action.payload, record.reference(action.number)
        request = RequestDistributeUserEvent(
            tenant=record.tenant,
            agent_id=found["agent_id"],
            reference_id=key,
            idempotency_key=key,
            user_data={
                "Service": SERVICE,
                "CallbackId": record.callback_id,
                "Timeout": found["timeout"],
                "AllowReject": found["allow_reject"],
                "UserData": found["user_data"],
            },
        )
        await self._clients.frontend.post("/requests", request, RequestReply, retry=True)
        return None
