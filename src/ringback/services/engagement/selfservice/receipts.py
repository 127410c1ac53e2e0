"""Receipts: a device gives back the word that its notice held, and the notice counts as delivered.

`POST /engagement/v3/notification/confirm` needs no key: the word is signed for one notice, and does nothing
else.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from ringback.runtime.http import HttpError, HttpRequest, HttpResponse
from ringback.services.engagement.envelope import API, success
from ringback.services.engagement.outside.writing import QUERIES
from ringback.services.engagement.selfservice.keys import LinkKeys
from ringback.services.engagement.selfservice.limits import Limit
from ringback.services.engagement.selfservice.links import RECEIPT, read_link, write_link
from ringback.services.engagement.store import Store

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.engagement.http import EngagementHttp

_GOOD_S = 7 * 86_400.0
_BYTES = 1024


class Confirm(msgspec.Struct, frozen=True, kw_only=True):
    """The receipt as the notice's data held it."""

    receipt: Annotated[str, Meta(min_length=1, max_length=256)]


class Receipts:
    """Writes receipts and takes them back."""

    def __init__(self, ctx: Context, store: Store, keys: LinkKeys, guesses: int) -> None:
        self._ctx = ctx
        self._store = store
        self._keys = keys
        self._guesses = Limit(guesses)

    def add_to(self, http: EngagementHttp) -> None:
        """Serve what belongs here."""
        path = API + "notification/confirm"
        http.server.route(
            "POST", path, self._confirm, public=True, connection="ges-2,ges-5", max_bytes=_BYTES
        )

    async def receipt(self, notice: UUID) -> str:
        """The word for one notice; HttpError 503 where no key can be kept."""
        number, secret = await self._keys.newest()
        return write_link(number, secret, notice, self._ctx.now() + _GOOD_S, RECEIPT)

    async def _confirm(self, request: HttpRequest) -> HttpResponse:
        word = request.decode(Confirm).receipt
        claim = read_link(word)
        secret = None if claim is None else await self._keys.of_number(claim.key)
        now = self._ctx.now()
        good = (
            claim is not None
            and secret is not None
            and claim.signed_with(secret, RECEIPT)
            and claim.expires_at > now
        )
        if not good:
            if not self._guesses.allows(request.peer, self._ctx.monotonic()):
                raise HttpError(429, "too-often", "too often; wait a minute", {"Retry-After": "60"})
            raise HttpError(404, "receipt-unknown", "this receipt is of no notice")
        assert claim is not None
        async with self._store.statement() as session:
            moment = datetime.fromtimestamp(now, UTC)
            await session.connection.execute(QUERIES["confirm_notice"], claim.callback_id, moment)
        return success({"confirmed": True}, request)
