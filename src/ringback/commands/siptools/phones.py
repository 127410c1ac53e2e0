"""`ringback sip ping | register | call`: be a telephone for a moment, against any SIP server."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable

from rich.console import Console

from ringback.commands.showing import lines
from ringback.sip import NameAddr, SipParseError
from ringback.sip.dialog import destination_of
from ringback.sip.endpoint import SipEndpoint
from ringback.sip.identity import client_context
from ringback.sip.resolver import DnsUnavailable, Resolver
from ringback.sip.stream import Tls
from ringback.sip.transport import TRANSPORTS, WEB, Destination
from ringback.sip.uri import SipUri, format_host_port
from ringback.testing.phone import CallFailedError, Phone, RegistrationError
from ringback.testing.phone_agent import Transport

_ANSWER_S = 5.0
_REQUEST_TIMEOUT = 408


class UnusableUriError(ValueError):
    """What was given is no SIP URI; the message says what one looks like."""


def ping(uri: str, *, times: int) -> int:
    """Send OPTIONS and print what comes back and how soon; the exit code: 0 if every one was answered."""
    return asyncio.run(_ping(_read(uri), times))


async def _ping(uri: SipUri, times: int) -> int:
    console = lines()
    try:
        found = await Resolver().locate(uri)
    except DnsUnavailable as error:
        console.print(f"{error}: no name server speaks")
        return 1
    if not found:
        console.print(f"no way to {uri}: {_why_no_way(uri)}")
        return 1
    destination = found[0]
    endpoint = SipEndpoint(lambda tx, request: None, tls=Tls(None, client_context()))
    answered = 0
    try:
        if destination.transport == "udp":
            await endpoint.listen_udp("::" if ":" in destination.host else "0.0.0.0")  # noqa: S104
        console.print(f"OPTIONS {uri} over {destination.transport} to {destination.host}:{destination.port}")
        for number in range(times):
            answered += await _ping_once(console, endpoint, uri, destination)
            if number + 1 < times:
                await asyncio.sleep(1.0)
    finally:
        await endpoint.close()
    console.print(f"{answered} of {times} answered")
    return 0 if answered == times else 1


def _why_no_way(uri: SipUri) -> str:
    if uri.transport in WEB:
        return "a WebSocket is opened by browsers (RFC 7118); ping goes by udp, tcp or tls"
    if uri.transport not in TRANSPORTS:
        return f"{uri.transport} is none of udp, tcp and tls"
    return "DNS knows none that we can go (RFC 3263)"


async def _ping_once(console: Console, endpoint: SipEndpoint, uri: SipUri, destination: Destination) -> bool:
    me = NameAddr(SipUri("sip", "ping", "ringback.invalid"))
    request = endpoint.new_request("OPTIONS", uri, from_=me, to=NameAddr(uri))
    began = time.perf_counter()
    try:
        answer = await endpoint.send_request(request, destination).final(_ANSWER_S)
    except TimeoutError:
        console.print(f"  no answer within {_ANSWER_S:.0f} s")
        return False
    took = (time.perf_counter() - began) * 1000
    if answer.local:
        console.print(f"  not reached ({answer.status} {answer.reason}) after {took:.1f} ms")
        return False
    said = answer.get("Server") or answer.get("User-Agent") or answer.get("Allow") or ""
    console.print(f"  {answer.status} {answer.reason} in {took:.1f} ms  {said}")
    return True


def register(user: str, password: str, server: str, domain: str, transport: Transport, seconds: int) -> int:
    """Register, say what was granted, stay that long, leave; the exit code."""

    async def work(phone: Phone, console: Console) -> int:
        try:
            await phone.register(expires=max(60, seconds))
        except RegistrationError as error:
            console.print(f"Refused: {error}.{_hint(error.status)}")
            return 1
        except TimeoutError:
            console.print(f"No answer.{_hint(_REQUEST_TIMEOUT)}")
            return 1
        console.print(f"{user} is registered at {server} as {phone.uri}.")
        if seconds:
            console.print(f"It stays for {seconds} s; calls to it are answered.")
            await asyncio.sleep(seconds)
        return 0

    return _as_phone(work, user, password, server, domain, transport)


_NOT_CONNECTED = {
    404: " There is no such number.",
    407: " The password is wrong, or there is no such user.",
}


def _hint(status: int) -> str:
    hints = {
        401: " The password is wrong, or there is no such user.",
        403: " This number may not register from here.",
        404: " The server does not know the domain: give it with --domain.",
        408: " Nobody answers there: is it up, and is --server right?",
        503: " Nothing listens there, or it has nobody to ask: look at --server and at `ringback check`.",
    }
    return hints.get(status, "")


def call(
    number: str, user: str, password: str, server: str, domain: str, transport: Transport, seconds: int
) -> int:
    """Dial, tell what happens and what is heard, hang up after `seconds` of talk; the exit code."""

    if not number.startswith(("sip:", "tel:")):
        _usable(f"sip:{number}@ringback.invalid", "NUMBER")

    async def work(phone: Phone, console: Console) -> int:
        began = time.perf_counter()

        def say(text: str) -> None:
            console.print(f"{time.perf_counter() - began:6.2f} s  {text}")

        dialled = await phone.call(number)
        say(f"INVITE to {number}")
        try:
            await dialled.wait_answered(60.0)
        except CallFailedError as error:
            say(f"not connected: {error}.{_NOT_CONNECTED.get(error.status) or _hint(error.status)}")
            return 1
        except TimeoutError:
            say("nobody answered within 60 s")
            return 1
        say("answered")
        try:
            await dialled.wait_ended(float(seconds))
            say("the other side hung up")
        except TimeoutError:
            await dialled.hangup()
            say("hung up")
        heard = dialled.statistics
        say(f"RTP: {heard.received} packets received, {heard.lost} lost")
        return 0

    return _as_phone(work, user, password, server, domain, transport)


def _as_phone(
    work: Callable[[Phone, Console], Awaitable[int]],
    user: str,
    password: str,
    server: str,
    domain: str,
    transport: Transport,
) -> int:
    async def run() -> int:
        place = destination_of(_read(f"{server};transport={transport}"))
        _usable(f"sip:{user}@{domain or format_host_port(place.host, None)}", "--user and --domain")
        near = await _host_toward(place)
        phone = Phone(
            user,
            password,
            proxy=(place.host, place.port),
            domain=domain,
            transport=transport,
            auto_answer=1.0,
            host=near,
        )
        async with phone:
            return await work(phone, lines())

    return asyncio.run(run())


async def _host_toward(place: Destination) -> str:
    """The address of this machine that the server sees. Raises UnusableUriError when the name is nobody's."""
    loop = asyncio.get_running_loop()
    try:
        transport, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, remote_addr=(place.host, place.port)
        )
    except socket.gaierror as error:
        raise UnusableUriError(f"no name server knows {place.host!r}: look at --server") from error
    host: str = transport.get_extra_info("sockname")[0]
    transport.close()
    return host


def _read(text: str) -> SipUri:
    whole = text if text.startswith(("sip:", "sips:")) else f"sip:{text}"
    try:
        uri = SipUri.parse(whole)
    except SipParseError as error:
        raise UnusableUriError(f"{text!r}: {error}; give host, host:port or sip:user@host:port") from error
    return uri


def _usable(uri: str, given: str) -> None:
    """Raises UnusableUriError for a URI that could not be called by; `given` is what it is made of."""
    try:
        SipUri.parse(uri)
    except SipParseError as error:
        raise UnusableUriError(f"{uri!r}: {error}; look at {given}") from error
