"""Bans shared by all proxies, through Valkey, and the way for operators to see and lift them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from ringback.contracts.sip import Ban
from ringback.runtime.http import HttpError, HttpFailure, HttpRequest, HttpServer, HttpUnavailable
from ringback.runtime.valkey import ValkeyError, ValkeyUnavailable
from ringback.services.sip_proxy.bans import BanRules, Bans, Offence, in_force
from ringback.services.sip_proxy.points import SharedPoints
from ringback.services.sip_proxy.trust import networks_of, within
from ringback.sip.transport import Source

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.sip_proxy.callers import Callers
    from ringback.services.sip_proxy.metrics import ProxyMetrics
    from ringback.services.sip_proxy.settings import SipProxySettings

KEY = "ringback:sip:bans"
_LOOK_S = 1.0


class Guard:
    """Notes offences, bans sources, tells the other proxies. Trunks and our own hosts are never banned."""

    def __init__(
        self, ctx: Context, settings: SipProxySettings, callers: Callers, metrics: ProxyMetrics
    ) -> None:
        self._ctx = ctx
        self._callers = callers
        self._metrics = metrics
        self._never = networks_of(settings.never_banned)
        self._enabled = settings.ban_points > 0
        self._connections = settings.max_connections, settings.max_source_connections
        rules = BanRules(
            settings.ban_points, settings.ban_window_s, settings.ban_first_s, settings.ban_longest_s
        )
        self._bans = Bans(rules)
        self._points = SharedPoints(ctx.valkey, rules)
        metrics.banned.set_function(lambda: len(self._bans.active))

    def start(self) -> None:
        """Follow what all proxies know."""
        if self._enabled:
            self._ctx.spawn(self._follow(), "bans")

    def add_routes(self, server: HttpServer) -> None:
        """What `ringback sip bans` asks for."""
        server.route("GET", "/bans", self._list)
        server.route("DELETE", "/bans/{source}", self._lift)

    def ignores(self, source: Source) -> bool:
        """True if nothing of this source is to be read."""
        if not self._bans.holds(source.host, source.port):
            return False
        self._metrics.ignored.inc()
        return True

    def connections_of(self, host: str) -> int:
        """How many connections a source may have: all of a proxy in front of browsers come from one."""
        most, of_one = self._connections
        return most if within(host, self._never) else of_one

    def offend(self, source: Source, offence: Offence) -> None:
        """Note an offence of a source."""
        if not self._enabled or within(source.host, self._never):
            return
        now = self._ctx.now()
        for name, what in self._bans.blamed(source.host, source.port, offence, now):
            if not self._bans.counts(name, what, now):
                continue
            if name == source.host:
                self._points.add(source, what)
            ban = self._bans.offend(name, what, now)
            if ban is not None:
                self._points.forget(name)
                self._ctx.spawn(self._impose(ban, source), "ban")

    def prove(self, source: Source) -> None:
        """A source has shown the right password."""
        self._bans.prove(source.host, self._ctx.now(), source.port)
        if self._enabled:
            self._points.forget(source.host)

    async def _impose(self, ban: Ban, source: Source) -> None:
        """Tell the other proxies, unless it is a trunk: that is looked up only now, for a ban is rare."""
        try:
            spared = await self._callers.is_trunk(source)
        except (HttpUnavailable, HttpFailure) as error:
            # Better a guesser more for a while than a carrier less.
            self._ctx.log.warning("trunks_unknown", error=repr(error))
            spared = True
        if spared:
            self._bans.lift(ban.source)
            return
        self._metrics.bans.labels(ban.reason).inc()
        self._ctx.log.warning("source_banned", source=ban.source, reason=ban.reason, count=ban.count)
        try:
            await self._ctx.valkey.call("HSET", KEY, ban.source, msgspec.json.encode(ban))
        except (ValkeyUnavailable, ValkeyError) as error:
            self._ctx.log.warning("ban_not_shared", error=repr(error))

    async def _follow(self) -> None:
        while True:
            try:
                await self._look(self._ctx.now())
                await self._add_up()
            except (ValkeyUnavailable, ValkeyError, msgspec.MsgspecError) as error:
                self._ctx.log.warning("bans_not_read", error=repr(error))
                self._bans.refresh(self._ctx.now())
            await asyncio.sleep(_LOOK_S)

    async def _look(self, now: float) -> None:
        known = await self._known()
        self._bans.take(known, now)
        old = self._bans.forgotten(known, now)
        if old:
            await self._ctx.valkey.call("HDEL", KEY, *old)

    async def _add_up(self) -> None:
        """Ban by what all proxies have seen: this one's own share alone may be small."""
        for source, offence in await self._points.flush():
            ban = self._bans.sum_reached(source.host, offence, self._ctx.now())
            if ban is not None:
                self._ctx.spawn(self._impose(ban, source), "ban")

    async def _known(self) -> list[Ban]:
        rows: list[bytes] = await self._ctx.valkey.call("HVALS", KEY)
        return [msgspec.json.decode(row, type=Ban) for row in rows]

    async def _list(self, _request: HttpRequest) -> list[Ban]:
        return in_force(await self._known(), self._ctx.now())

    async def _lift(self, request: HttpRequest) -> dict[str, str]:
        source = request.path_param("source")
        if not await self._ctx.valkey.call("HDEL", KEY, source):
            raise HttpError(404, "not-banned", f"{source} is not banned")
        self._bans.lift(source)
        self._ctx.log.info("ban_lifted", source=source)
        return {"lifted": source}
