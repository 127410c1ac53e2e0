"""Bindings in Valkey: each change is one script, together with the event that it causes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING

from ringback.contracts.events import TOPIC_REGISTRAR, DnEvent
from ringback.contracts.sip import Binding, bindings_key, expiries_key
from ringback.runtime.valkey import Script, ValkeyError, ValkeyUnavailable
from ringback.services.registrar.bindings import Change
from ringback.services.registrar.refused import Refused
from ringback.services.registrar.script import Stored, Wording, read_reply

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_SCRIPT = Script(files(__package__).joinpath("bindings.lua").read_text(encoding="utf-8"))
_SWEEP_BATCH = 200
_NOTHING = Binding(contact="", expires_at=0.0)

Done = Stored | Refused | ValkeyUnavailable | ValkeyError
Changes = tuple[Change, ...]


class BindingStore:
    """The bindings of every tenant."""

    def __init__(self, ctx: Context, max_bindings: int) -> None:
        self._ctx = ctx
        self._state = ctx.valkey.using("voice-36")
        self._wording = Wording(ctx.node, max_bindings)

    async def apply(self, tenant: str, dn: str, changes: Changes, reason: str = "") -> Stored:
        """Set and remove bindings. Raises Refused (500 out of order, 403 too many), ValkeyUnavailable."""
        keys, args = self._wording.to(tenant, dn, changes, reason, self._ctx.now())
        stored = read_reply(await self._state.script(_SCRIPT, keys, args), changes)
        await self._report(stored.event)
        return stored

    def post(
        self,
        tenant: str,
        dn: str,
        changes: Changes,
        reason: str,
        then: Callable[[Done], None],
        now: float,
    ) -> None:
        """What `apply` does, sent now; `then` gets what comes of it, without a task where nothing comes into
        service or out of it.
        """
        keys, args = self._wording.to(tenant, dn, changes, reason, now)
        try:
            posted = partial(self._posted, then, (tenant, dn, changes, reason))
            self._state.ask(posted, "EVALSHA", _SCRIPT.sha, len(keys), *keys, *args)
        except ValkeyUnavailable:
            self._ctx.spawn(_settle(then, self.apply(tenant, dn, changes, reason)), "register")

    def _posted(
        self,
        then: Callable[[Done], None],
        wanted: tuple[str, str, Changes, str],
        reply: list[bytes] | ValkeyError | ValkeyUnavailable,
    ) -> None:
        if isinstance(reply, ValkeyError) and str(reply).startswith("NOSCRIPT"):
            self._ctx.spawn(_settle(then, self.apply(*wanted)), "register")
        elif isinstance(reply, Exception):
            then(reply)
        else:
            try:
                stored = read_reply(reply, wanted[2])
            except Refused as refused:
                then(refused)
                return
            if stored.event is None:
                then(stored)
            else:
                self._ctx.spawn(_settle(then, self._reported(stored)), "report")

    async def _reported(self, stored: Stored) -> Stored:
        await self._report(stored.event)
        return stored

    async def remove_all(self, tenant: str, dn: str, call_id: str, cseq: int) -> Stored:
        """Remove every binding. Raises as `apply`."""
        flat = await self._state.call("HKEYS", bindings_key(tenant, dn))
        changes = tuple(Change(field.decode(), call_id, cseq, 0, b"", _NOTHING) for field in flat)
        return await self.apply(tenant, dn, changes, "unregistered")

    async def sweep(self, tenant: str) -> int:
        """Take DNs out of service whose last binding has ended; returns how many.

        Many end together where a network is gone: they are told of in portions, each in one turn.
        """
        count, ended = 0, [b""] * _SWEEP_BATCH
        while len(ended) == _SWEEP_BATCH:
            now = int(self._ctx.now() * 1000)
            ended = await self._state.call(
                "ZRANGEBYSCORE", expiries_key(tenant), "-inf", now, "LIMIT", 0, _SWEEP_BATCH
            )
            await asyncio.gather(*(self.apply(tenant, dn.decode(), (), "expired") for dn in ended))
            count += len(ended)
        return count

    async def _report(self, event: DnEvent | None) -> None:
        if event is None:
            return
        self._ctx.connections.count("voice-52", sent=1)
        self._ctx.log.info("dn_event", event_id=event.id, dn=event.this_dn, reason=event.reason)
        await self._ctx.kafka.publish(TOPIC_REGISTRAR, event.this_dn, event, connection="voice-53")


async def _settle(then: Callable[[Done], None], work: Coroutine[object, object, Stored]) -> None:
    """Tell what comes of some work."""
    done: Done
    try:
        done = await work
    except (Refused, ValkeyUnavailable, ValkeyError) as error:
        done = error
    then(done)
