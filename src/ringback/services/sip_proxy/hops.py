"""Where the outer face sends to: next hops by DNS (RFC 3263), those that have failed lately last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringback.domain.configuration import Gateway
from ringback.sip import Response, SipUri
from ringback.sip.avoid import Avoided
from ringback.sip.locate import Able
from ringback.sip.message import parse_number
from ringback.sip.resolver import DnsUnavailable, Resolver
from ringback.sip.transport import Destination

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.sip_proxy.settings import SipProxySettings


class NextHops:
    """Finds the addresses of gateways and of contacts; remembers which of them do not answer."""

    def __init__(self, ctx: Context, settings: SipProxySettings) -> None:
        self._ctx = ctx
        self.resolver = Resolver(settings.nameservers, timeout_s=settings.dns_timeout_s)
        self.avoided = Avoided(settings.avoid_s, 10 * settings.avoid_s)
        self.able = Able()

    def at_once(self, uri: SipUri) -> list[Destination] | None:
        """The destinations for a URI, the best first; None where a name server must be asked."""
        found = self.resolver.locate_now(uri, self.able)
        return None if found is None else self.avoided.order(found, self._ctx.monotonic())

    async def find(self, uri: SipUri) -> list[Destination]:
        """The destinations for a URI, the best first; none where name servers are silent or know nothing."""
        try:
            found = await self.resolver.locate(uri, self.able)
        except DnsUnavailable as error:
            self._ctx.log.warning("name_not_resolved", error=str(error))
            return []
        return self.avoided.order(found, self._ctx.monotonic())

    def failed(self, destination: Destination) -> None:
        """It did not answer."""
        self.avoided.failed(destination, self._ctx.monotonic())

    def answered(self, destination: Destination, response: Response) -> None:
        """It has answered; with 503 it asks to be spared (RFC 3261 21.5.4)."""
        if response.status == 503:
            wanted = (response.get("Retry-After") or "").partition(";")[0].partition("(")[0].strip()
            self.avoided.failed(destination, self._ctx.monotonic(), float(parse_number(wanted) or 0))
        else:
            self.avoided.worked(destination)

    async def close(self) -> None:
        """Ask nothing more."""
        await self.resolver.close()


def uri_of(gateway: Gateway, user: str | None = None) -> SipUri:
    """The URI of a gateway: what it does not say (port, transport) is for DNS to say."""
    params: dict[str, str | None] = {}
    if gateway.transport not in ("", "udp") or (gateway.transport and not gateway.port):
        params["transport"] = gateway.transport
    return SipUri("sip", user, gateway.host, gateway.port or None, params)
