"""Who is calling: a phone that proves it by digest, a trunk by its address, or nobody we know."""

from __future__ import annotations

import ipaddress
import os
import secrets
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from ringback.contracts.configuration import ConfigClient
from ringback.contracts.numbers import TenantNumbers
from ringback.domain.configuration import Extension, Tenant, Trunk
from ringback.runtime.http import HttpFailure, HttpUnavailable
from ringback.services.sip_proxy.emergency import asks_for_help, dial_for_help
from ringback.sip import Request, identity
from ringback.sip.digest import ALGORITHMS, DigestServer, Verdict
from ringback.sip.transport import Source

if TYPE_CHECKING:
    from ringback.runtime.context import Context


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller that is let in; `origin` is `dn=1001` or `trunk=carrier`."""

    tenant: str
    origin: str
    trunk: Trunk | None = None

    @property
    def is_trunk(self) -> bool:
        """True for a carrier."""
        return self.origin.startswith("trunk=")


@dataclass(frozen=True, slots=True)
class Turned:
    """A caller that is turned away, or asked for credentials."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    stranger: bool = False
    """There is no such number and no such trunk, though the answer does not say so."""
    stale: bool = False
    """The password was right, and the nonce too old or another's."""


_MOST_PLACES = 4096
_LATELY_S = 10.0
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Numbers:
    """The extensions and trunks of a tenant; what trunks are found by is made anew when one has changed."""

    def __init__(self, known: TenantNumbers) -> None:
        self._known = known
        self._networks: list[tuple[Network, Trunk]] = []
        self._at: dict[tuple[str, int], Trunk | None] = {}
        """What was found for an address: the same few call again and again."""
        self._made_at = -1

    def up_to_date(self) -> Numbers:
        """This, as the configuration is now."""
        if self._made_at != self._known.trunk_changes:
            self._made_at = self._known.trunk_changes
            self._at.clear()
            self._networks = [(at, trunk) for trunk in self.trunks.values() for at in _networks(trunk)]
        return self

    def is_of(self, known: TenantNumbers) -> bool:
        """Whether these are the numbers that it is made from."""
        return self._known is known

    @property
    def trunks(self) -> dict[str, Trunk]:
        """By their ids."""
        return self._known.trunks

    def extension(self, number: str) -> Extension | None:
        """The phone that has a number."""
        found = self._known.all.get(number)
        return found if isinstance(found, Extension) else None

    def trunk_at(self, host: str, port: int) -> Trunk | None:
        """The trunk that an address belongs to; one whose gateway is exactly there comes first."""
        place = (host, port)
        if place not in self._at:
            if len(self._at) >= _MOST_PLACES:
                self._at.clear()
            self._at[place] = self._find_trunk(host, port)
        return self._at[place]

    def _find_trunk(self, host: str, port: int) -> Trunk | None:
        address = ipaddress.ip_address(host)
        found = [trunk for network, trunk in self._networks if address in network]
        for trunk in found:
            if any(gateway.host == host and gateway.port == port for gateway in trunk.gateways):
                return trunk
        return found[0] if found else None

    def trunk_named(self, source: Source) -> Trunk | None:
        """The trunk one of whose TLS gateways is named by the certificate of a connection (RFC 5922 7)."""
        if source.transport != "tls" or source.connection is None:
            return None
        certificate = source.connection.certificate
        gateways = [
            (gateway.host, trunk)
            for trunk in self.trunks.values()
            for gateway in trunk.gateways
            if gateway.transport == "tls"
        ]
        return next((trunk for host, trunk in gateways if identity.names(certificate, host)), None)


def _networks(trunk: Trunk) -> list[Network]:
    networks: list[Network] = []
    for text in trunk.addresses:
        try:
            networks.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            continue
    return networks


