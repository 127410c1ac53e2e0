"""The paths of call-ins."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from ringback.contracts.callbacks import CallInMatched
from ringback.runtime.http import HttpError, HttpRequest
from ringback.services.engagement.callins.desk import CallIns
from ringback.services.engagement.callins.models import (
    CallInAsked,
    CallInMade,
    CallInView,
    Group,
    MatchAsked,
    Name,
)

if TYPE_CHECKING:
    from ringback.services.engagement.http import EngagementHttp

_GROUPS = "/internal/call-in-groups/{tenant}"


class CallInRoutes:
    """Handlers; `on_created` is told of each new request."""

    def __init__(self, desk: CallIns, on_created: Callable[[], None]) -> None:
        self._desk = desk
        self._on_created = on_created

    def add_to(self, http: EngagementHttp) -> None:
        """Serve what belongs here."""
        http.add_public("POST", "call-in/requests/create", self._create)
        route = http.server.route
        route("POST", "/internal/call-ins/{tenant}/match", self._match)
        route("GET", "/internal/call-ins/{tenant}", self._list)
        route("GET", _GROUPS, self._groups)
        route("PUT", f"{_GROUPS}/{{name}}", self._put_group)
        route("DELETE", f"{_GROUPS}/{{name}}", self._delete_group)

    async def _create(self, tenant: str, request: HttpRequest) -> CallInMade:
        made = await self._desk.create(tenant, request.decode(CallInAsked))
        self._on_created()
        return made

    async def _match(self, request: HttpRequest) -> CallInMatched:
        return await self._desk.match(request.path_param("tenant"), request.decode(MatchAsked))

    async def _list(self, request: HttpRequest) -> list[CallInView]:
        return await self._desk.shown(request.path_param("tenant"))

    async def _groups(self, request: HttpRequest) -> dict[str, Group]:
        return await self._desk.groups(request.path_param("tenant"))

    async def _put_group(self, request: HttpRequest) -> dict[str, str]:
        name = _name(request)
        await self._desk.put_group(request.path_param("tenant"), name, request.decode(Group))
        return {"name": name}

    async def _delete_group(self, request: HttpRequest) -> dict[str, str]:
        name = _name(request)
        await self._desk.delete_group(request.path_param("tenant"), name)
        return {"name": name}


def _name(request: HttpRequest) -> str:
    try:
        return msgspec.convert(request.path_param("name"), Name)
    except msgspec.ValidationError:
        raise HttpError(400, "invalid-name", "a name has 1 to 64 letters, digits, dots and dashes") from None
