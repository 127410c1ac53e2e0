"""The message-summary package: is there a message waiting (RFC 3842). Pure."""

from __future__ import annotations

from ringback.sip.events import Package

CONTENT_TYPE = "application/simple-message-summary"
PACKAGE = Package("message-summary", CONTENT_TYPE)


def summary(account: str, new: int, old: int) -> bytes:
    """The body (5.2): whether there is something new, whose mailbox it is, how many voice messages."""
    lines = [
        f"Messages-Waiting: {'yes' if new else 'no'}",
        f"Message-Account: {account}",
        f"Voice-Message: {new}/{old} (0/0)",
    ]
    return "".join(f"{line}\r\n" for line in lines).encode()
