"""Errors of the SIP library. Our misuse raises ValueError; the other side's misuse is one of these."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ringback.sip.message import Request, Response


class SipError(Exception):
    """Base of everything that the SIP library raises about a peer."""


class SipParseError(SipError):
    """What arrived is not valid SIP.

    `status` is the response code that a request deserves (RFC 3261 21.4); `message` is what could be read of
    it, so that an answer can be addressed, or None.
    """

    def __init__(self, reason: str, status: int = 400, message: Request | Response | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.message = message


class SdpError(SipError):
    """A session description that cannot be read, or that leaves no common codec (488)."""


class DialogError(SipError):
    """A message that cannot belong to the dialog; `status` is the response that it deserves."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.status = status
