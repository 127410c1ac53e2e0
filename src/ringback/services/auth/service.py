"""Wiring of the auth service."""

from __future__ import annotations

from ringback.runtime.context import Context
from ringback.runtime.service import Service
from ringback.services.auth.http import AuthHttp
from ringback.services.auth.settings import AuthSettings
from ringback.services.auth.store import AuthStore
from ringback.services.auth.tokens import Tokens


class AuthService(Service):
    """Listens on HTTP 8095, 8091 and 8092."""

    name = "auth"
    settings_type = AuthSettings
    needs_postgres = True

    def __init__(self, ctx: Context, settings: AuthSettings) -> None:
        super().__init__(ctx, settings)
        store = AuthStore(ctx)
        self._tokens = Tokens(store, settings.issuer, ctx.common.cluster_secret)
        self._http = AuthHttp(ctx, settings, store, self._tokens)

    async def start(self) -> None:
        """Load the signing keys, then listen."""
        await self._tokens.load()
        for server in self._http.servers:
            await server.start()

    async def stop(self) -> None:
        """Close the listeners."""
        for server in self._http.servers:
            await server.stop()
