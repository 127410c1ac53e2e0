"""The frame of the management API: operations in one table, from which routes and document are made.

A handler gets a `Call`: whose request it is, and on which queues it may work. What is read outside of that is
not there (an empty list, 404); a change without leave is a 403.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from ringback.domain.permissions import TENANT_WIDE, Action, Grants, Scope
from ringback.runtime.audit import Change, record
from ringback.runtime.http import HttpError, HttpRequest, HttpServer
from ringback.services.engagement.access import Access, Caller
from ringback.services.engagement.limits import GUESSES, Limits
from ringback.services.engagement.metrics import TENANT
from ringback.services.engagement.openapi import Parameter
from ringback.services.engagement.store import Session

if TYPE_CHECKING:
    from ringback.runtime.context import Context

T = TypeVar("T")
BASE = "/api/v1/"
JSON = "application/json"
CSV = "text/csv"
_CONNECTIONS = "ges-1,ges-5,ges-7"
_NOBODY = Caller("", "", Grants({}))


@dataclass(frozen=True, slots=True)
class Call:
    """One request of a known user, to do `action` (None: what every user may)."""

    caller: Caller
    request: HttpRequest
    action: Action | None
    now: float

    @property
    def tenant(self) -> str:
        """The user's tenant: no request reaches another one."""
        return self.caller.tenant

    @property
    def scope(self) -> Scope:
        """The queues that the request reaches."""
        assert self.action is not None, "what every user may do is about no queue"
        return self.caller.grants.scope(self.action)

    def may(self, action: Action, queue: str) -> bool:
        """Whether the user may do something on a queue."""
        return queue in self.caller.grants.scope(action)

    def reach(self, queue: str, seen: Action, error: HttpError) -> None:
        """Return when the request reaches the queue: else 403 when the user sees it, `error` when not."""
        if queue in self.scope:
            return
        raise not_allowed() if self.may(seen, queue) else error

    def part(self, name: str) -> str:
        """What stands in the path; a text that no database takes is none that is known."""
        text = self.request.path_param(name)
        if "\0" in text or len(text) > 255:
            raise HttpError(404, "unknown", "there is nothing of this name")
        return text

    def decode(self, kind: type[T]) -> T:
        """The body, of which none at all counts as an empty object; HttpError 400."""
        if self.request.body:
            return self.request.decode(kind)
        try:
            return msgspec.convert({}, kind)
        except msgspec.ValidationError as error:
            raise HttpError(400, "invalid_body", str(error)) from None

    async def note(
        self, session: Session, action: str, subject: str, before: object = None, after: object = None
    ) -> None:
        """Write into the audit log, in the transaction of the change."""
        change = Change(
            tenant=self.tenant,
            who=self.caller.user,
            source=self.request.peer,
            action=action,
            subject=subject,
            before=before,
            after=after,
        )
        await record(session.connection, change, self.now)


Handler = Callable[[Call], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. action: what the user must be given; None: nothing. answer, body: types of the JSON.

    refusals: beside 401, 403, 500 and 503. signed_in: whether a token is needed.
    """

    method: str
    path: str
    name: str
    about: str
    handler: Handler
    action: Action | None
    answer: Any
    body: Any = None
    parameters: tuple[Parameter, ...] = ()
    refusals: tuple[int, ...] = ()
    media: str = JSON
    max_bytes: int = 64 * 1024
    signed_in: bool = True


class DetailedError(HttpError):
    """A refusal with more than a sentence; `data` stands beside it in the answer."""

    def __init__(self, status: int, slug: str, message: str, data: dict[str, object]) -> None:
        super().__init__(status, slug, message)
        self.data = data


class Api:
    """Serves the operations."""

    def __init__(self, ctx: Context, access: Access, limits: Limits, operations: Iterable[Operation]) -> None:
        self._ctx = ctx
        self._access = access
        self._limits = limits
        self.operations = tuple(operations)

    def add_routes(self, server: HttpServer) -> None:
        """Serve them all."""
        for operation in self.operations:
            server.route(
                operation.method,
                BASE + operation.path,
                self._handler(operation),
                public=True,
                connection=_CONNECTIONS,
                max_bytes=operation.max_bytes,
            )

    def _handler(self, operation: Operation) -> Callable[[HttpRequest], Awaitable[object]]:
        async def serve(request: HttpRequest) -> object:
            try:
                caller = await self._caller(request) if operation.signed_in else _NOBODY
                request.raw[TENANT] = caller.tenant
                _check(operation, caller)
                return await operation.handler(Call(caller, request, operation.action, self._ctx.now()))
            except HttpError as error:
                if error.status in GUESSES:
                    await self._limits.hold_back(request.peer)
                raise

        return serve

    async def _caller(self, request: HttpRequest) -> Caller:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        headers = {"WWW-Authenticate": "Bearer"}
        if scheme.lower() != "bearer" or not token:
            raise HttpError(401, "token-missing", "a bearer token is needed: POST /api/v1/token", headers)
        try:
            return await self._access.caller_of(token)
        except HttpError as error:
            if error.status != 401:
                raise
            raise HttpError(401, "token-wrong", "the token is not known, or it is over", headers) from None


def _check(operation: Operation, caller: Caller) -> None:
    action = operation.action
    if action is None or caller.grants.may(action):
        return
    if operation.method == "GET" and action not in TENANT_WIDE:
        return  # what the user may not see is not there
    raise not_allowed()


def not_allowed() -> HttpError:
    """The user is known, and may not."""
    return HttpError(403, "not-allowed", "no role of this user allows that")


def in_path(name: str, about: str) -> Parameter:
    """A parameter that stands in the path."""
    return Parameter(name, about, place="path", required=True)
