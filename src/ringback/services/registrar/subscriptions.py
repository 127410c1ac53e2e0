"""Who wants to know of a mailbox, and what there is to tell: in Valkey, so that any registrar can tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ringback.contracts.voicemail import MessageWaiting
from ringback.runtime.valkey import Commands, Script
from ringback.sip.dialog import Dialog
from ringback.sip.events import Subscription
from ringback.sip.message_summary import PACKAGE

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_KEEP_COUNTS = Script("""
local before = redis.call('HGET', KEYS[1], ARGV[1])
if before and cjson.decode(before).time > tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
""")
_BATCH = 200


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription as it is stored, with the number that asked."""

    dn: str
    event_id: str
    expires_at: float
    call_id: str
    local: str
    remote: str
    local_tag: str
    remote_tag: str
    target: str
    route_set: tuple[str, ...]
    remote_cseq: int

    @classmethod
    def of(cls, dn: str, subscription: Subscription) -> Kept:
        """What is stored of a subscription."""
        dialog = subscription.dialog
        return cls(
            dn=dn,
            event_id=subscription.id,
            expires_at=subscription.expires_at,
            call_id=dialog.call_id,
            local=dialog.local,
            remote=dialog.remote,
            local_tag=dialog.local_tag,
            remote_tag=dialog.remote_tag,
            target=dialog.target,
            route_set=tuple(dialog.route_set),
            remote_cseq=dialog.remote_cseq or 0,
        )

    def subscription(self) -> Subscription:
        """The subscription again; its next NOTIFY still needs a number."""
        dialog = Dialog(
            self.call_id,
            self.local,
            self.remote,
            self.local_tag,
            self.remote_tag,
            self.target,
            list(self.route_set),
            remote_cseq=self.remote_cseq,
            confirmed=True,
        )
        return Subscription(dialog, PACKAGE.name, self.event_id, self.expires_at)


def name_of(dialog: Dialog) -> str:
    """The name of the subscription of a dialog."""
    return f"{dialog.local_tag} {dialog.call_id}"


class SubscriptionStore:
    """Subscriptions and counts of all mailboxes of all tenants. All raise ValkeyUnavailable."""

    def __init__(self, ctx: Context) -> None:
        self._state: Commands = ctx.valkey.using("voice-36")

    async def get(self, tenant: str, mailbox: str, name: str) -> Kept | None:
        """One subscription."""
        row: bytes | None = await self._state.call("HGET", _subscribers(tenant, mailbox), name)
        return None if row is None else msgspec.json.decode(row, type=Kept)

    async def all(self, tenant: str, mailbox: str) -> list[Kept]:
        """The subscriptions to a mailbox."""
        rows: list[bytes] = await self._state.call("HVALS", _subscribers(tenant, mailbox))
        return [msgspec.json.decode(row, type=Kept) for row in rows]

    async def put(self, tenant: str, mailbox: str, name: str, kept: Kept) -> None:
        """Write a subscription and the moment when it ends."""
        await self._state.call("HSET", _subscribers(tenant, mailbox), name, msgspec.json.encode(kept))
        await self._state.call("ZADD", _ends(tenant), kept.expires_at, f"{mailbox} {name}")

    async def remove(self, tenant: str, mailbox: str, name: str) -> bool:
        """Take a subscription out; False if another has done so: only one may send the last NOTIFY."""
        gone = await self._state.call("HDEL", _subscribers(tenant, mailbox), name)
        await self._state.call("ZREM", _ends(tenant), f"{mailbox} {name}")
        return bool(gone)

    async def ended(self, tenant: str, now: float) -> list[tuple[str, str]]:
        """Mailbox and name of subscriptions whose time is over."""
        rows = await self._state.call("ZRANGEBYSCORE", _ends(tenant), "-inf", now, "LIMIT", 0, _BATCH)
        pairs = [row.decode().partition(" ") for row in rows]
        return [(mailbox, name) for mailbox, _, name in pairs]

    async def next_number(self, tenant: str, name: str) -> int:
        """The CSeq of the next NOTIFY, whichever registrar sends it."""
        key = f"{{{tenant}}}:sip:notify-number:{name}"
        number = int(await self._state.call("INCR", key))
        # It outlives the subscription: the last NOTIFY has the highest.
        await self._state.call("EXPIRE", key, 2 * PACKAGE.max_s)
        return number

    async def is_registered(self, bindings: str) -> bool:
        """True if a number has a binding, by the key of its bindings."""
        return bool(await self._state.call("EXISTS", bindings))

    async def note(self, event: MessageWaiting) -> bool:
        """Keep what is known of a mailbox; False for news that are older than what is known."""
        args = (event.mailbox, msgspec.json.encode(event), event.time)
        return bool(await self._state.script(_KEEP_COUNTS, [_counts(event.tenant)], args))

    async def counts(self, tenant: str, mailbox: str) -> tuple[int, int] | None:
        """New and old messages; None of a mailbox that was never spoken of."""
        row: bytes | None = await self._state.call("HGET", _counts(tenant), mailbox)
        if row is None:
            return None
        event = msgspec.json.decode(row, type=MessageWaiting)
        return event.new_messages, event.old_messages


def _subscribers(tenant: str, mailbox: str) -> str:
    return f"{{{tenant}}}:sip:subscribers:{mailbox}"


def _ends(tenant: str) -> str:
    return f"{{{tenant}}}:sip:subscription-ends"


def _counts(tenant: str) -> str:
    return f"{{{tenant}}}:sip:mailbox-counts"
