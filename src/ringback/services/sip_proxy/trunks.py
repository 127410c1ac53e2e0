"""Keeps trunks: asks gateways whether they are there, registers lines, tells when one goes out of service.

One proxy does so for all, under a lease. What it finds is told once, though it may restart: the last word is
in Valkey, beside the event that it caused.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import random
import uuid
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from ringback.contracts.events import TOPIC_SIP_PROXY, DnEvent, dns_stream
from ringback.contracts.sip import GatewayState, TrunkState, trunks_key
from ringback.domain.configuration import Line, Trunk
from ringback.runtime.http import HttpFailure, HttpRequest, HttpServer, HttpUnavailable
from ringback.runtime.lease import Lease
from ringback.runtime.streams import MAXLEN
from ringback.runtime.valkey import Script, ValkeyError, ValkeyUnavailable
from ringback.services.sip_proxy.asking import answer_from, ask
from ringback.services.sip_proxy.hops import uri_of
from ringback.services.sip_proxy.supervision import Health, Watch
from ringback.services.sip_proxy.trunk_line import LinePart, TrunkLine, accounts
from ringback.sip import NameAddr, Request, Response, SipParseError, SipUri
from ringback.sip.digest import DigestClient
from ringback.sip.ids import IdSource
from ringback.sip.registration import Account, Registration, State
from ringback.sip.transport import Destination

if TYPE_CHECKING:
    from ringback.services.sip_proxy.core import ProxyCore

_LOOK_S = 0.5
_LEASE_S = 5.0
_ANSWER_S = 5.0
_LEAVE_S = 1.0
# KEYS: trunks, event stream. ARGV: trunk, in or out, event (JSON), stream length. 1 if that is news.
_TELL = Script(
    "if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then return 0 end "
    "redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) "
    "redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], '*', 'e', ARGV[3]) return 1"
)
Key = tuple[str, str]
_AWAY = (ValkeyUnavailable, ValkeyError, HttpUnavailable, HttpFailure)


@dataclass(slots=True)
class Kept:
    """One trunk and what is known of it."""

    trunk: Trunk
    watches: dict[Destination, Watch] = field(default_factory=dict)
    line: TrunkLine | None = None
    token: str = ""
    """Marks the calls that come to the line."""
    looked: bool = False
    """DNS was asked where the gateways are."""
    busy: set[object] = field(default_factory=set)
    """What is being asked at the moment."""
    told: str = ""

    def state(self, now: float) -> str:
        """`in`, `out`, `unknown`, `not watched`; out: no gateway is there, or the line is not registered."""
        if not self.trunk.options_s and self.line is None:
            return "not watched"
        if self.line is not None and not self.line.is_registered(now):
            return "out" if self.line.reason else "unknown"
        return self._of_gateways() if self.trunk.options_s else "in"

    def _of_gateways(self) -> str:
        healths = [watch.health for watch in self.watches.values()]
        if not self.looked:
            return "unknown"
        if all(health is Health.OUT for health in healths):
            return "out"
        return "unknown" if Health.UNKNOWN in healths and Health.IN not in healths else "in"


class Trunks:
    """All trunks of all tenants."""

    def __init__(self, core: ProxyCore) -> None:
        self._core = core
        self._ctx = core.ctx
        self._passwords = read_passwords(core.settings.trunk_passwords)
        self._kept: dict[Key, Kept] = {}
        self._lines: dict[str, tuple[str, Trunk]] = {}
        """The tenant and trunk by the mark of the line."""
        self._digests: dict[str, DigestClient] = {}
        """By `tenant/trunk`."""
        self._ids = IdSource(os.urandom)
        self._lease = Lease(core.ctx.valkey, "ringback:sip:trunks", core.ctx.node, _LEASE_S)
        core.callers.line_of = self.line_of

    def start(self) -> None:
        """Keep the trunks from now on."""
        self._ctx.spawn(self._keep(), "trunks")

    async def stop(self) -> None:
        """Take the lines back, so that the carriers send no calls here; another proxy may keep them then."""
        parts = [(kept, part) for kept in self._kept.values() for part in _registered(kept)]
        if parts:
            leaving = [asyncio.ensure_future(self._register(kept, part, remove=True)) for kept, part in parts]
            _, late = await asyncio.wait(leaving, timeout=_LEAVE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*leaving, return_exceptions=True)
        if self._kept and self._ctx.valkey.connected:
            await self._lease.release()

    def add_routes(self, server: HttpServer) -> None:
        """What `ringback sip trunks` asks for."""
        server.route("GET", "/trunks", self._list)

    # What others ask

    def is_out(self, tenant: str, trunk: str, place: Destination) -> bool:
        """True for a gateway that is out of service, and for all of a trunk that is."""
        kept = self._kept.get((tenant, trunk))
        if kept is None:
            return False
        watch = kept.watches.get(place)
        return kept.told == "out" or (watch is not None and watch.health is Health.OUT)

    def digest(self, tenant: str, trunk: Trunk) -> DigestClient | None:
        """What answers the challenges of a trunk; None without a password (RFC 3261 22.3)."""
        name = f"{tenant}/{trunk.id}"
        password = self._passwords.get(name)
        user = trunk.auth_user or (trunk.line.user if trunk.line is not None else "")
        if not password or not user:
            return None
        known = self._digests.get(name)
        if known is None or known.username != user:
            known = self._digests[name] = DigestClient(user, password)
        return known

    def digest_of(self, name: str) -> DigestClient | None:
        """The same for a `tenant/trunk` that a Record-Route names."""
        return self._digests.get(name)

    def line_of(self, request: Request) -> tuple[str, Trunk] | None:
        """The tenant and trunk whose line a request was sent to: only its carrier knows the mark."""
        given = request.uri.params.get("line") or ""
        return self._lines.get(given) if given else None

    # Keeping

    async def _keep(self) -> None:
        away = False
        while True:
            try:
                await self._look()
                away = False
            except _AWAY as error:
                if not away:
                    self._ctx.log.info("trunks_not_kept", error=repr(error))
                away = True
            every = [kept.trunk.options_s / 2 for kept in self._kept.values() if kept.trunk.options_s]
            await asyncio.sleep(min([_LOOK_S, *every]))

    async def _look(self) -> None:
        await self._reconcile()
        if not self._kept or not await self._lease.acquire():
            return
        now = self._ctx.now()
        for key, kept in self._kept.items():
            self._once(kept, "gateways", self._find_gateways(kept))
            for place, watch in kept.watches.items():
                if watch.due_at <= now:
                    self._once(kept, place, self._ask(kept, place, watch))
            for part in kept.line.parts if kept.line is not None else ():
                if part.registration.due_at <= now:
                    self._once(kept, part, self._register(kept, part))
                elif part.flow.is_due(now):
                    self._once(kept, ("flow", part), self._keep_alive(kept, part))
            await self._tell(key, kept, now)

    async def _reconcile(self) -> None:
        """Follow the configuration; what has changed begins anew, but for a line that is the same."""
        found: dict[Key, Trunk] = {}
        for tenant in self._ctx.common.tenants:
            for trunk in (await self._core.callers.numbers(tenant)).trunks.values():
                self.digest(tenant, trunk)  # a dialog may be older than this process
                if trunk.options_s or trunk.line is not None:
                    found[tenant, trunk.id] = trunk
        for key in [key for key, kept in self._kept.items() if found.get(key) != kept.trunk]:
            self._changed(key, self._kept.pop(key), found.get(key))
        for (tenant, name), trunk in found.items():
            if (tenant, name) not in self._kept:
                self._kept[tenant, name] = self._made(tenant, trunk)
        self._lines = {kept.token: (key[0], kept.trunk) for key, kept in self._kept.items() if kept.token}

    def _changed(self, key: Key, old: Kept, trunk: Trunk | None) -> None:
        """A line that is no more is taken back."""
        if trunk is not None:
            new = self._kept[key] = self._made(key[0], trunk)
            new.told = old.told
            if (trunk.line, trunk.auth_user) == (old.trunk.line, old.trunk.auth_user):
                new.line = old.line
                return
        else:
            self._core.metrics.forget_trunk(*key)
        for part in _registered(old):
            self._once(old, ("leave", part), self._register(old, part, remove=True))

    def _made(self, tenant: str, trunk: Trunk) -> Kept:
        kept = Kept(trunk)
        if trunk.line is not None:
            try:
                found = self._accounts(tenant, trunk, trunk.line)
            except SipParseError as error:
                self._ctx.log.error("line_unusable", trunk=trunk.id, reason=error.reason)
                return kept
            kept.line = TrunkLine(found, self._ids, random.random)
            name = f"{tenant}/{trunk.id}".encode()
            kept.token = hmac.new(self._core.flow_key, name, hashlib.sha256).hexdigest()[:16]
        return kept

    def _accounts(self, tenant: str, trunk: Trunk, line: Line) -> list[Account]:
        password = self._passwords.get(f"{tenant}/{trunk.id}", "")
        name = f"instance:{tenant}/{trunk.id}".encode()
        drawn = hmac.new(self._core.flow_key, name, hashlib.sha256).digest()
        instance = uuid.UUID(bytes=drawn[:16], version=4).urn
        return accounts(line, trunk.auth_user or line.user, password, instance)

    def _once(self, kept: Kept, what: object, work: Coroutine[Any, Any, None]) -> None:
        """Begin what is not under way already."""
        if what in kept.busy:
            work.close()
            return
        kept.busy.add(what)
        task = self._ctx.spawn(work, "trunk")
        task.add_done_callback(lambda _: kept.busy.discard(what))

    async def _find_gateways(self, kept: Kept) -> None:
        """Watch all that the gateways' names lead to."""
        if not kept.trunk.options_s:
            return
        places: list[Destination] = []
        for gateway in kept.trunk.gateways:
            places += await self._core.hops.find(uri_of(gateway))
        for place in [place for place in kept.watches if place not in places]:
            del kept.watches[place]
        for place in places:
            kept.watches.setdefault(place, Watch(kept.trunk.options_s))
        kept.looked = True

    async def _ask(self, kept: Kept, place: Destination, watch: Watch) -> None:
        response = await ask(self._core.endpoints["edge"], place, _ANSWER_S)
        watch.told(response.status, self._ctx.now(), local=response.local)
        if response.local:
            self._core.hops.failed(place)
        else:
            self._core.hops.answered(place, response)

    async def _register(self, kept: Kept, part: LinePart, *, remove: bool = False) -> None:
        """Send REGISTER to the registrar's addresses, or its edge's, until one answers."""
        line = part.registration
        places = await self._core.hops.find(line.account.next_hop)
        response, contact = Response(503, local=True), NameAddr(line.account.aor)
        place: Destination | None = None
        for place in places[: self._core.settings.attempts]:
            contact = self._contact(kept, line, place)
            register = line.request(contact, remove=remove)
            response = await answer_from(self._core.endpoints["edge"], register, place, _ANSWER_S)
            if not response.local:
                break
            self._core.hops.failed(place)
        if remove:
            line.until = 0.0
        else:
            self._answered(kept, part, response, contact, place)

    def _answered(
        self, kept: Kept, part: LinePart, response: Response, contact: NameAddr, place: Destination | None
    ) -> None:
        line, now = part.registration, self._ctx.now()
        before = line.state
        assert kept.line is not None
        kept.line.note_others(part, now)
        line.answered(response, contact, now)
        if line.state is State.REGISTERED and place is not None:
            part.flow.registered(line, place, now)
        if line.state is not State.ASKING:
            trunk, flow = kept.trunk.id, line.account.reg_id
            states = {"was": before.value, "state": line.state.value}
            self._ctx.log.info("line", trunk=trunk, flow=flow, reason=line.reason, **states)

    async def _keep_alive(self, kept: Kept, part: LinePart) -> None:
        if not await part.flow.is_alive(self._core.endpoints["edge"], part.registration, self._ctx.now()):
            self._flow_failed(kept, part)

    def connection_lost(self, remote: tuple[str, int]) -> None:
        """A connection outside is gone: lines whose flow it was are registered anew."""
        for kept in self._kept.values():
            for part in kept.line.parts if kept.line is not None else ():
                if part.flow.goes_over(remote):
                    self._flow_failed(kept, part)

    def _flow_failed(self, kept: Kept, part: LinePart) -> None:
        if part.flow.failed(part.registration, self._ctx.now()):
            flow = part.registration.account.reg_id
            self._ctx.log.warning("line_flow_failed", trunk=kept.trunk.id, flow=flow)

    def _contact(self, kept: Kept, line: Registration, place: Destination) -> NameAddr:
        edge = self._core.edge
        params: dict[str, str | None] = {} if place.transport == "udp" else {"transport": place.transport}
        user, port = line.account.aor.user, edge.port_of(place.transport)
        return NameAddr(
            SipUri("sip", user, edge.host_toward(place.host), port, {**params, "line": kept.token})
        )

    # Telling

    async def _tell(self, key: Key, kept: Kept, now: float) -> None:
        tenant, name = key
        state = kept.state(now)
        self._measure(tenant, name, kept, state, now)
        if state not in ("in", "out") or state == kept.told:
            return
        event = DnEvent(
            id="EventDNBackInService" if state == "in" else "EventDNOutOfService",
            time=now,
            tenant=tenant,
            server=self._ctx.node,
            this_dn=name,
            contacts=sum(watch.health is Health.IN for watch in kept.watches.values()),
            reason=(kept.line.reason if kept.line is not None else "") or ("" if state == "in" else "silent"),
        )
        keys = (trunks_key(tenant), dns_stream(tenant))
        args = (name, state, msgspec.json.encode(event), MAXLEN)
        news = await self._ctx.valkey.script(_TELL, keys, args)
        kept.told = state
        if news:
            self._ctx.log.info("trunk", trunk=name, state=state, reason=event.reason)
            self._ctx.kafka.report(
                TOPIC_SIP_PROXY, name, event, connection="voice-60", failed=self._core.report_lost
            )

    def _measure(self, tenant: str, name: str, kept: Kept, state: str, now: float) -> None:
        metrics = self._core.metrics
        metrics.trunk_calls.labels(tenant, name).set(self._core.trunk_calls.of(tenant, name))
        if state in ("in", "out"):
            metrics.trunk_in_service.labels(tenant, name).set(state == "in")
        if kept.line is not None:
            metrics.trunk_registered.labels(tenant, name).set(kept.line.is_registered(now))

    async def _list(self, _request: HttpRequest) -> list[TrunkState]:
        now = self._ctx.now()
        found: list[TrunkState] = []
        for tenant in self._ctx.common.tenants:
            trunks: Iterable[Trunk] = (await self._core.callers.numbers(tenant)).trunks.values()
            found += [self._shown(tenant, trunk, now) for trunk in trunks]
        return found

    def _shown(self, tenant: str, trunk: Trunk, now: float) -> TrunkState:
        kept = self._kept.get((tenant, trunk.id)) or Kept(trunk)
        line, calls = kept.line, self._core.trunk_calls
        return TrunkState(
            tenant=tenant,
            trunk=trunk.id,
            state=kept.state(now),
            gateways=tuple(
                GatewayState(address=str(place), health=watch.health.value, status=watch.status)
                for place, watch in kept.watches.items()
            ),
            line="" if line is None else line.word(now),
            reason=line.reason if line is not None else "",
            registered_until=line.until if line is not None else 0.0,
            calls=calls.of(tenant, trunk.id),
            capacity=trunk.capacity,
            rejected=calls.rejected[tenant, trunk.id],
        )


def _registered(kept: Kept) -> list[LinePart]:
    """What has to be taken back."""
    parts = kept.line.parts if kept.line is not None else ()
    return [part for part in parts if part.registration.until]


def read_passwords(text: str) -> dict[str, str]:
    """`tenant/trunk` to password, from lines `tenant/trunk password`."""
    rows = [line.strip().split(None, 1) for line in text.splitlines()]
    return {row[0]: row[1] for row in rows if len(row) == 2 and not row[0].startswith("#")}
