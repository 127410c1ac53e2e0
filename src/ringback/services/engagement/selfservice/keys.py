"""The keys that sign links: made here, kept encrypted, changed after a while, known for as long as needed."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ringback.runtime.http import HttpError
from ringback.runtime.sql import load_queries
from ringback.services.engagement.outside.vault import Vault, VaultError
from ringback.services.engagement.store import Session, Store

if TYPE_CHECKING:
    from ringback.runtime.context import Context

QUERIES = load_queries("ringback.services.engagement.selfservice")
_FRESH_S = 30.0
_UNKNOWN_S = 2.0
_SECRET_BYTES = 32


class LinkKeys:
    """Keys by number; the newest signs, and is followed by another when it is `change_s` old.

    kept_s: how long after its making a key may still have to open a link.
    """

    def __init__(self, ctx: Context, store: Store, change_s: float, kept_s: float) -> None:
        self._ctx = ctx
        self._store = store
        self._change_s = change_s
        self._kept_s = kept_s
        self._vault = Vault(ctx.common.cluster_secret)
        self._known: dict[int, tuple[float, bytes]] = {}
        self._read_at = float("-inf")

    async def newest(self) -> tuple[int, bytes]:
        """The key that signs, with its number; HttpError 503 where secrets cannot be kept."""
        if self._ctx.monotonic() - self._read_at > _FRESH_S:
            await self.refresh()
        found = self._current()
        return found if found is not None else await self.change()

    async def of_number(self, number: int) -> bytes | None:
        """The key of a link; None when it was forgotten, or never was."""
        age = self._ctx.monotonic() - self._read_at
        # A number that is not known may be that of another node's new key.
        if age > _FRESH_S or (number not in self._known and age > _UNKNOWN_S):
            await self.refresh()
        found = self._known.get(number)
        return None if found is None else found[1]

    async def change(self, *, at_once: bool = False, revoke: bool = False) -> tuple[int, bytes]:
        """Make a new key unless another node just has; `at_once`: in any case, `revoke`: the others end."""
        async with self._store.transaction() as session:
            await session.connection.execute(QUERIES["lock_link_keys"])
            await self._load(session)
            found = None if at_once else self._current()
            if found is None:
                found = await self._make(session)
            if revoke:
                await session.connection.execute(QUERIES["other_link_keys"], found[0])
        if revoke:
            self._known = {found[0]: self._known[found[0]]}
        return found

    async def tidy(self) -> None:
        """Forget the keys that no link can need any more."""
        async with self._store.statement() as session:
            await session.connection.execute(
                QUERIES["forget_link_keys"], _moment(self._ctx.now() - self._kept_s)
            )

    def _current(self) -> tuple[int, bytes] | None:
        if not self._known:
            return None
        number = max(self._known)
        made_at, secret = self._known[number]
        return None if self._ctx.now() - made_at > self._change_s else (number, secret)

    async def _make(self, session: Session) -> tuple[int, bytes]:
        secret, now = secrets.token_bytes(_SECRET_BYTES), self._ctx.now()
        number: int = await session.connection.fetchval(QUERIES["next_link_key"])
        try:
            sealed = self._vault.seal(secret, _owner(number))
        except VaultError as error:
            raise HttpError(503, "links-unavailable", str(error)) from None
        await session.connection.execute(QUERIES["insert_link_key"], number, sealed, _moment(now))
        self._known[number] = (now, secret)
        self._ctx.log.info("link_key_made", key=number)
        return number, secret

    async def refresh(self) -> None:
        """Read the keys; done now and then, so that who signs within a transaction need not."""
        async with self._store.statement() as session:
            await self._load(session)

    async def _load(self, session: Session) -> None:
        known: dict[int, tuple[float, bytes]] = {}
        for row in await session.connection.fetch(QUERIES["link_keys"]):
            try:
                secret = self._vault.open(row["sealed"], _owner(row["number"]))
            except VaultError as error:
                self._ctx.log.error("link_key_locked", key=row["number"], error=str(error))
                continue
            known[row["number"]] = (row["created_at"].timestamp(), secret)
        self._known, self._read_at = known, self._ctx.monotonic()


def _owner(number: int) -> str:
    return f"selfservice\nlink-key\n{number}"


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
