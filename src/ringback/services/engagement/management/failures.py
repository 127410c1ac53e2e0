"""The last failed requests of each tenant, found by their correlation id: no bodies, no queries, no numbers.

They lie in a stream of Valkey that keeps the newest; requests of nobody (a wrong key) are not kept.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from ringback.domain.permissions import Action
from ringback.runtime.http import HttpError, HttpRequest
from ringback.runtime.valkey import ValkeyError, ValkeyUnavailable
from ringback.services.engagement.management.api import Call, Operation
from ringback.services.engagement.openapi import Parameter
from ringback.services.engagement.store import moment

if TYPE_CHECKING:
    from ringback.runtime.context import Context

KEPT = 1_000
_UNDER_WAY = 100
_LONGEST = 300
_DIGITS = re.compile(r"\d{6,}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """One failed request. url: without its query. error: the slug."""

    corr_id: str
    at: datetime
    method: str
    url: str
    status: int
    error: str
    message: str


class Failures:
    """Notes failures while the answer leaves; never in its way."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._under_way = 0

    def operations(self) -> list[Operation]:
        """What can be asked."""
        return [
            Operation(
                "GET",
                "errors",
                "listErrors",
                "The last failed requests, newest first, or the one of a correlation id.",
                self._list,
                Action.SEE_ERRORS,
                list[Failure],
                parameters=(Parameter("corr_id", "as it stands in an answer"),),
            )
        ]

    def note(self, tenant: str, error: HttpError, request: HttpRequest) -> None:
        """Keep a failure; left out while very many are being kept."""
        if self._under_way < _UNDER_WAY:
            self._under_way += 1
            failure = Failure(
                corr_id=request.corr_id,
                at=moment(self._ctx.now()),
                method=request.method,
                url=without_numbers(request.path)[:_LONGEST],
                status=error.status,
                error=error.slug,
                message=without_numbers(error.message)[:_LONGEST],
            )
            self._ctx.spawn(self._keep(tenant, failure), "failure")

    async def _keep(self, tenant: str, failure: Failure) -> None:
        try:
            command = ("XADD", _key(tenant), "MAXLEN", "~", str(KEPT), "*", "f", msgspec.json.encode(failure))
            await self._ctx.valkey.using("ges-15").call(*command)
        except (ValkeyError, ValkeyUnavailable) as error:
            self._ctx.log.debug("failure_not_kept", error=str(error))
        finally:
            self._under_way -= 1

    async def _list(self, call: Call) -> list[Failure]:
        wanted = call.request.query.get("corr_id")
        rows = await self._ctx.valkey.using("ges-15").call(
            "XREVRANGE", _key(call.tenant), "+", "-", "COUNT", str(KEPT)
        )
        found = [msgspec.json.decode(row[1][1], type=Failure) for row in rows]
        return [each for each in found if not wanted or each.corr_id == wanted]


def without_numbers(text: str) -> str:
    """The text with long runs of digits replaced, but for those of UUIDs: they may be a customer's number."""
    parts, last = [], 0
    for match in _UUID.finditer(text):
        parts += [_DIGITS.sub("…", text[last : match.start()]), match[0]]
        last = match.end()
    return "".join([*parts, _DIGITS.sub("…", text[last:])])


def _key(tenant: str) -> str:
    return f"{{{tenant}}}:engagement:failures"
