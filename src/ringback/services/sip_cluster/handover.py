"""Calls that move between living nodes: an attended transfer joins two calls, and one node must have both.

The owner lets go of the call and writes the new owner down in one transaction of Valkey, only while nothing
is under way in it. Whoever dies then, the call has one owner who is in the directory of nodes, or is taken
over like all calls of the dead. Its dialogs find it as `sip_proxy` is told who has it.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import msgspec

from ringback.contracts.handover import PATH, HandOver, HandOverReply, Outcome
from ringback.contracts.telephony import ClusterNode
from ringback.runtime.context import Context
from ringback.runtime.http import HttpClient, HttpFailure, HttpRequest, HttpUnavailable
from ringback.runtime.valkey import ValkeyError, ValkeyUnavailable
from ringback.services.sip_cluster.driver import Driver
from ringback.services.sip_cluster.index import Index
from ringback.services.sip_cluster.joining import at_rest, give_up, telephone_of
from ringback.services.sip_cluster.live import LiveCall
from ringback.services.sip_cluster.store import CallStore
from ringback.services.sip_cluster.takeover import Elsewhere, Takeover
from ringback.sip.transfer import Replaces

PAUSE_S, TRIES = 0.1, 30
"""How often, so many seconds apart, calls are looked at until nothing is under way in them."""
AWAY_S, AWAY_TRIES = 0.5, 20
"""The same for a node that does not answer: by then it does, or its lease has ended."""
ASK_S = 2.0
REFUSALS: dict[Outcome, int] = {"refused": 403, "unknown": 481, "busy": 491}
AWAY = 503


@dataclass(frozen=True, slots=True)
class Fetched:
    """The call is here now; or the reason why not, or the number that rang there."""

    status: int = 0
    number: str | None = None


class Handover:
    """Both sides of it."""

    def __init__(
        self, ctx: Context, driver: Driver, index: Index, store: CallStore, takeover: Takeover
    ) -> None:
        self._ctx = ctx
        self._driver = driver
        self._index = index
        self._store = store
        self._takeover = takeover

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that may take as long as a node needs to answer."""
        self._ctx.spawn(work, "fetch")

    # Who wants a call

    async def fetch(self, tenant: str, replaces: Replaces, dn: str) -> Fetched:
        """Bring the call with a dialog of the telephone `dn` to this node."""
        busy, away = TRIES, AWAY_TRIES
        while busy and away:
            try:
                found = await self._try(tenant, replaces, dn)
            except (HttpUnavailable, HttpFailure, ValkeyUnavailable, ValkeyError) as error:
                self._ctx.log.info("call_not_fetched", error=str(error))
                away -= 1
                await asyncio.sleep(AWAY_S)
                continue
            if found is not None:
                return found
            busy -= 1
            await asyncio.sleep(PAUSE_S)
        return Fetched(REFUSALS["busy"] if away else AWAY)

    async def _try(self, tenant: str, replaces: Replaces, dn: str) -> Fetched | None:
        """One try; None: something is under way there."""
        known = await self._store.find((tenant,), replaces.call_id)
        if known is None:
            return Fetched(REFUSALS["unknown"])
        owner = await self._takeover.living_owner(*known)
        if owner is not None:
            reply = await self._ask(owner, tenant, replaces, dn)
            if reply.outcome == "rings":
                return Fetched(number=reply.number)
            if reply.outcome != "given":
                return None if reply.outcome == "busy" else Fetched(REFUSALS[reply.outcome])
        live = await self._takeover.take(*known)
        return Fetched() if live is not None else Fetched(REFUSALS["unknown"])

    async def _ask(self, owner: ClusterNode, tenant: str, replaces: Replaces, dn: str) -> HandOverReply:
        asked = HandOver(
            tenant=tenant,
            call_id=replaces.call_id,
            to_tag=replaces.to_tag,
            from_tag=replaces.from_tag,
            dn=dn,
            node=self._ctx.node,
        )
        client = HttpClient(self._ctx, "sip_cluster", base_url=owner.http, timeout_s=ASK_S, trusted=True)
        reply = await client.request("POST", PATH, asked)
        return decode_reply(reply.body)

    # Who has it

    async def serve(self, request: HttpRequest) -> HandOverReply:
        """`POST /hand-over`."""
        asked = request.decode(HandOver)
        if asked.call_id not in self._index.legs:
            # It may be ours and not be here yet: who gave it to us has told the store first.
            moved = await self._takeover.call_of((asked.tenant,), asked.call_id)
            if isinstance(moved, Elsewhere):
                return HandOverReply(outcome="busy")
        found = self._index.named(asked.tenant, Replaces(asked.call_id, asked.to_tag, asked.from_tag))
        if found is None:
            return HandOverReply(outcome="unknown")
        live, leg = found
        if not asked.dn or telephone_of(live, leg) != asked.dn:
            return HandOverReply(outcome="refused")
        if leg.server is not None:
            return HandOverReply(outcome="rings", number=give_up(self._driver, live, leg))
        if not at_rest(live, leg):
            return HandOverReply(outcome="busy")
        return HandOverReply(outcome="given" if await self._give(live, asked.node) else "busy")

    async def _give(self, live: LiveCall, node: str) -> bool:
        """Let go of a call: any word for it from now on finds the new owner in the store."""
        try:
            writing = self._store.give(live, node)
        except ValkeyUnavailable:
            return False
        self._driver.abandon(live)
        try:
            given = self._store.was_given(await asyncio.wait_for(writing, ASK_S))
        except (ValkeyUnavailable, ValkeyError, TimeoutError) as error:
            self._ctx.log.warning("call_not_handed_over", conn_id=live.conn_id, error=repr(error))
            self._ctx.spawn(self._takeover.keep(live), "keep")
            return False
        self._ctx.log.info("call_handed_over", conn_id=live.conn_id, to=node)
        return given


def decode_reply(body: bytes) -> HandOverReply:
    """What the owner has said; HttpFailure for what is no such word."""
    try:
        return msgspec.json.decode(body, type=HandOverReply)
    except msgspec.MsgspecError:
        raise HttpFailure(500, "bad_reply", "no answer that is known") from None
