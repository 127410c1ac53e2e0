"""The scripted phone: registers, calls, answers, holds, speaks and hears tones, on real SIP and RTP sockets.

    async with Phone("1001", "secret", proxy=("127.0.0.1", 5060), domain="demo.ringback.example") as phone:
        await phone.register()
        call = await phone.call("8000")
        await call.wait_answered()
        call.play_tone(440)
        await call.hear_speech_or_music()
        await call.hangup()

`PhoneCarrier` stands for the far side of a trunk. Tests, `ringback check` and the demo use both.
"""

from __future__ import annotations

import asyncio
import re
from types import TracebackType
from typing import Self

from ringback.sip.message import Request, Response
from ringback.sip.uri import NameAddr, format_host_port
from ringback.testing.phone_agent import Transport, UserAgent
from ringback.testing.phone_audio import NotHeardError
from ringback.testing.phone_call import Call
from ringback.testing.phone_carrier import Behaviour, PhoneCarrier
from ringback.testing.phone_signalling import CallFailedError, CallState

__all__ = [
    "Behaviour",
    "Call",
    "CallFailedError",
    "CallState",
    "NotHeardError",
    "Phone",
    "PhoneCarrier",
    "RegistrationError",
]

_EXPIRES = re.compile(r";\s*expires\s*=\s*(\d+)", re.IGNORECASE)
_REFRESH_SHARE = 0.5
_BUSY_TRIES = 3
_BUSY_LONGEST_S = 10
"""How often a registrar that is busy is asked, and the longest pause before it is asked again."""


class RegistrationError(Exception):
    """The registrar refused."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"REGISTER was answered with {status} {reason}")
        self.status = status


class Phone(UserAgent):
    """A telephone with one line."""

    def __init__(
        self,
        user: str,
        password: str | None = None,
        *,
        proxy: tuple[str, int] | None = None,
        domain: str = "",
        transport: Transport = "udp",
        auto_answer: float | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        """*domain* is the address of record's; empty: the proxy's address. *auto_answer* answers each call
        after that many seconds of ringing; None leaves it to the script. Without a proxy the phone calls
        whole SIP URIs."""
        super().__init__(
            user,
            domain=domain or format_host_port(proxy[0] if proxy else host, None),
            proxy=proxy,
            transport=transport,
            host=host,
            port=port,
            password=password,
        )
        self.auto_answer = auto_answer
        self.registered = False
        self._call_id = self.endpoint.ids.call_id()
        self._cseq = 0
        self._expires = 3600
        self._refresh: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Hang up, unregister when registered, and close."""
        if self.registered:
            try:
                await self.unregister(timeout=1.0)
            except (TimeoutError, RegistrationError):
                self.registered = False
        self._stop_refresh()
        await super().close()

    async def register(self, expires: int = 3600, timeout: float = 10.0) -> None:
        """Register for *expires* seconds; refreshed by itself at half time.

        Raises RegistrationError, TimeoutError.
        """
        self._expires = expires
        response = await self._register(expires, timeout)
        self.registered = True
        granted = _granted(response, expires)
        self._stop_refresh()
        loop = asyncio.get_running_loop()
        self._refresh = loop.call_later(granted * _REFRESH_SHARE, self._refresh_now)

    async def unregister(self, timeout: float = 10.0) -> None:
        """Remove the binding. Raises RegistrationError, TimeoutError."""
        self._stop_refresh()
        await self._register(0, timeout)
        self.registered = False

    async def call(self, number: str, *, headers: tuple[tuple[str, str], ...] = ()) -> Call:
        """Dial a number, or a whole SIP URI; returns at once with the call on its way."""
        return self.dial(number, headers=headers)

    def incoming(self, call: Call) -> None:
        """Ring and answer, when this phone does so by itself."""
        after = 0.0 if call.header("Answer-Mode") == "Auto" else self.auto_answer
        if after is not None:
            call.ring()
            call.pick_up_after(after)

    def _refresh_now(self) -> None:
        self.spawn(self.register(self._expires))

    def _stop_refresh(self) -> None:
        if self._refresh is not None:
            self._refresh.cancel()
            self._refresh = None

    async def _register(self, expires: int, timeout: float) -> Response:
        """Ask for a binding, each time for at most `timeout` seconds; a 503 may name a pause."""
        for left in range(_BUSY_TRIES, 0, -1):
            request = self._registration(expires)
            destination = self.next_hop(request.raw_uri)
            response = await self.request(request, destination, timeout=timeout)
            self._cseq += 1  # a challenge took one number more
            pause = response.get("Retry-After") or ""
            if response.status != 503 or left == 1 or not pause.isdecimal():
                break
            await asyncio.sleep(min(int(pause), _BUSY_LONGEST_S))  # RFC 3261 21.5.4
        if not response.is_success:
            self.registered = False
            raise RegistrationError(response.status, response.reason)
        return response

    def _registration(self, expires: int) -> Request:
        self._cseq += 1
        uri = f"sip:{self.domain}"
        me = NameAddr.parse(f"<sip:{self.user}@{self.domain}>")
        contact = str(self.contact(self.next_hop(uri)))
        return self.endpoint.new_request(
            "REGISTER",
            uri,
            from_=me,
            to=me,
            headers=[("Contact", f"{contact};expires={expires}"), ("Expires", str(expires))],
            call_id=self._call_id,
            cseq=self._cseq,
        )


def _granted(response: Response, asked: int) -> int:
    found = _EXPIRES.search(response.get("Contact") or "")
    return max(2, int(found[1]) if found else asked)
