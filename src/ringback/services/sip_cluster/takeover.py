"""Calls of a node that is gone: taken over when one of their dialogs asks for it, or when the lease ends.

A node owns its calls as long as it announces itself in the directory. Dialogs that stand go on. An INVITE of
ours that was under way is sent again under its names: sip_proxy takes it for a retransmission and says what
has become of it, or that it does not know it. What else was under way in a transaction is lost with the node;
a caller who had no answer yet has gone.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from ringback.contracts.sip import HEADER_OWNER, HEADER_SILENT
from ringback.contracts.telephony import ClusterNode
from ringback.domain.calls import inputs as i
from ringback.domain.calls.types import LegState
from ringback.runtime.context import Context
from ringback.runtime.directory import list_nodes
from ringback.runtime.patience import until_stored
from ringback.runtime.valkey import ValkeyError, ValkeyUnavailable
from ringback.services.sip_cluster.driver import Driver
from ringback.services.sip_cluster.index import Index
from ringback.services.sip_cluster.live import LiveCall, SipLeg
from ringback.services.sip_cluster.metrics import ClusterMetrics
from ringback.services.sip_cluster.outgoing import SETTING_UP
from ringback.services.sip_cluster.snapshot import Snapshot, restore
from ringback.services.sip_cluster.store import CallStore
from ringback.sip.exchange import ServerTransaction
from ringback.sip.message import Request

Inside = Callable[[ServerTransaction, Request, LiveCall, SipLeg], None]
"""Takes a request inside a dialog, and whose it is."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A living node has the call."""

    node: str


