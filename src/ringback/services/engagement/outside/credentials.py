"""The tenants' credentials for services outside: kept encrypted, read by who needs them, shown to nobody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from msgspec import Meta

from ringback.runtime.bounded import Bounded
from ringback.runtime.http import HttpError
from ringback.runtime.sql import load_queries
from ringback.services.engagement.outside.vault import Vault, VaultError
from ringback.services.engagement.store import Session, Store

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_QUERIES = load_queries("ringback.services.engagement.outside")
_SECRETS = frozenset({"secret_key", "private_key", "secret", "password"})
_MOST = 50
_REMEMBERED = 10_000
Kind = Literal["captcha", "push", "statistics"]
KINDS: tuple[Kind, ...] = ("captcha", "push", "statistics")
Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[\w.-]+$")]
Key = Annotated[str, Meta(min_length=1, max_length=4096)]
Url = Annotated[str, Meta(max_length=2048, pattern=r"^https?://[^\s@]+$")]
MaybeUrl = Annotated[str, Meta(max_length=2048, pattern=r"^(https?://[^\s@]+)?$")]


class CaptchaKeys(msgspec.Struct, frozen=True, kw_only=True):
    """One set of reCAPTCHA keys.

    threshold: lowest score that passes, of V3 only. on_create: whether a create asks for a token of
    this set. on_failure: creates while nobody judges tokens of this set; empty: by the setting. verify_url:
    in place of the setting.
    """

    type: Literal["V2_VISIBLE", "V2_INVISIBLE", "V3"]
    site_key: Key
    secret_key: Key
    threshold: Annotated[float, Meta(ge=0, le=1)] = 0.5
    on_create: bool = True
    on_failure: Literal["refuse", "allow", ""] = ""
    verify_url: MaybeUrl = ""


class FcmAccount(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="service_account"):
    """A service account of Firebase Cloud Messaging: Google's JSON file as it is.

    base_url: in place of the setting.
    """

    project_id: Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[\w:.-]+$")]
    client_email: Key
    private_key: Annotated[str, Meta(min_length=1, max_length=16_384)]
    private_key_id: str = ""
    token_uri: Url = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    base_url: MaybeUrl = ""


class HttpChannel(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="http"):
    """A push channel of the tenant's own: notices are posted to `url`, signed with `secret`."""

    url: Url
    secret: Annotated[str, Meta(min_length=16, max_length=1024)]


class StatisticsAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks the statistics service."""

    username: Key
    password: Key


Told = Callable[[Session, dict[str, Any]], Awaitable[None]]
PushChannel = FcmAccount | HttpChannel
_TYPES: dict[Kind, Any] = {"captcha": CaptchaKeys, "push": PushChannel, "statistics": StatisticsAccount}


class Credentials:
    """Credentials by tenant, kind and name, remembered decrypted for a moment."""

    def __init__(self, ctx: Context, store: Store, remember_s: float) -> None:
        self._ctx = ctx
        self._store = store
        self._vault = Vault(ctx.common.cluster_secret)
        self._remember_s = remember_s
        self._known = Bounded[tuple[str, Kind], tuple[float, dict[str, Any]]](_REMEMBERED)

    async def captcha(self, tenant: str) -> dict[str, CaptchaKeys]:
        """Key sets by name."""
        return await self._all(tenant, "captcha")

    async def push(self, tenant: str) -> dict[str, PushChannel]:
        """Push channels by name."""
        return await self._all(tenant, "push")

    async def statistics(self, tenant: str) -> StatisticsAccount | None:
        """The first account, if there is one."""
        accounts: dict[str, StatisticsAccount] = await self._all(tenant, "statistics")
        return next(iter(accounts.values()), None)

    async def put(self, tenant: str, kind: Kind, name: str, body: bytes, told: Told | None = None) -> None:
        """Store one, in place of what had the name; HttpError 400 says what is wrong with it.

        `told` writes what else belongs into the transaction; it gets what may be shown.
        """
        value = _read(kind, body)
        try:
            sealed = self._vault.seal(msgspec.json.encode(value), _owner(tenant, kind, name))
        except VaultError as error:
            raise HttpError(400, "no-cluster-secret", str(error)) from None
        async with self._store.transaction() as session:
            await session.connection.execute(_QUERIES["put_credential"], tenant, kind, name, sealed)
            if await session.connection.fetchval(_QUERIES["count_credentials"], tenant, kind) > _MOST:
                raise HttpError(400, "too-many", f"a tenant has at most {_MOST} of a kind")
            if told is not None:
                await told(session, _public(value))
        self._known.pop((tenant, kind), None)

    async def delete(self, tenant: str, kind: Kind, name: str, told: Told | None = None) -> None:
        """Forget one; HttpError 404."""
        async with self._store.transaction() as session:
            found = await session.connection.fetchval(_QUERIES["delete_credential"], tenant, kind, name)
            if found is None:
                raise HttpError(404, "unknown-credential", "there is none of this name")
            if told is not None:
                await told(session, {})
        self._known.pop((tenant, kind), None)

    async def shown(self, tenant: str, kind: Kind) -> dict[str, dict[str, Any]]:
        """All of a kind without their secrets."""
        found = await self._all(tenant, kind)
        return {name: _public(each) for name, each in found.items()}

    async def _all(self, tenant: str, kind: Kind) -> dict[str, Any]:
        until, known = self._known.get((tenant, kind), (0.0, {}))
        if self._ctx.monotonic() < until:
            return known
        async with self._store.statement() as session:
            rows = await session.connection.fetch(_QUERIES["read_credentials"], tenant, kind)
        found: dict[str, Any] = {}
        for row in rows:
            try:
                plain = self._vault.open(row["sealed"], _owner(tenant, kind, row["name"]))
            except VaultError as error:
                self._ctx.log.error("credential_locked", kind=kind, name=row["name"], error=str(error))
                continue
            found[row["name"]] = msgspec.json.decode(plain, type=_TYPES[kind])
        self._known[tenant, kind] = (self._ctx.monotonic() + self._remember_s, found)
        return found


def _public(value: Any) -> dict[str, Any]:
    return {key: part for key, part in msgspec.to_builtins(value).items() if key not in _SECRETS}


def _read(kind: Kind, body: bytes) -> Any:
    try:
        value = msgspec.json.decode(body, type=_TYPES[kind])
    except msgspec.ValidationError as error:
        raise HttpError(400, "invalid_body", str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise HttpError(400, "not_json", "the body is not JSON") from None
    if isinstance(value, FcmAccount):
        signing_key(value)
    return value


def signing_key(account: FcmAccount) -> RSAKey:
    """The account's private key; HttpError 400 when it is none."""
    try:
        return RSAKey.import_key(account.private_key)
    except (JoseError, ValueError, TypeError):
        raise HttpError(400, "invalid_body", "private_key is no RSA key in PEM form") from None


def _owner(tenant: str, kind: Kind, name: str) -> str:
    return "\n".join((tenant, kind, name))
