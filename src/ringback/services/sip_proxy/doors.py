"""The ports on which phones, trunks and browsers come in, and the certificate that they are shown."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ringback.runtime.addresses import is_every
from ringback.runtime.settings import SettingsError
from ringback.services.sip_proxy.marks import EDGE, Side
from ringback.sip.endpoint import SipEndpoint
from ringback.sip.identity import client_context, hold_against, server_context
from ringback.sip.stream import Tls
from ringback.sip.transport import is_address

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.sip_proxy.settings import SipProxySettings

_LOOK_S = 60.0
"""Seconds between looks whether the files of the certificate, or of those revoked, have changed."""


@dataclass(slots=True)
class ServerCertificate:
    """The certificate in its files, and the lists of those that were revoked; renewed ones are for those who
    come after.
    """

    chain: Path | None
    key: Path | None
    tls: Tls
    changed_at: float = 0.0
    revoked: Path | None = None
    """Lists of revoked certificates (RFC 5280 5), one of each authority."""
    revoked_at: float = 0.0

    def reload(self) -> bool:
        """Read the files again if they have changed; True if they had. Raises OSError, ssl.SSLError."""
        newer_list = self._reload_revoked()
        return self._reload_chain() or newer_list

    def _reload_revoked(self) -> bool:
        if self.revoked is None or (changed := self.revoked.stat().st_mtime) == self.revoked_at:
            return False
        for context in (self.tls.client, self.tls.server):
            if context is not None:
                hold_against(context, self.revoked)
        self.revoked_at = changed
        return True

    def _reload_chain(self) -> bool:
        if self.chain is None or self.tls.server is None:
            return False
        newest = max(path.stat().st_mtime for path in (self.chain, self.key) if path is not None)
        if newest == self.changed_at:
            return False
        self.tls.server.load_cert_chain(self.chain, self.key)
        if self.tls.client is not None:  # a trunk may ask who we are (RFC 5246 7.4.4)
            self.tls.client.load_cert_chain(self.chain, self.key)
        self.changed_at = newest
        return True


def read_certificate(settings: SipProxySettings) -> ServerCertificate:
    """The certificate of the settings, or one without TLS; SettingsError names the file that is wrong."""
    try:
        client = client_context(settings.tls_authorities)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"RINGBACK_SIP_PROXY_TLS_AUTHORITIES: {_said(error)}") from error
    revoked = Path(settings.tls_revoked) if settings.tls_revoked else None
    if not settings.tls_certificate:
        return _read(ServerCertificate(None, None, Tls(None, client), revoked=revoked))
    server = server_context()
    if settings.tls_ask:
        server.verify_mode = ssl.CERT_OPTIONAL
        if settings.tls_authorities:
            server.load_verify_locations(settings.tls_authorities)
    key = Path(settings.tls_key) if settings.tls_key else None
    return _read(ServerCertificate(Path(settings.tls_certificate), key, Tls(server, client), revoked=revoked))


def _read(found: ServerCertificate) -> ServerCertificate:
    """The certificate with its files read; SettingsError names the one that is wrong."""
    steps = (
        ("REVOKED", found.revoked, found._reload_revoked),
        ("CERTIFICATE", found.chain, found._reload_chain),
    )
    for name, path, read in steps:
        try:
            read()
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(f"RINGBACK_SIP_PROXY_TLS_{name}: {path}: {_said(error)}") from error
    return found


def _said(error: OSError) -> str:
    return error.strerror or str(error)


class Doors:
    """Listens outside on every transport that the settings ask for."""

    def __init__(
        self,
        ctx: Context,
        settings: SipProxySettings,
        endpoint: SipEndpoint,
        certificate: ServerCertificate,
    ) -> None:
        self._ctx = ctx
        self._settings = settings
        self._endpoint = endpoint
        self._certificate = certificate

    async def open(self) -> Side:
        """Bind UDP and TCP on one port, then the others; what the proxy is called from outside."""
        host, port = await self._endpoint.listen_udp(*self._ctx.address("sip_proxy", "edge"))
        await self._endpoint.listen_tcp(host, port)
        self._ctx.bound("edge", (host, port))
        if second := self._second(host):
            await self._endpoint.listen_udp(second, port)
            await self._endpoint.listen_tcp(second, port)
        others = [(name, await self._open(name)) for name in self._wanted()]
        if self._certificate.chain is not None or self._certificate.revoked is not None:
            self._ctx.spawn(self._follow_certificate(), "certificate")
        return Side(EDGE, self.host, port, tuple(others), second=second)

    def _second(self, first: str) -> str:
        """The address of the other version of IP. Raises SettingsError for one of the same."""
        second = self._settings.second_host
        if second and (not is_address(second) or is_every(second) or (":" in second) == (":" in first)):
            name = "RINGBACK_SIP_PROXY_SECOND_HOST"
            raise SettingsError(f"{name}: {second} is no address of the other version of IP than {first}")
        return second

    @property
    def host(self) -> str:
        """What phones and trunks see."""
        return self._settings.advertised_host or self._ctx.announced(0)[0]

    def _wanted(self) -> list[str]:
        secure = ["tls", "wss"] if self._certificate.chain is not None else []
        return [*secure, "ws"] if self._settings.websocket else secure

    async def _open(self, name: str) -> int:
        address = await self._endpoint.listen(name, *self._ctx.address("sip_proxy", name))
        self._ctx.bound(name, address)
        if self._settings.second_host:
            await self._endpoint.listen(name, self._settings.second_host, address[1])
        return address[1]

    async def _follow_certificate(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            with contextlib.suppress(FileNotFoundError):  # in the midst of being replaced
                try:
                    if self._certificate.reload():
                        self._ctx.log.info("certificate_renewed")
                except ssl.SSLError as error:
                    self._ctx.log.error("certificate_unusable", reason=str(error))
