"""Certificates that were revoked (RFC 5280 5, 6.3): of trunks that we call, and of those who call us."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from ringback.runtime.settings import SettingsError
from ringback.services.sip_proxy.doors import ServerCertificate, read_certificate
from ringback.services.sip_proxy.settings import SipProxySettings
from ringback.sip.identity import client_context, server_context
from ringback.testing.certificates import Certificate, make_certificate, revoke
from ringback.testing.servers import private_host

HOST = private_host()
PATIENCE_S = 5.0


@pytest.fixture
def other(tmp_path: Path) -> Certificate:
    """The certificate of a trunk."""
    (tmp_path / "trunk").mkdir()
    return make_certificate(tmp_path / "trunk", HOST)


@pytest.fixture
def settings(tmp_path: Path, other: Certificate) -> SipProxySettings:
    """The proxy's own certificate, and the authority of the trunk; nobody is revoked."""
    own = make_certificate(tmp_path, HOST)
    lists = tmp_path / "revoked.pem"
    lists.write_bytes(revoke(other, all_good=True))
    return SipProxySettings(
        tls_certificate=str(own.chain),
        tls_key=str(own.key),
        tls_authorities=str(other.authority),
        tls_ask=True,
        tls_revoked=str(lists),
    )


def replace(settings: SipProxySettings, *lists: bytes) -> None:
    """A new file in the place of the old one."""
    path = Path(settings.tls_revoked)
    before = path.stat().st_mtime
    path.write_bytes(b"".join(lists))
    os.utime(path, (before + 1, before + 1))


@asynccontextmanager
async def listening(context: ssl.SSLContext) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, HOST, 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def meets(port: int, context: ssl.SSLContext) -> bool:
    """Whether a connection comes about and is answered on."""
    writer = None
    try:
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection(HOST, port, ssl=context)
            return await reader.readline() == b"hello\n"
    except (ssl.SSLError, ConnectionError):
        return False
    finally:
        if writer is not None:
            writer.transport.abort()


def of_trunk(other: Certificate) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a trunk listens and connects with."""
    server, client = server_context(), client_context()
    client.verify_mode = ssl.CERT_NONE
    for context in (server, client):
        context.load_cert_chain(other.chain, other.key)
    return server, client


async def both_ways(found: ServerCertificate, other: Certificate) -> tuple[bool, bool]:
    """Whether we call the trunk, and whether it calls us."""
    server, client = of_trunk(other)
    assert found.tls.client is not None and found.tls.server is not None
    async with listening(server) as theirs, listening(found.tls.server) as ours:
        return await meets(theirs, found.tls.client), await meets(ours, client)


async def test_rfc5280_6_3_a_trunk_whose_certificate_is_revoked_is_neither_called_nor_listened_to(
    settings: SipProxySettings, other: Certificate
) -> None:
    found = read_certificate(settings)
    assert await both_ways(found, other) == (True, True)
    assert not found.reload()
    replace(settings, revoke(other, 2))
    assert found.reload()
    assert await both_ways(found, other) == (False, False)
    replace(settings, revoke(other, 3, all_good=True))
    assert found.reload()
    assert await both_ways(found, other) == (True, True)


async def test_rfc5280_6_3_without_a_list_of_its_authority_or_with_an_old_one_nobody_is_trusted(
    settings: SipProxySettings, other: Certificate, tmp_path: Path
) -> None:
    (tmp_path / "third").mkdir()
    replace(settings, revoke(make_certificate(tmp_path / "third", HOST)))
    assert await both_ways(read_certificate(settings), other) == (False, False)
    replace(settings, revoke(other, all_good=True, old=True))
    assert await both_ways(read_certificate(settings), other) == (False, False)
    without = msgspec.structs.replace(settings, tls_revoked="")
    assert await both_ways(read_certificate(without), other) == (True, True)


def test_a_list_that_cannot_be_read_is_named_at_the_start(settings: SipProxySettings) -> None:
    with pytest.raises(SettingsError, match="TLS_REVOKED: /nowhere"):
        read_certificate(msgspec.structs.replace(settings, tls_revoked="/nowhere"))
    replace(settings, b"no list\n")
    with pytest.raises(SettingsError, match="TLS_REVOKED"):
        read_certificate(settings)
    lonely = msgspec.structs.replace(settings, tls_certificate="")
    with pytest.raises(SettingsError, match="TLS_REVOKED"):
        read_certificate(lonely)
