"""What the voicemail service says and takes: mailboxes, their messages, and the message-waiting event."""

from __future__ import annotations

from typing import Literal

import msgspec


class MailboxGreeting(msgspec.Struct, frozen=True, kw_only=True):
    """What media plays before the tone, and how long a message may be."""

    prompts: tuple[str, ...]
    max_seconds: float
    full: bool = False
    """No message can be taken; `prompts` say so."""


class VoiceMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message in a mailbox."""

    id: str
    received_at: float
    """Seconds since the epoch."""
    seconds: float
    size: int
    """Bytes of the WAV file."""
    from_number: str = ""
    conn_id: str = ""
    """The call that left it."""
    read: bool = False


class MailboxView(msgspec.Struct, frozen=True, kw_only=True):
    """A mailbox and how full it is."""

    mailbox: str
    name: str = ""
    new_messages: int
    old_messages: int
    max_messages: int
    locked: bool = False
    """Too many wrong PINs; it opens again by itself."""


class MessageWaiting(msgspec.Struct, frozen=True, kw_only=True):
    """The event that lights or darkens the lamp of a telephone; RFC 3842 has the same counts."""

    id: Literal["EventMessageWaitingOn", "EventMessageWaitingOff"]
    time: float
    tenant: str = msgspec.field(name="TenantID")
    mailbox: str = msgspec.field(name="ThisDN")
    new_messages: int = msgspec.field(name="NewMessages")
    old_messages: int = msgspec.field(name="OldMessages")


def mailbox_events(tenant: str) -> str:
    """The stream that carries `MessageWaiting`."""
    return f"{{{tenant}}}:events:mailboxes"
