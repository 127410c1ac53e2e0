"""Bindings in Valkey: each change is one script, together with the event that it causes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING

import msgspec

from ringback.contracts.events import TOPIC_REGISTRAR, DnEvent, dns_stream
from ringback.contracts.sip import Binding, bindings_key, expiries_key
from ringback.runtime.streams import MAXLEN
from ringback.runtime.valkey import Script, ValkeyError, ValkeyUnavailable
from ringback.services.registrar.bindings import Change
from ringback.services.registrar.refused import Refused

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_SCRIPT = Script(files(__package__).joinpath("bindings.lua").read_text(encoding="utf-8"))
_SWEEP_BATCH = 200
_binding = msgspec.json.Decoder(Binding).decode


@dataclass(frozen=True, slots=True)
class Stored:
    """The bindings after a change, and the event that it caused."""

    bindings: list[Binding]
    event: DnEvent | None


Done = Stored | Refused | ValkeyUnavailable | ValkeyError


class BindingStore:
    """The bindings of every tenant."""

    def __init__(self, ctx: Context, max_bindings: int) -> None:
        self._ctx = ctx
        self._state = ctx.valkey.using("voice-36")
        self._max = max_bindings

    async def apply(self, tenant: str, dn: str, changes: tuple[Change, ...], reason: str = "") -> Stored:
        """Set and remove bindings. Raises Refused (500 out of order, 403 too many), ValkeyUnavailable."""
        stored = _read(await self._state.script(_SCRIPT, *self._asked(tenant, dn, changes, reason)))
        await self._report(stored.event)
        return stored

    def post(
        self, tenant: str, dn: str, changes: tuple[Change, ...], reason: str, then: Callable[[Done], None]
    ) -> None:
        """What `apply` does, sent now; `then` gets what comes of it, without a task where nothing comes into
        service or out of it.
        """
        keys, args = self._asked(tenant, dn, changes, reason)
        asked = self._state.call("EVALSHA", _SCRIPT.sha, len(keys), *keys, *args)
        posted = partial(self._posted, then, (tenant, dn, changes, reason))
        asyncio.ensure_future(asked).add_done_callback(posted)

    def _posted(
        self,
        then: Callable[[Done], None],
        wanted: tuple[str, str, tuple[Change, ...], str],
        reply: asyncio.Future[list[bytes]],
    ) -> None:
        try:
            stored = _read(reply.result())
        except (Refused, ValkeyUnavailable) as error:
            then(error)
        except ValkeyError as error:
            if str(error).startswith("NOSCRIPT"):
                self._ctx.spawn(_settle(then, self.apply(*wanted)), "register")
            else:
                then(error)
        else:
            if stored.event is None:
                then(stored)
            else:
                self._ctx.spawn(_settle(then, self._reported(stored)), "report")

    async def _reported(self, stored: Stored) -> Stored:
        await self._report(stored.event)
        return stored

    def _asked(
        self, tenant: str, dn: str, changes: tuple[Change, ...], reason: str
    ) -> tuple[tuple[str, ...], tuple[str | int, ...]]:
        """Keys and arguments of the script."""
        now = self._ctx.now()
        keys = (bindings_key(tenant, dn), expiries_key(tenant), dns_stream(tenant))
        event = DnEvent(id="", time=now, tenant=tenant, server=self._ctx.node, this_dn=dn, reason=reason)
        given = msgspec.json.encode(changes).decode()
        template = msgspec.json.encode(event).decode()
        return keys, (int(now * 1000), dn, given, self._max, template, MAXLEN)

    async def remove_all(self, tenant: str, dn: str, call_id: str, cseq: int) -> Stored:
        """Remove every binding. Raises as `apply`."""
        flat = await self._state.call("HKEYS", bindings_key(tenant, dn))
        changes = tuple(Change(field.decode(), call_id, cseq, 0, "") for field in flat)
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


def _read(reply: list[bytes]) -> Stored:
    """What the script says. Raises Refused."""
    verdict, _, _, sent, *rows = reply
    if verdict == b"out_of_order":
        raise Refused(500, "CSeq out of order")
    if verdict == b"too_many":
        raise Refused(403, "Too many bindings")
    return Stored(
        [_binding(row) for row in rows],
        msgspec.json.decode(sent, type=DnEvent) if sent else None,
    )


async def _settle(then: Callable[[Done], None], work: Coroutine[object, object, Stored]) -> None:
    """Tell what comes of some work."""
    done: Done
    try:
        done = await work
    except (Refused, ValkeyUnavailable, ValkeyError) as error:
        done = error
    then(done)
