"""The three listeners of the auth service."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import msgspec

from ringback.contracts.auth import (
    ApiKeyReply,
    ApiKeyRequest,
    ApiKeyView,
    KeyOwner,
    KeyRevocation,
    LinkRequest,
    Privileges,
    TenantView,
    TokenReply,
    TokenRequest,
    UserChange,
    UserInfo,
    UserReply,
    UserRequest,
    UserView,
    key_digest,
)
from ringback.runtime.http import HttpError, HttpRequest, HttpServer
from ringback.services.auth.accounts import Accounts, key_view, user_view
from ringback.services.auth.passwords import Guesses, Passwords
from ringback.services.auth.settings import AuthSettings
from ringback.services.auth.store import AuthStore
from ringback.services.auth.tokens import Tokens

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_FORM = "application/x-www-form-urlencoded"
_WRONG = "the user name or the password is wrong"


class AuthHttp:
    """Handlers; each listener has its own server."""

    def __init__(self, ctx: Context, settings: AuthSettings, store: AuthStore, tokens: Tokens) -> None:
        self._ctx = ctx
        self._settings = settings
        self._store = store
        self._tokens = tokens
        self._passwords = Passwords()
        self._accounts = Accounts(ctx, store, self._passwords)
        self._guesses = Guesses(settings.failures, settings.wait_s)
        self.servers = [self._authentication(), self._environment(), self._configuration()]

    def _authentication(self) -> HttpServer:
        server = HttpServer(self._ctx)
        server.route("POST", "/auth/v3/token", self._token, public=True)
        server.route("GET", "/auth/v3/userinfo", self._userinfo, public=True)
        server.route("GET", "/auth/v3/jwks", self._jwks, public=True)
        server.route("POST", "/auth/v3/links", self._link)
        return server

    def _environment(self) -> HttpServer:
        server = HttpServer(self._ctx, "environment")
        server.route("GET", "/environment/v3/api-keys/{sha256}", self._key_owner)
        server.route("POST", "/environment/v3/api-keys", self._new_key)
        server.route("GET", "/environment/v3/api-keys", self._keys)
        server.route("POST", "/environment/v3/api-keys/revoke", self._revoke_key)
        server.route("GET", "/environment/v3/tenants/{tenant}", self._tenant)
        return server

    def _configuration(self) -> HttpServer:
        server = HttpServer(self._ctx, "configuration")
        server.route("GET", "/configuration/v3/users/{user}/privileges", self._privileges)
        server.route("POST", "/configuration/v3/users", self._user)
        server.route("GET", "/configuration/v3/users", self._users)
        server.route("POST", "/configuration/v3/users/password", self._password)
        server.route("POST", "/configuration/v3/users/remove", self._remove_user)
        return server

    async def _token(self, request: HttpRequest) -> TokenReply:
        """The password grant (RFC 6749 4.3), as a form or as JSON."""
        asked = _token_request(request)
        now = self._ctx.now()
        wait = self._guesses.must_wait(asked.username, now)
        if wait > 0:
            raise HttpError(
                429, "too_many_tries", "too many wrong passwords; wait", {"Retry-After": str(int(wait) + 1)}
            )
        user = await self._store.user(asked.username)
        if not await self._passwords.verify(user.password_hash if user else None, asked.password) or not user:
            self._guesses.wrong(asked.username, now)
            raise HttpError(401, "invalid_grant", _WRONG)
        self._guesses.right(asked.username)
        if self._passwords.outdated(user.password_hash):
            await self._store.change_hash(user.name, await self._passwords.hash(asked.password))
        info = UserInfo(sub=user.name, tenant=user.tenant)
        token = self._tokens.issue(info, now, self._settings.token_s)
        return TokenReply(access_token=token, expires_in=self._settings.token_s)

    async def _userinfo(self, request: HttpRequest) -> UserInfo:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _unauthorized("a bearer token is needed")
        now = self._ctx.now()
        user = await self._signed(token, now) if token.count(".") == 2 else None
        user = user or await self._store.link_user(key_digest(token), now)
        if user is None:
            raise _unauthorized("the token is not known, or it is over")
        return user

    async def _signed(self, token: str, now: float) -> UserInfo | None:
        """Whose signed token it is; None also when the user is gone, or has another password since."""
        read = self._tokens.read(token, now)
        return read[0] if read is not None and await self._store.accepts(*read) else None

    async def _jwks(self, _request: HttpRequest) -> object:
        return self._tokens.jwks()

    async def _link(self, request: HttpRequest) -> TokenReply:
        asked = request.decode(LinkRequest)
        user = await self._store.user(asked.user)
        if user is None or user.tenant != asked.tenant:
            raise HttpError(404, "unknown_user", "the tenant has no such user")
        token, now = secrets.token_urlsafe(24), self._ctx.now()
        await self._store.put_link(key_digest(token), user.name, now + asked.lifetime_s, now)
        return TokenReply(access_token=token, expires_in=asked.lifetime_s)

    async def _key_owner(self, request: HttpRequest) -> KeyOwner:
        owner = await self._store.key_owner(request.path_param("sha256"))
        if owner is None:
            raise HttpError(404, "unknown_key", "no tenant owns this key")
        return owner

    async def _new_key(self, request: HttpRequest) -> ApiKeyReply:
        return ApiKeyReply(key=await self._accounts.new_key(request.decode(ApiKeyRequest)))

    async def _keys(self, request: HttpRequest) -> list[ApiKeyView]:
        return [key_view(row) for row in await self._store.keys(self._asked_tenant(request))]

    async def _revoke_key(self, request: HttpRequest) -> dict[str, str]:
        asked = request.decode(KeyRevocation)
        await self._accounts.revoke_key(asked)
        return {"name": asked.name}

    async def _tenant(self, request: HttpRequest) -> TenantView:
        self._accounts.check_tenant(request.path_param("tenant"))
        return TenantView(tenant=request.path_param("tenant"))

    async def _privileges(self, request: HttpRequest) -> Privileges:
        user = await self._store.user(request.path_param("user"))
        if user is None:
            raise HttpError(404, "unknown_user", "there is no such user")
        return Privileges(user=user.name, tenant=user.tenant, roles=user.roles, scopes=user.scopes)

    async def _user(self, request: HttpRequest) -> UserReply:
        asked = request.decode(UserRequest)
        return UserReply(user=asked.user, password=await self._accounts.put_user(asked))

    async def _users(self, request: HttpRequest) -> list[UserView]:
        return [user_view(user) for user in await self._store.users(self._asked_tenant(request))]

    async def _password(self, request: HttpRequest) -> UserReply:
        asked = request.decode(UserChange)
        return UserReply(user=asked.user, password=await self._accounts.new_password(asked))

    async def _remove_user(self, request: HttpRequest) -> dict[str, str]:
        asked = request.decode(UserChange)
        await self._accounts.remove_user(asked)
        return {"user": asked.user}

    def _asked_tenant(self, request: HttpRequest) -> str:
        tenant = request.query.get("tenant", "")
        self._accounts.check_tenant(tenant)
        return tenant


def _token_request(request: HttpRequest) -> TokenRequest:
    if request.raw.content_type != _FORM:
        return request.decode(TokenRequest)
    try:
        return msgspec.convert(dict(parse_qsl(request.body.decode())), TokenRequest)
    except (msgspec.ValidationError, UnicodeDecodeError) as error:
        raise HttpError(400, "invalid_body", str(error)) from None


def _unauthorized(message: str) -> HttpError:
    return HttpError(401, "invalid_token", message, {"WWW-Authenticate": "Bearer"})
