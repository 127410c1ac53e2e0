"""What can be done with a mailbox: greet, take a message, list, fetch, mark, delete."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
from typing import TYPE_CHECKING

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from ringback.contracts.configuration import ConfigClient
from ringback.contracts.voicemail import (
    MailboxGreeting,
    MailboxView,
    MessageWaiting,
    VoiceMessage,
    mailbox_events,
)
from ringback.domain.configuration import Mailbox
from ringback.media.recording import read_wav
from ringback.runtime.http import HttpError
from ringback.runtime.objects import ObjectStorage, ObjectsUnavailable
from ringback.runtime.streams import append
from ringback.services.voicemail.settings import VoicemailSettings
from ringback.services.voicemail.store import MailboxFullError, MessageStore, PinGuard

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_PCM_BYTES_PER_SECOND = 16000
_NAME = re.compile(r"[A-Za-z0-9_\-+]{1,64}").fullmatch


class Mailboxes:
    """The use cases of the service; errors are `HttpError`s that say whose fault it is."""

    def __init__(self, ctx: Context, settings: VoicemailSettings, storage: ObjectStorage) -> None:
        self._ctx = ctx
        self._settings = settings
        self._storage = storage
        self._config = ConfigClient(ctx, "voice-15")
        valkey = ctx.valkey.using("voice-29")
        self._messages = MessageStore(valkey)
        self._guard = PinGuard(valkey, settings.wrong_pins, settings.lock_s)

    async def find(self, tenant: str, mailbox: str) -> Mailbox:
        """The mailbox as it is configured; 404 when there is none."""
        found = await self._config.dn(tenant, mailbox) if _NAME(tenant) and _NAME(mailbox) else None
        if not isinstance(found, Mailbox):
            raise HttpError(404, "unknown_mailbox", "there is no such mailbox")
        return found

    async def all(self, tenant: str) -> list[MailboxView]:
        """Every mailbox of a tenant."""
        found = await self._config.dns(tenant)
        return [await self.view(tenant, each) for each in found if isinstance(each, Mailbox)]

    async def view(self, tenant: str, mailbox: Mailbox) -> MailboxView:
        """A mailbox and how full it is."""
        new, old = await self._messages.count(tenant, mailbox.id)
        return MailboxView(
            mailbox=mailbox.id,
            name=mailbox.name,
            new_messages=new,
            old_messages=old,
            max_messages=mailbox.max_messages,
            locked=bool(await self._guard.locked_for(tenant, mailbox.id)),
        )

    async def greeting(self, tenant: str, mailbox: Mailbox) -> MailboxGreeting:
        """What media plays before it records."""
        full = sum(await self._messages.count(tenant, mailbox.id)) >= mailbox.max_messages
        prompts = ("number-not-available", "goodbye") if full else ("voicemail-greeting",)
        return MailboxGreeting(prompts=prompts, max_seconds=mailbox.max_seconds, full=full)

    async def deposit(
        self, tenant: str, mailbox: Mailbox, wav: bytes, *, from_number: str, conn_id: str
    ) -> VoiceMessage:
        """Keep a message: the recording first, then its entry. The same call twice leaves one message."""
        message = self._new_message(mailbox, wav, from_number, conn_id)
        if (before := await self._messages.get(tenant, mailbox.id, message.id)) is not None:
            return before
        path = _path(tenant, mailbox, message.id)
        await self._storage.put(path, wav)
        try:
            await self._messages.add(tenant, mailbox.id, message, mailbox.max_messages)
        except MailboxFullError:
            with contextlib.suppress(ObjectsUnavailable):  # the refusal stands, whatever is left behind
                await self._storage.delete(path)
            raise HttpError(409, "mailbox_full", "the mailbox holds as many messages as it may") from None
        self._ctx.log.info("message_deposited", tenant=tenant, mailbox=mailbox.id, conn_id=conn_id)
        await self._announce(tenant, mailbox)
        return message

    def _new_message(self, mailbox: Mailbox, wav: bytes, from_number: str, conn_id: str) -> VoiceMessage:
        try:
            seconds = len(read_wav(wav)) / _PCM_BYTES_PER_SECOND
        except ValueError as error:
            raise HttpError(400, "not_wav", f"the body must be a WAV file, 16 bits, 8 kHz: {error}") from None
        if seconds < self._settings.least_s:
            raise HttpError(400, "too_short", "the message is too short to be kept")
        unique = conn_id.encode() if conn_id else wav + str(self._ctx.now()).encode()
        return VoiceMessage(
            id=hashlib.sha256(mailbox.id.encode() + b"/" + unique).hexdigest()[:24],
            received_at=self._ctx.now(),
            seconds=round(seconds, 2),
            size=len(wav),
            from_number=from_number,
            conn_id=conn_id,
        )

    async def messages(self, tenant: str, mailbox: Mailbox) -> list[VoiceMessage]:
        """All messages, the newest first."""
        return await self._messages.list(tenant, mailbox.id)

    async def audio(self, tenant: str, mailbox: Mailbox, message_id: str) -> bytes:
        """The WAV file of a message; 404 when there is none."""
        if await self._messages.get(tenant, mailbox.id, message_id) is None:
            raise _no_message()
        data = await self._storage.get(_path(tenant, mailbox, message_id))
        if data is None:
            raise _no_message()
        return data

    async def mark(self, tenant: str, mailbox: Mailbox, message_id: str, *, read: bool) -> VoiceMessage:
        """Mark a message as read or new."""
        message = await self._messages.mark(tenant, mailbox.id, message_id, read=read)
        if message is None:
            raise _no_message()
        await self._announce(tenant, mailbox)
        return message

    async def delete(self, tenant: str, mailbox: Mailbox, message_id: str) -> None:
        """Remove a message for good: the recording first, so that none outlives its entry unseen."""
        if await self._messages.get(tenant, mailbox.id, message_id) is None:
            raise _no_message()
        await self._storage.delete(_path(tenant, mailbox, message_id))
        await self._messages.delete(tenant, mailbox.id, message_id)
        await self._announce(tenant, mailbox)

    async def check_pin(self, tenant: str, mailbox: Mailbox, pin: str) -> None:
        """401 for a wrong PIN, 423 while the mailbox is locked. A mailbox without a PIN lets nobody in."""
        wait = await self._guard.locked_for(tenant, mailbox.id)
        if wait:
            raise HttpError(423, "mailbox_locked", "too many wrong PINs", {"Retry-After": str(wait)})
        if not await asyncio.to_thread(_pin_matches, mailbox.pin_hash, pin):
            await self._guard.failed(tenant, mailbox.id)
            raise unauthorised()
        await self._guard.clear(tenant, mailbox.id)

    async def unlock(self, tenant: str, mailbox: Mailbox) -> None:
        """Open a locked mailbox."""
        await self._guard.clear(tenant, mailbox.id)

    async def _announce(self, tenant: str, mailbox: Mailbox) -> None:
        new, old = await self._messages.count(tenant, mailbox.id)
        event = MessageWaiting(
            id="EventMessageWaitingOn" if new else "EventMessageWaitingOff",
            time=self._ctx.now(),
            tenant=tenant,
            mailbox=mailbox.id,
            new_messages=new,
            old_messages=old,
        )
        await append(self._ctx.valkey.using("voice-29"), mailbox_events(tenant), event)


def unauthorised() -> HttpError:
    """The refusal of who has not shown that the mailbox is his."""
    challenge = {"WWW-Authenticate": 'Basic realm="voicemail"'}
    return HttpError(401, "wrong_pin", "give the mailbox and its PIN as user and password", challenge)


def _no_message() -> HttpError:
    return HttpError(404, "unknown_message", "there is no such message")


def _path(tenant: str, mailbox: Mailbox, message_id: str) -> str:
    return f"{tenant}/{mailbox.id}/{message_id}.wav"


def _pin_matches(pin_hash: str, pin: str) -> bool:
    try:
        return bool(pin_hash) and PasswordHasher().verify(pin_hash, pin)
    except (Argon2Error, InvalidHashError):
        return False
