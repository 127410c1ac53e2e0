"""What media asks of other services: call data, greetings, and a place for recordings."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import msgspec

from ringback.contracts.applications import CallData
from ringback.contracts.voicemail import MailboxGreeting
from ringback.runtime.http import HttpClient, HttpFailure, HttpUnavailable
from ringback.services.media.treatments import Deposit

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_TRANSIENT = (HttpUnavailable, OSError, TimeoutError)


class VoicemailClient:
    """The mailboxes of the voicemail service."""

    def __init__(self, ctx: Context, tries: int) -> None:
        self._ctx = ctx
        self._http = HttpClient(ctx, "voicemail", connection="voice-18", timeout_s=10.0)
        self._tries = tries

    async def greeting(self, tenant: str, mailbox: str) -> MailboxGreeting | None:
        """What to play before the tone; None when the mailbox or the service is not there."""
        try:
            return await self._http.get(f"{_mailbox(tenant, mailbox)}/greeting", MailboxGreeting)
        except (HttpFailure, msgspec.DecodeError, *_TRANSIENT) as error:
            self._ctx.log.warning("no_greeting", tenant=tenant, mailbox=mailbox, error=repr(error))
            return None

    async def deposit(self, tenant: str, deposit: Deposit, *, from_number: str, conn_id: str) -> bool:
        """Hand a message over, again and again while voicemail is away; True when it is kept.

        The connection id makes a repeated deposit one message.
        """
        query = urlencode({"from": from_number, "conn_id": conn_id})
        path = f"{_mailbox(tenant, deposit.mailbox)}/messages?{query}"
        for attempt in range(self._tries):
            try:
                await self._http.request("POST", path, deposit.wav, headers={"Content-Type": "audio/wav"})
                return True
            except HttpFailure as failure:
                if failure.status < 500:
                    self._ctx.log.warning("deposit_refused", conn_id=conn_id, slug=failure.slug)
                    return False
            except _TRANSIENT as error:
                self._ctx.log.warning("deposit_delayed", conn_id=conn_id, error=repr(error))
            await asyncio.sleep(2**attempt)
        self._ctx.log.error("deposit_lost", conn_id=conn_id, mailbox=deposit.mailbox)
        return False


def _mailbox(tenant: str, mailbox: str) -> str:
    return f"/fs/mailboxes/{quote(tenant, safe='')}/{quote(mailbox, safe='')}"


class CallDataClient:
    """What orchestration knows about a call."""

    def __init__(self, ctx: Context) -> None:
        self._http = HttpClient(ctx, "orchestration", connection="voice-21", timeout_s=2.0)

    async def of(self, conn_id: str) -> CallData | None:
        """Call data, or None when there is none: a call without an application has no session."""
        try:
            return await self._http.get(f"/calls/{quote(conn_id, safe='')}", CallData)
        except (HttpFailure, msgspec.DecodeError, *_TRANSIENT):
            return None