class Takeover:
    """Finds the calls of others, and gives up what others have taken."""

    def __init__(
        self, ctx: Context, store: CallStore, driver: Driver, index: Index, metrics: ClusterMetrics
    ) -> None:
        self._ctx = ctx
        self._store = store
        self._driver = driver
        self._index = index
        self._metrics = metrics
        self._missed: set[str] = set()
        self._taking: dict[str, asyncio.Task[LiveCall | None]] = {}
        self.resume: Callable[[LiveCall, str, tuple[str, int]], None]
        """Set by the SIP side: goes on with an INVITE of the node that was at an address."""
        self.restored: Callable[[LiveCall], None] = lambda live: None
        """Set by the SIP side: the call's session timers run here now."""

    async def find(self, request: Request) -> tuple[LiveCall, SipLeg] | Elsewhere | None:
        """The leg of a request for a dialog that this node does not know, or who has its call."""
        live = await self.call_of(self._ctx.common.tenants, request.call_id, silent_of(request))
        if live is None or isinstance(live, Elsewhere):
            return live
        leg = next((leg for leg in live.legs.values() if leg.call_id == request.call_id), None)
        return None if leg is None else (live, leg)

    async def answer(self, tx: ServerTransaction, request: Request, inside: Inside) -> None:
        """A dialog that this node does not know may be of a node that is gone: `inside` gets its request."""
        known = await self.find(request)
        if known is None:
            tx.reply(481)
        elif isinstance(known, Elsewhere):
            tx.reply(481, headers=[(HEADER_OWNER, known.node)])
        else:
            inside(tx, request, *known)

    async def call_of(
        self, tenants: Iterable[str], call_id: str, silent: frozenset[str] = frozenset()
    ) -> LiveCall | Elsewhere | None:
        """The call of a dialog that this node does not know, taken over if its node is gone or `silent`."""
        try:
            found = await self._store.find(tenants, call_id)
            if found is None:
                return None
            owner = await self.living_owner(*found)
            return await self.take(*found) if owner is None or owner.node in silent else Elsewhere(owner.node)
        except (ValkeyUnavailable, ValkeyError):
            return None

    async def living_owner(self, tenant: str, conn_id: str) -> ClusterNode | None:
        """The node that has a call, if it is another one and lives."""
        node = await self._store.owner(tenant, conn_id)
        if node in ("", self._ctx.node):
            return None
        return (await self._living()).get(node)

    async def _living(self) -> dict[str, ClusterNode]:
        return await list_nodes(self._ctx.valkey.using("voice-41"), "sip_cluster", ClusterNode)

    async def take(self, tenant: str, conn_id: str) -> LiveCall | None:
        """Make a call ours and let it go on; who asks while that is under way gets the same answer."""
        if conn_id in self._driver.calls:
            return self._driver.calls[conn_id]
        task = self._taking.get(conn_id)
        if task is None:
            task = self._taking[conn_id] = asyncio.create_task(self._take(tenant, conn_id))
            task.add_done_callback(lambda _: self._taking.pop(conn_id, None))
        return await asyncio.shield(task)

    async def _take(self, tenant: str, conn_id: str) -> LiveCall | None:
        snapshot = await self._store.take(tenant, conn_id)
        if snapshot is None:
            return None
        live = restore(snapshot)
        self._care_for(live)
        self._metrics.restored.inc()
        self._ctx.log.info("call_taken_over", conn_id=conn_id)
        self._mourn(live, snapshot)
        return live

    def _care_for(self, live: LiveCall) -> None:
        """Put a call into this node's care."""
        self._driver.open(live)
        for leg in live.legs.values():
            self._index.add(live, leg)
        self.restored(live)

    async def keep(self, live: LiveCall) -> None:
        """Go on with a call that could not be handed over, unless it turns out that it was."""
        live.lost = False
        self._care_for(live)
        self._driver.carry_on(live, [])
        if not await until_stored(partial(self._store.is_owner, live.tenant, live.conn_id)):
            self._driver.abandon(live)

    async def take_if_orphan(self, tenant: str, conn_id: str) -> LiveCall | None:
        """The call when its node is gone; None when it is gone too, or well cared for."""
        snapshot = await self._store.read(tenant, conn_id)
        if snapshot is None:
            return None
        living = await self._living()
        elsewhere = snapshot.node in living and snapshot.node != self._ctx.node
        return None if elsewhere else await self.take(tenant, conn_id)

    def _mourn(self, live: LiveCall, snapshot: Snapshot) -> None:
        """Tell the call what died with its node, and go on with what did not."""
        live.call.data.put_off.clear()
        for leg in list(live.call.data.legs.values()):
            if leg.offering:
                leg.offering = False
            if leg.reoffer is not None:
                self._driver.feed(live, i.ReofferFailed(leg.id, 491))
            if leg.state in SETTING_UP:
                self._go_on(live, leg.id, snapshot.resumed.get(leg.id, snapshot.sent_by))
            elif leg.state is LegState.OFFERED:
                self._driver.feed(live, i.HungUp(leg.id))
        self._driver.feed(live, i.TimersDue())

    def _go_on(self, live: LiveCall, leg_id: str, sent_by: tuple[str, int]) -> None:
        if sent_by[0]:
            self._driver.feed(live, i.Interrupted(leg_id))
            self.resume(live, leg_id, sent_by)
        else:
            self._driver.feed(live, i.Lost(leg_id))

    async def watch(self, every_s: float) -> None:
        """Look for nodes that are gone, forever; one counts as gone when it was missed twice.

        When Valkey comes back from an outage all entries have expired: the living need a moment to return.
        """
        while True:
            await asyncio.sleep(every_s)
            try:
                missing = await self._missing()
                for node in missing & self._missed:
                    await self._take_all(node)
                self._missed = missing
            except (ValkeyUnavailable, ValkeyError):
                self._missed = set()

    async def _missing(self) -> set[str]:
        """Nodes that may own calls and are not in the directory."""
        living = await self._living()
        return set(await self._store.owners()) - living.keys() - {self._ctx.node}

    async def _take_all(self, node: str) -> None:
        calls = await self._store.owned(node)
        for tenant, conn_id in calls:
            handed_over = await self._store.owner(tenant, conn_id) not in ("", node)
            if handed_over or await self.take(tenant, conn_id) is None:
                await self._store.release(node, tenant, conn_id)
        if not calls:
            await self._store.disown(node)

    async def adopt_own(self) -> None:
        """After a restart under the same name: the calls of this node's former life."""
        for tenant, conn_id in await self._store.owned(self._ctx.node):
            if await self.take(tenant, conn_id) is None:
                await self._store.release(self._ctx.node, tenant, conn_id)

    async def check_ownership(self) -> None:
        """After Valkey was away: store our calls again; those that another node has taken are not ours."""
        for live in list(self._driver.calls.values()):
            if not await self._store.is_owner(live.tenant, live.conn_id):
                self._ctx.log.warning("call_lost_to_another_node", conn_id=live.conn_id)
                self._driver.abandon(live)
            else:
                await self._store.keep_again(live)


def silent_of(request: Request) -> frozenset[str]:
    """The nodes that sip_proxy gets no answer from."""
    return frozenset(request.values(HEADER_SILENT))