class Callers:
    """Knows the tenants' numbers and checks credentials."""

    def __init__(
        self, ctx: Context, key: bytes, nonce_s: float, algorithms: tuple[str, ...] = ALGORITHMS
    ) -> None:
        self._ctx = ctx
        self._key = key
        self._nonce_s = nonce_s
        self._algorithms = algorithms
        self._config = ConfigClient(ctx, "voice-23")
        self._numbers: dict[str, Numbers] = {}
        self._lately: tuple[list[Tenant] | None, float] = None, 0.0
        self._looking = False
        self._realms: dict[str, DigestServer] = {}
        self._issuer = secrets.token_hex(4)
        self.line_of: Callable[[Request], tuple[str, Trunk] | None] = lambda request: None
        """The tenant and trunk whose registered line a request was sent to."""

    async def numbers(self, tenant: str) -> Numbers:
        """The numbers of a tenant. Raises HttpUnavailable, HttpFailure."""
        return self._index(tenant, await self._config.numbers(tenant))

    def _index(self, tenant: str, known: TenantNumbers) -> Numbers:
        numbers = self._numbers.get(tenant)
        if numbers is None or not numbers.is_of(known):
            numbers = self._numbers[tenant] = Numbers(known)
        return numbers.up_to_date()

    async def tenant_of(self, *hosts: str) -> Tenant | None:
        """The tenant whose domain is one of these hosts; the first one for an address of the platform."""
        return self.pick(await self._config.tenants(), hosts)

    def tenants_at_hand(self) -> list[Tenant] | None:
        """All tenants; None where the configuration must be asked."""
        return self._config.tenants_at_hand()

    def tenants_lately(self) -> list[Tenant] | None:
        """All tenants as they are or were a moment ago: nobody has to wait while they are asked for again.

        None where nothing is known, or for too long.
        """
        found, now = self._config.tenants_at_hand(), self._ctx.monotonic()
        if found is not None:
            self._lately = found, now
            return found
        lately, seen_at = self._lately
        if lately is None or now - seen_at > _LATELY_S:
            return None
        if not self._looking:
            self._looking = True
            self._ctx.spawn(self._look_again(), "tenants")
        return lately

    async def _look_again(self) -> None:
        try:
            await self._config.tenants()
        except (HttpUnavailable, HttpFailure) as error:
            self._ctx.log.info("tenants_not_read", error=repr(error))
        finally:
            self._looking = False

    def pick(self, tenants: list[Tenant], hosts: tuple[str, ...]) -> Tenant | None:
        """What `tenant_of` says, among these tenants."""
        for host in hosts:
            name = host.lower()
            for tenant in tenants:
                if tenant.domain.lower() == name:
                    return tenant
        first = self._ctx.common.tenants[0]
        for tenant in tenants:
            if tenant.id == first:
                return tenant
        return None

    def is_emergency(self, request: Request) -> bool:
        """True for a call to a number that passes every rule, as far as the configuration is at hand."""
        if asks_for_help(request):
            return True
        if request.method != "INVITE" or request.uri.user is None:
            return False
        tenants = self._config.tenants_at_hand() or []
        return any(request.uri.number in tenant.emergency for tenant in tenants)

    def help_dialled(self, request: Request, tenant: str) -> bool:
        """Put the number of the emergency call in place of its service; False if the tenant has none."""
        return dial_for_help(request, tenant, self._config.tenants_at_hand() or [])

    async def is_trunk(self, source: Source) -> bool:
        """True for the address of a trunk. Raises HttpUnavailable, HttpFailure."""
        for name in self._ctx.common.tenants:
            if (await self.numbers(name)).trunk_at(source.host, source.port) is not None:
                return True
        return False

    async def identify(self, request: Request, source: Source) -> Caller | Turned:
        """Say who sent an INVITE. Raises HttpUnavailable, HttpFailure, SipParseError."""
        steps = self._decide(request, source, await self._config.tenants())
        try:
            wanted = next(steps)
            while True:
                wanted = steps.send(await self.numbers(wanted))
        except StopIteration as end:
            return cast(Caller | Turned, end.value)

    def identify_now(self, request: Request, source: Source) -> Caller | Turned | None:
        """What `identify` would say; None where the configuration must be asked. Raises SipParseError."""
        tenants = self._config.tenants_at_hand()
        if tenants is None:
            return None
        steps = self._decide(request, source, tenants)
        try:
            wanted = next(steps)
            while (known := self._config.numbers_at_hand(wanted)) is not None:
                wanted = steps.send(self._index(wanted, known))
        except StopIteration as end:
            return cast(Caller | Turned, end.value)
        return None

    def _decide(
        self, request: Request, source: Source, tenants: list[Tenant]
    ) -> Generator[str, Numbers, Caller | Turned]:
        """Asks for the numbers of one tenant after the other until it knows."""
        sender = request.from_.uri
        tenant = self.pick(tenants, (sender.host, request.uri.host, request.to.uri.host))
        if tenant is not None and sender.is_sip:
            extension = (yield tenant.id).extension(sender.number)
            if extension is not None:
                return self._challenge(request, tenant, extension)
        for name in self._ctx.common.tenants:
            numbers = yield name
            trunk = numbers.trunk_at(source.host, source.port) or numbers.trunk_named(source)
            if trunk is not None:
                return Caller(name, f"trunk={trunk.id}", trunk)
        if (line := self.line_of(request)) is not None:
            return Caller(line[0], f"trunk={line[1].id}", line[1])
        # Asked for a password like everybody: who is not there is not told from who is.
        return Turned(403, stranger=True) if tenant is None else self._challenge(request, tenant, None)

    def _challenge(self, request: Request, tenant: Tenant, extension: Extension | None) -> Caller | Turned:
        server = self._realms.get(tenant.domain)
        if server is None:
            server = self._realms[tenant.domain] = DigestServer(
                tenant.domain, self._key, self._nonce_s, self._algorithms, issuer=self._issuer
            )
        verdict = self._verify(request, server, extension)
        if verdict is Verdict.OK and extension is not None:
            return Caller(tenant.id, f"dn={extension.id}")
        challenges = server.challenges(self._ctx.now(), os.urandom(8), stale=verdict is Verdict.STALE)
        headers = [("Proxy-Authenticate", value) for value in challenges]
        return Turned(407, headers, stranger=extension is None, stale=verdict is Verdict.STALE)

    def _verify(self, request: Request, server: DigestServer, extension: Extension | None) -> Verdict:
        given = request.get_all("Proxy-Authorization")
        if extension is None:
            return server.check(given, request.method, "", {}, self._ctx.now())
        user = extension.user or extension.id
        return server.check(given, request.method, user, extension.hashes(), self._ctx.now())
