"""Messages of mailboxes in Valkey: one hash for each mailbox, message id to JSON."""

from __future__ import annotations

import msgspec

from ringback.contracts.voicemail import VoiceMessage
from ringback.runtime.valkey import Commands, Script

_ADD = Script("""
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return 0 end
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then return -1 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
""")
_REPLACE = Script("""
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
""")
_FAIL = Script("""
local count = redis.call('INCR', KEYS[1])
if count == 1 or count == tonumber(ARGV[1]) then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return count
""")


class MailboxFullError(Exception):
    """The mailbox holds as many messages as it may."""


class MessageStore:
    """The messages of all mailboxes of all tenants."""

    def __init__(self, valkey: Commands) -> None:
        self._valkey = valkey

    async def add(self, tenant: str, mailbox: str, message: VoiceMessage, most: int) -> bool:
        """Add a message; False when it was there before. Raises MailboxFullError."""
        args = (message.id, msgspec.json.encode(message), most)
        added = await self._valkey.script(_ADD, [_key(tenant, mailbox)], args)
        if added < 0:
            raise MailboxFullError(mailbox)
        return bool(added)

    async def list(self, tenant: str, mailbox: str) -> list[VoiceMessage]:
        """All messages, the newest first."""
        rows: list[bytes] = await self._valkey.call("HVALS", _key(tenant, mailbox))
        messages = [msgspec.json.decode(row, type=VoiceMessage) for row in rows]
        return sorted(messages, key=lambda message: (message.received_at, message.id), reverse=True)

    async def get(self, tenant: str, mailbox: str, message_id: str) -> VoiceMessage | None:
        """One message, or None."""
        row: bytes | None = await self._valkey.call("HGET", _key(tenant, mailbox), message_id)
        return None if row is None else msgspec.json.decode(row, type=VoiceMessage)

    async def mark(self, tenant: str, mailbox: str, message_id: str, *, read: bool) -> VoiceMessage | None:
        """Mark a message as read or new; None when there is no such message."""
        message = await self.get(tenant, mailbox, message_id)
        if message is None:
            return None
        marked = msgspec.structs.replace(message, read=read)
        args = (message_id, msgspec.json.encode(marked))
        kept = await self._valkey.script(_REPLACE, [_key(tenant, mailbox)], args)
        return marked if kept else None

    async def delete(self, tenant: str, mailbox: str, message_id: str) -> bool:
        """Remove a message; False when there was none."""
        return bool(await self._valkey.call("HDEL", _key(tenant, mailbox), message_id))

    async def count(self, tenant: str, mailbox: str) -> tuple[int, int]:
        """How many messages are new, and how many are read."""
        messages = await self.list(tenant, mailbox)
        read = sum(message.read for message in messages)
        return len(messages) - read, read


class PinGuard:
    """Counts wrong PINs of a mailbox in Valkey and locks it for a time."""

    def __init__(self, valkey: Commands, wrong_pins: int, lock_s: int) -> None:
        self._valkey = valkey
        self._wrong_pins = wrong_pins
        self._lock_s = lock_s

    async def locked_for(self, tenant: str, mailbox: str) -> int:
        """Seconds until the mailbox opens again; 0 when it is open."""
        key = _guard_key(tenant, mailbox)
        count: bytes | None = await self._valkey.call("GET", key)
        if count is None or int(count) < self._wrong_pins:
            return 0
        return max(1, int(await self._valkey.call("TTL", key)))

    async def failed(self, tenant: str, mailbox: str) -> None:
        """Count a wrong PIN."""
        key = _guard_key(tenant, mailbox)
        await self._valkey.script(_FAIL, [key], (self._wrong_pins, self._lock_s))

    async def clear(self, tenant: str, mailbox: str) -> None:
        """Forget the wrong PINs, which also unlocks."""
        await self._valkey.call("DEL", _guard_key(tenant, mailbox))


def _key(tenant: str, mailbox: str) -> str:
    return f"{{{tenant}}}:voicemail:{mailbox}"


def _guard_key(tenant: str, mailbox: str) -> str:
    return f"{{{tenant}}}:voicemail-pins:{mailbox}"
