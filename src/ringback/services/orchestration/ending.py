"""What is done for a session that has come to its end.

A call that its application left on the route point goes to the default number, or is released; a request
that waits in a queue is taken out; a callback whose application broke is reported as failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringback.contracts.routing import CancelRequest
from ringback.runtime.link import LinkError
from ringback.services.orchestration.modules import callback
from ringback.services.orchestration.performer import ActionFailed
from ringback.services.orchestration.records import Pending, Record

if TYPE_CHECKING:
    from ringback.services.orchestration.node import Node


class Ending:
    """Everything here may be done twice."""

    def __init__(self, node: Node) -> None:
        self._node = node

    @staticmethod
    def owes(record: Record) -> bool:
        """Whether there is anything to do for it."""
        return _is_reported(record) or _is_call_left(record) or bool(_requests_left(record))

    async def settle(self, record: Record) -> None:
        """Leave nothing behind."""
        if record.failed:
            self._node.log.warning("session_failed", session=record.id, reason=record.failed)
        await self._leave_queues(record)
        await self._settle_call(record)
        if _is_reported(record):
            await self._report_failure(record)

    async def _leave_queues(self, record: Record) -> None:
        for request_id in _requests_left(record):
            cancel = CancelRequest(request_id=request_id, tenant=record.tenant, reason="session_ended")
            try:
                await self._node.clients.rq.call("cancel", cancel)
            except (LinkError, ConnectionError) as error:
                self._node.log.warning("queue_not_left", session=record.id, error=str(error))

    async def _settle_call(self, record: Record) -> None:
        if not _is_call_left(record):
            return
        try:
            if record.kind == "inbound" and record.default_dn:
                self._node.metrics.default_routes.inc()
                await self._node.performer.default_route(record, record.default_dn)
            else:
                await self._node.performer.clear_call(record, record.failed or "not_routed")
        except ActionFailed as failure:
            self._node.log.warning("call_not_settled", session=record.id, reason=failure.reason)

    async def _report_failure(self, record: Record) -> None:
        record.steps += 1
        dialled = any(asked.element == "createcall" for asked in record.asked.values())
        result = "UNKNOWN" if dialled else "CREATE_CALL_ERROR"
        payload = {"state": "FAILED", "reason": record.failed, "dial_result": result}
        action = Pending(
            number=0,
            session=record.id,
            namespace=callback.NAMESPACE,
            name="report",
            payload=payload,
            step=record.steps,
        )
        try:
            await self._node.performer.perform(record, action, self._node.stores[record.tenant])
        except ActionFailed as failure:
            self._node.log.warning("failure_not_reported", session=record.id, reason=failure.reason)


def _is_reported(record: Record) -> bool:
    """Whether it is a callback whose application broke."""
    return record.kind == "callback" and bool(record.failed)


def _requests_left(record: Record) -> list[str]:
    """Requests that wait in queues."""
    elements = {asked.element for asked in record.asked.values() if asked.module == "queue"}
    if "confirm" in elements and not record.failed:
        return []
    return [
        record.reference(int(number))
        for number, asked in record.asked.items()
        if (asked.module, asked.element) == ("queue", "submit")
    ]


def _is_call_left(record: Record) -> bool:
    """Whether the call stands on the route point and nobody takes care of it."""
    if not record.conn_id or record.routed or record.gone:
        return False
    routing = any(asked.element == "redirect" for asked in record.asked.values())
    return not routing or bool(record.failed)
