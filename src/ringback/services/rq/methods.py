"""The methods of the rq link (12100)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from ringback.contracts.routing import (
    CallDetails,
    CancelRequest,
    ConfirmRequest,
    ReturnRequest,
    RouteResult,
    SubmitRequest,
)
from ringback.contracts.rq import PriorityRequest
from ringback.runtime.link import INVALID_PARAMS, LinkError, LinkServer, LinkSession
from ringback.services.rq.checking import check
from ringback.services.rq.store import RequestStore
from ringback.services.rq.subscriptions import Role, Subscriptions

if TYPE_CHECKING:
    from ringback.runtime.context import Context

T = TypeVar("T")
NOT_FOUND = 404


class SubscribeParams(msgspec.Struct, frozen=True, kw_only=True):
    """Which direction to follow; `cursor` is the last entry that was handled, empty for none."""

    tenant: str
    role: Role
    cursor: str = ""


class RqMethods:
    """Serves submit, cancel, confirm, return, priority, decide, subscribe and call_details."""

    def __init__(
        self, ctx: Context, server: LinkServer, store: RequestStore, subscriptions: Subscriptions
    ) -> None:
        self._ctx = ctx
        self._store = store
        self._subscriptions = subscriptions
        beside = {
            "submit": self._submit,
            "cancel": self._cancel,
            "confirm": self._confirm,
            "return": self._return,
            "priority": self._priority,
            "decide": self._decide,
            "call_details": self._call_details,
        }
        for name, method in beside.items():
            server.method(name, method, side_by_side=True)
        server.method("subscribe", self._subscribe)
        server.on_close = subscriptions.drop

    async def _submit(self, session: LinkSession, params: dict[str, Any]) -> dict[str, Any]:
        request = self._read(params, SubmitRequest)
        if not request.request_id:
            raise LinkError(INVALID_PARAMS, "request_id is empty")
        try:
            check(request)
        except ValueError as error:
            raise LinkError(INVALID_PARAMS, str(error)) from None
        sequence, new = await self._store.submit(request)
        return {"sequence": sequence, "new": new}

    async def _cancel(self, session: LinkSession, params: dict[str, Any]) -> dict[str, bool]:
        return {"open": await self._store.cancel(self._read(params, CancelRequest))}

    async def _confirm(self, session: LinkSession, params: dict[str, Any]) -> dict[str, bool]:
        return {"open": await self._store.confirm(self._read(params, ConfirmRequest))}

    async def _return(self, session: LinkSession, params: dict[str, Any]) -> dict[str, bool]:
        return {"open": await self._store.return_(self._read(params, ReturnRequest))}

    async def _priority(self, session: LinkSession, params: dict[str, Any]) -> dict[str, bool]:
        return {"open": await self._store.prioritize(self._read(params, PriorityRequest))}

    async def _decide(self, session: LinkSession, params: dict[str, Any]) -> dict[str, bool]:
        return {"accepted": await self._store.decide(self._read(params, RouteResult))}

    async def _call_details(self, session: LinkSession, params: dict[str, Any]) -> dict[str, bool]:
        """A call that has gone takes its request along, also when orchestration is away."""
        details = self._read(params, CallDetails)
        request_id = await self._store.request_of_call(details.tenant, details.conn_id)
        if request_id and details.state == "gone":
            cancel = CancelRequest(request_id=request_id, tenant=details.tenant, reason="caller_gone")
            await self._store.cancel(cancel)
        elif details.state == "gone":
            await self._store.gone(details.tenant, details.conn_id)
        return {"open": bool(request_id)}

    async def _subscribe(self, session: LinkSession, params: dict[str, Any]) -> dict[str, str]:
        wanted = self._read(params, SubscribeParams)
        cursor = await self._subscriptions.add(session, wanted.tenant, wanted.role, wanted.cursor)
        return {"cursor": cursor}

    def _read(self, params: dict[str, Any], kind: type[T]) -> T:
        request = msgspec.convert(params, kind)
        tenant: str = getattr(request, "tenant", "")
        if tenant not in self._ctx.common.tenants:
            raise LinkError(NOT_FOUND, f"no tenant {tenant[:64]!r} here")
        return request
