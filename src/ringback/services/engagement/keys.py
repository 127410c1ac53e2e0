"""Whose API key it is, asked of the environment service and remembered for a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringback.contracts.auth import KeyOwner, key_digest
from ringback.runtime.bounded import Bounded
from ringback.runtime.http import HttpClient, HttpError, HttpFailure, HttpUnavailable

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_REMEMBERED = 10_000
_STALE_S = 300.0
_LONGEST_KEY = 256


class ApiKeys:
    """Digest of a key to its owner; keys themselves are not kept.

    While the environment service is away, keys that were good in the last five minutes stay good.
    """

    def __init__(self, ctx: Context, remember_s: float) -> None:
        self._ctx = ctx
        self._remember_s = remember_s
        self._client = HttpClient(ctx, "auth", "environment", connection="ges-9", timeout_s=3.0)
        self._known = Bounded[str, tuple[float, KeyOwner | None]](_REMEMBERED)
        self.reachable = True

    async def owner_of(self, key: str | None) -> KeyOwner:
        """The tenant that owns the key, with the key's limits; HttpError 401 when nobody does."""
        if not key:
            raise HttpError(401, "api-key-missing", "the x-api-key header is missing")
        owner = await self._owner(key_digest(key)) if len(key) <= _LONGEST_KEY else None
        if owner is None:
            raise HttpError(401, "api-key-wrong", "the API key is not known")
        return owner

    def forget(self) -> None:
        """Ask anew about every key: one was revoked."""
        self._known.clear()

    async def _owner(self, digest: str) -> KeyOwner | None:
        asked, owner = self._known.get(digest, (float("-inf"), None))
        age = self._ctx.monotonic() - asked
        if age < self._remember_s:
            return owner
        try:
            owner = await self._ask(digest)
            self.reachable = True
        except (HttpFailure, HttpUnavailable) as error:
            self.reachable = False
            if owner is None or age > _STALE_S:
                raise HttpUnavailable("the environment service is away") from error
            return owner
        self._known[digest] = (self._ctx.monotonic(), owner)
        return owner

    async def _ask(self, digest: str) -> KeyOwner | None:
        try:
            return await self._client.get(f"/environment/v3/api-keys/{digest}", KeyOwner)
        except HttpFailure as failure:
            if failure.status == 404:
                return None
            raise
