"""Session timers (RFC 4028): who refreshes a session, how often, and when it counts as gone. Pure.

Times are seconds. A session has a timer where both sides know the extension; who does not is asked for life
in another way.
"""

from __future__ import annotations

from dataclasses import dataclass

from ringback.sip.errors import SipParseError
from ringback.sip.message import Message, Request, Response, parse_number
from ringback.sip.uri import parse_params

OPTION = "timer"
LEAST_S = 90
"""No Min-SE may be shorter (section 4)."""
MOST_TRIES = 3
"""How often an INVITE is sent again after 422."""


@dataclass(frozen=True, slots=True)
class SessionExpires:
    """The header's value: the interval, and who refreshes, as seen from the transaction (uac, uas, open)."""

    seconds: int
    refresher: str = ""

    def __str__(self) -> str:
        return f"{self.seconds};refresher={self.refresher}" if self.refresher else str(self.seconds)

    @classmethod
    def parse(cls, value: str) -> SessionExpires:
        """Read a Session-Expires value. Raises SipParseError."""
        number, semicolon, rest = value.partition(";")
        seconds = parse_number(number)
        if not seconds:
            raise SipParseError("bad Session-Expires")
        refresher = (parse_params(";" + rest).get("refresher") or "").lower() if semicolon else ""
        return cls(seconds, refresher if refresher in ("uac", "uas") else "")


@dataclass(frozen=True, slots=True)
class SessionTimer:
    """What was agreed on for a session, as one side keeps it."""

    seconds: int
    refreshes: bool
    """This side refreshes."""

    @property
    def wait_s(self) -> float:
        """How long after the last refresh this side acts: it refreshes at half time; who waits for the other
        ends the session a third before its time is over, but not more than 32 s (section 10).
        """
        return self.seconds / 2 if self.refreshes else self.seconds - min(32.0, self.seconds / 3)


def supports(message: Message, option: str) -> bool:
    """Whether the sender knows an extension: by Supported or Require."""
    for header in ("Supported", "Require"):
        if message.has(header) and any(name.lower() == option for name in message.values(header)):
            return True
    return False


def expires_of(message: Message) -> SessionExpires | None:
    """The Session-Expires of a message. Raises SipParseError."""
    value = message.get("Session-Expires")
    return None if value is None else SessionExpires.parse(value)


def least_of(message: Message) -> int:
    """The Min-SE of a message; 90 s where there is none or it is less (section 5)."""
    value = (message.get("Min-SE") or "").partition(";")[0]
    return max(LEAST_S, parse_number(value) or 0)


# The side that sends a session refresh request


def ask(seconds: int, least: int, refresher: str = "") -> list[tuple[str, str]]:
    """The headers of an INVITE or UPDATE that asks for a timer (section 7.1); Supported is the sender's."""
    return [("Session-Expires", str(SessionExpires(seconds, refresher))), ("Min-SE", str(least))]


def agreed(response: Response) -> SessionTimer | None:
    """What a 2xx has agreed to; None: the session has no timer (section 7.2). Raises SipParseError."""
    found = expires_of(response)
    return None if found is None else SessionTimer(max(LEAST_S, found.seconds), found.refresher != "uas")


def longer(asked: int, response: Response) -> int | None:
    """After 422: the interval to ask for instead; None where that is no answer (section 7.3)."""
    least = least_of(response)
    return least if response.status == 422 and response.has("Min-SE") and least > asked else None


# The side that answers one


def is_too_brief(request: Request, least: int) -> bool:
    """Whether a request is to be answered 422 with our Min-SE (section 9). Raises SipParseError."""
    found = expires_of(request)
    return found is not None and found.seconds < least and supports(request, OPTION)


def answer(request: Request, wanted: int, least: int) -> tuple[SessionTimer | None, list[tuple[str, str]]]:
    """The timer that a 2xx agrees to, and its headers (section 9, table 2). Raises SipParseError.

    Without the extension on the other side there is none. The side that asked refreshes unless it wants to
    be spared: it is nearer to what may break.
    """
    if not supports(request, OPTION):
        return None, []
    found = expires_of(request)
    seconds = found.seconds if found is not None else max(wanted, least, least_of(request))
    refresher = (found.refresher if found is not None else "") or "uac"
    headers = [("Session-Expires", str(SessionExpires(seconds, refresher))), ("Require", OPTION)]
    return SessionTimer(seconds, refresher == "uas"), headers
