"""Statistics: a client's question passed on to the statistics service, and its answers kept for a while.

An answer is kept for five minutes. A client that says `cache-control: max-age=N` gets none older than N
seconds, but N counts as 15 when it is less.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from ringback.runtime.bounded import Bounded
from ringback.runtime.http import HttpError, HttpReply, HttpRequest, HttpResponse
from ringback.services.engagement.outside.credentials import Credentials, StatisticsAccount
from ringback.services.engagement.outside.egress import Egress, EgressFailed
from ringback.services.engagement.outside.settings import OutsideSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from ringback.runtime.context import Context

_KEPT_S = 300.0
_LEAST_S = 15.0
_MOST_KEPT = 1_000
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age\s*=\s*\"?(\d{1,9})\"?(?:$|[\s,])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service said; `at` by the loop's clock."""

    at: float
    body: bytes
    content_type: str


class Statistics:
    """Asks for a tenant with the tenant's account; `event` is told of failures by their published names."""

    def __init__(
        self,
        ctx: Context,
        settings: OutsideSettings,
        credentials: Credentials,
        egress: Egress,
        event: Callable[[str], None],
    ) -> None:
        self._ctx = ctx
        self._url = settings.statistics_url
        self._timeout_s = settings.statistics_timeout_s
        self._credentials = credentials
        self._egress = egress
        self._event = event
        self._known = Bounded[bytes, Answer](_MOST_KEPT)
        self._asking: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()

    async def answer(self, tenant: str, request: HttpRequest) -> HttpResponse:
        """The service's answer as it is; HttpError 401 or 500."""
        account = await self._credentials.statistics(tenant)
        if not self._url:
            raise _failed("no statistics service is set up")
        if account is None:
            raise _unauthorized("there are no credentials for the statistics service")
        oldest_s = oldest_allowed_s(request.headers.get("Cache-Control", ""))
        key = _key(tenant, account, request)
        # The same question, asked by many at once, is passed on once.
        async with self._asking.setdefault(key, asyncio.Lock()):
            answer = self._kept(key, oldest_s) or await self._ask(key, account, request)
        age = str(int(self._ctx.monotonic() - answer.at))
        return HttpResponse(answer.body, content_type=answer.content_type, headers={"Age": age})

    def _kept(self, key: bytes, oldest_s: float) -> Answer | None:
        answer = self._known.get(key)
        fresh = answer is not None and self._ctx.monotonic() - answer.at <= oldest_s
        return answer if fresh else None

    async def _ask(self, key: bytes, account: StatisticsAccount, request: HttpRequest) -> Answer:
        reply = await self._send(account, request)
        if reply.status in (401, 403):
            self._event("GWS_INCORRECT_CLIENT_CREDENTIALS")
            raise _unauthorized("the statistics service does not take the credentials")
        if reply.status != 200:
            self._event("GWS_SERVER_ERROR")
            raise _failed(f"the statistics service answered with status {reply.status}")
        kind = reply.headers.get("Content-Type", "application/json").partition(";")[0].strip()
        answer = Answer(self._ctx.monotonic(), reply.body, kind)
        self._known[key] = answer
        return answer

    async def _send(self, account: StatisticsAccount, request: HttpRequest) -> HttpReply:
        pair = base64.b64encode(f"{account.username}:{account.password}".encode()).decode()
        headers = {"Authorization": f"Basic {pair}", "Content-Type": "application/json"}
        query = request.raw.query_string
        url = f"{self._url}?{query}" if query else self._url
        try:
            return await self._egress.send(
                request.method, url, request.body, headers, timeout_s=self._timeout_s, rows=""
            )
        except EgressFailed as error:
            self._event("GWS_SERVER_ERROR")
            raise _failed(f"the statistics service does not answer: {error}") from None


def oldest_allowed_s(cache_control: str) -> float:
    """How old, in seconds, an answer may be for a client that sends this header."""
    found = _MAX_AGE.search(cache_control)
    return _KEPT_S if found is None else min(_KEPT_S, max(_LEAST_S, float(found[1])))


def _key(tenant: str, account: StatisticsAccount, request: HttpRequest) -> bytes:
    """Same tenant, account and question: same key. The account is part of it, so that a new one is tried."""
    parts = (tenant, account.username, account.password, request.method, request.raw.query_string)
    return hashlib.sha256("\n".join(parts).encode() + b"\n" + request.body).digest()


def _unauthorized(text: str) -> HttpError:
    return HttpError(401, "statistics-credentials", text)


def _failed(text: str) -> HttpError:
    return HttpError(500, "statistics-failed", text)
