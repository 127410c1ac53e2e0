"""Sessions that sessions start and end: `<session:start>` and `<session:terminate>`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringback.services.orchestration.performer import ActionFailed, Reply
from ringback.services.orchestration.records import Input, Pending, Record

if TYPE_CHECKING:
    from ringback.services.orchestration.node import Node
    from ringback.services.orchestration.store import SessionStore

_GENERATIONS = 5


class Starting:
    """Both act within the tenant of the session that asks, and do nothing twice."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def start(self, record: Record, action: Pending, _store: SessionStore) -> Reply:
        """Begin a session, whose id is made from the action: one repeated starts nothing. ActionFailed."""
        source = self._node.applications.address(record.tenant, action.payload["src"])
        if source is None:
            raise ActionFailed("foreign_application")
        if record.generation >= _GENERATIONS:
            raise ActionFailed("too_many_generations")
        begun = Record(
            id=f"start-{record.id}-{action.number}",
            tenant=record.tenant,
            kind="started",
            app=source,
            started=self._node.ctx.now(),
            request=record.reference(action.number),
            data={"tenant": record.tenant, **action.payload["data"]},
            generation=record.generation + 1,
        )
        await self._node.begin(begun)
        return {"sessionid": begun.id}

    async def terminate(self, record: Record, action: Pending, _store: SessionStore) -> Reply:
        """End a session. Raises ActionFailed when there is none."""
        wanted = action.payload["session"] or record.id
        key = f"terminate:{record.reference(action.number)}"
        if not await self._node.deliver(record.tenant, wanted, Input(terminate=True), key):
            raise ActionFailed("unknown_session")
        return {"sessionid": wanted}
