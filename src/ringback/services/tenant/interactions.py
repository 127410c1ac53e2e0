"""Interactions of other media: what the interaction server says of them, and what it asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ringback.contracts.interactions import ENDED, InteractionEvent, InteractionStatus, interactions_stream
from ringback.domain.agents.session import Keep, Unreserve
from ringback.runtime.http import HttpError
from ringback.runtime.link import LinkError, LinkSession
from ringback.runtime.streams import StreamEntry, StreamTail
from ringback.services.tenant.book import read_reservation
from ringback.services.tenant.wait_times import router_of

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.tenant.leader import Leader
    from ringback.services.tenant.settings import TenantSettings

REQUEST = "RequestInteractionStatus"


class Interactions:
    """Follows the events of interactions for the tenants that this node routes, and tells how they stand.

    An event that no node has heard, because none routed at that moment, is made good by the lease.
    """

    def __init__(self, ctx: Context, settings: TenantSettings, leaders: dict[str, Leader]) -> None:
        self._ctx = ctx
        self._settings = settings
        self._leaders = leaders

    def start(self) -> None:
        """Begin to follow."""
        streams = [interactions_stream(tenant) for tenant in self._leaders]
        StreamTail(self._ctx, streams, self._happened, connection="voice-14").start()

    async def _happened(self, entry: StreamEntry) -> None:
        event = entry.json(InteractionEvent)
        leader = self._leaders.get(event.tenant)
        if leader is None or leader.router is None or not read_reservation(event.reservation_id)[0]:
            return
        keep = Keep(event.reservation_id, self._settings.interaction_hold_s)
        gone = Unreserve(event.reservation_id, event.reason or "ended")
        change = gone if event.id == ENDED else keep
        await leader.sessions.apply(event.agent_id, change, self._ctx.now())

    async def status(self, session: LinkSession, params: dict[str, Any]) -> InteractionStatus:
        """`RequestInteractionStatus {tenant, interaction_id}`, on the telephony link."""
        try:
            router = router_of(self._leaders, str(params.get("tenant", "")))
        except HttpError as error:
            raise LinkError(error.status, error.message) from None
        name = str(params.get("interaction_id", ""))
        found = router.core.explain(router.book.find_left(name))
        if found is None:
            return InteractionStatus(interaction_id=name, state="unknown")
        return InteractionStatus(
            interaction_id=name,
            state=found.state,
            queue=found.queue,
            position=found.position,
            agent_id=found.agent or "",
            media_type=found.media,
        )
