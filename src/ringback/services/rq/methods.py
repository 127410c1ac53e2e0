"""The methods of the rq link (12100)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
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
from ringback.contracts.rq import PriorityRequest, tenant_of
from ringback.runtime.link import INVALID_PARAMS, LinkError, LinkServer, LinkSession, TogetherHandler
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
        # Where there is one tenant nobody need look whose a request is before it is read.
        by = tenant_of if len(ctx.common.tenants) > 1 else None
        server.together("submit", self._together(SubmitRequest, self._submit, check_submit), by)
        server.together("cancel", self._together(CancelRequest, self._cancel), by)
        server.together("confirm", self._together(ConfirmRequest, self._confirm), by)
        server.together("decide", self._together(RouteResult, self._decide), by)
        beside = {"return": self._return, "priority": self._priority, "call_details": self._call_details}
        for name, method in beside.items():
            server.method(name, method, side_by_side=True)
        server.method("subscribe", self._subscribe)
        server.on_close = subscriptions.drop

    def _together(
        self,
        kind: type[T],
        carry_out: Callable[[str, list[T]], Awaitable[list[dict[str, Any]]]],
        checked: Callable[[T], None] = lambda _: None,
    ) -> TogetherHandler:
        """A method that takes many requests of one tenant; those that cannot be read are refused."""
        decode = msgspec.json.Decoder(kind).decode

        async def handler(session: LinkSession, params: list[msgspec.Raw]) -> list[Any]:
            answers: list[Any] = []
            good: list[T] = []
            for each in params:
                try:
                    request = decode(each)
                    tenant = self._known(request)
                    checked(request)
                except LinkError as error:
                    answers.append(error)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    answers.append(LinkError(INVALID_PARAMS, str(error)))
                else:
                    answers.append(None)
                    good.append(request)
            done = iter(await carry_out(tenant, good) if good else ())
            return [next(done) if answer is None else answer for answer in answers]

        return handler

    async def _submit(self, tenant: str, requests: list[SubmitRequest]) -> list[dict[str, Any]]:
        stored = await self._store.submit(tenant, requests)
        return [{"sequence": sequence, "new": new} for sequence, new in stored]

    async def _cancel(self, tenant: str, requests: list[CancelRequest]) -> list[dict[str, Any]]:
        return [{"open": was_open} for was_open in await self._store.cancel(tenant, requests)]

    async def _confirm(self, tenant: str, requests: list[ConfirmRequest]) -> list[dict[str, Any]]:
        return [{"open": was_open} for was_open in await self._store.confirm(tenant, requests)]

    async def _decide(self, tenant: str, results: list[RouteResult]) -> list[dict[str, Any]]:
        return [{"accepted": accepted} for accepted in await self._store.decide(tenant, results)]

    async def _return(self, session: LinkSession, params: dict[str, Any]) -> dict[str, bool]:
        return {"open": await self._store.return_(self._read(params, ReturnRequest))}

    async def _priority(self, session: LinkSession, params: dict[str, Any]) -> dict[str, bool]:
        return {"open": await self._store.prioritize(self._read(params, PriorityRequest))}

    async def _call_details(self, session: LinkSession, params: dict[str, Any]) -> dict[str, bool]:
        """A call that has gone takes its request along, also when orchestration is away."""
        details = self._read(params, CallDetails)
        request_id = await self._store.request_of_call(details.tenant, details.conn_id)
        if request_id and details.state == "gone":
            cancel = CancelRequest(request_id=request_id, tenant=details.tenant, reason="caller_gone")
            await self._store.cancel(details.tenant, [cancel])
        elif details.state == "gone":
            await self._store.gone(details.tenant, details.conn_id)
        return {"open": bool(request_id)}

    async def _subscribe(self, session: LinkSession, params: dict[str, Any]) -> dict[str, str]:
        wanted = self._read(params, SubscribeParams)
        cursor = await self._subscriptions.add(session, wanted.tenant, wanted.role, wanted.cursor)
        return {"cursor": cursor}

    def _read(self, params: dict[str, Any], kind: type[T]) -> T:
        request = msgspec.convert(params, kind)
        self._known(request)
        return request

    def _known(self, request: object) -> str:
        """The tenant of a request, one that is served here."""
        tenant: str = getattr(request, "tenant", "")
        if tenant not in self._ctx.common.tenants:
            raise LinkError(NOT_FOUND, f"no tenant {tenant[:64]!r} here")
        return tenant


def check_submit(request: SubmitRequest) -> None:
    """Raises LinkError for a request that the router could not work with."""
    if not request.request_id:
        raise LinkError(INVALID_PARAMS, "request_id is empty")
    try:
        check(request)
    except ValueError as error:
        raise LinkError(INVALID_PARAMS, str(error)) from None
