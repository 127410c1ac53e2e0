"""Treatments of a media leg: commands from sip_cluster to media by INFO, and what media says back.

The first command may come with the INVITE, in a header: a media server that takes it says so in its 200, and
begins when that is acknowledged; one that does not say so gets it by INFO.

The bodies are JSON. A new command interrupts the one under way. Prompts are names of recordings
(`music`, `ringback` and `busy` are among them), or `number:7`, `minutes:3`, `wait:130` (an expected wait, in
seconds), `position:3` (a place in the queue).
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

CONTENT_TYPE = "application/vnd.ringback.treatment+json"
HEADER = "X-Ringback-Treatment"
"""In an INVITE: the first command. In the 200 to it: `TAKEN`."""
TAKEN = "taken"
_LONGEST = 1000


class Play(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="play", omit_defaults=True):
    """Say prompts, once or in a loop; `then` music or silence follows."""

    reference: str = ""
    prompts: tuple[str, ...] = ()
    loop: bool = False
    then: Literal["", "music"] = ""


class Music(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="music", omit_defaults=True):
    """Play music until the next command."""

    reference: str = ""


class Collect(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="collect", omit_defaults=True):
    """Say prompts, which the first digit interrupts, and collect digits.

    `timeout_s` is for each digit, `interdigit_s` for those after the first when it is not 0.
    """

    reference: str = ""
    prompts: tuple[str, ...] = ()
    max_digits: int = 1
    timeout_s: float = 5.0
    terminators: str = "#"
    then: Literal["", "music"] = ""
    interdigit_s: float = 0.0


class Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="record", omit_defaults=True):
    """Greet for a mailbox, give the tone, take a message and deposit it.

    It ends with `#`, with the caller's hanging up, or after `max_s` seconds (0: as the mailbox says).
    """

    reference: str = ""
    mailbox: str
    max_s: float = 0.0


class Detect(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="detect", omit_defaults=True):
    """Listen, in silence: who or what has answered, or for the beep of an answering machine."""

    reference: str = ""
    what: Literal["answer", "beep"] = "answer"
    timeout_s: float = 5.0


class Stop(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="stop", omit_defaults=True):
    """End what is under way; silence follows."""

    reference: str = ""


class Conference(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="conference", omit_defaults=True
):
    """Let this leg hear all others in the room, and them hear it, until the next command."""

    reference: str = ""
    room: str


class Dtmf(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="dtmf", omit_defaults=True):
    """Press keys (RFC 4733); what is under way goes on."""

    reference: str = ""
    digits: str


class Heard(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="heard", omit_defaults=True):
    """The party has pressed keys by SIP; what is under way takes them as if they had come by RTP."""

    reference: str = ""
    digits: Annotated[str, msgspec.Meta(pattern=r"^[0-9A-D*#]{1,32}\Z")]


Command = Play | Music | Collect | Record | Detect | Stop | Conference | Dtmf | Heard
EndReason = Literal["finished", "interrupted", "timeout", "max", "error"]


class TreatmentEnded(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="ended", omit_defaults=True
):
    """A command has ended; sent for commands that have a reference."""

    reference: str = ""
    reason: EndReason
    digits: str = ""
    heard: str = ""
    """Of answer detection: PERSON, ANSWERING_MACHINE, FAX, ERROR_TONE or BUSY; of the beep: BEEP."""


def decode_command(body: bytes) -> Command:
    """Read a command. Raises msgspec.DecodeError, whose text names what is wrong."""
    command: Command = msgspec.json.decode(body, type=Command)
    return command


def in_header(command: Command) -> str | None:
    """A command as it may stand in an INVITE; None for one that has to come by INFO.

    Only what plays: a prompt is there or not, and that is known before anybody listens.
    """
    if not isinstance(command, Play | Music):
        return None
    data = msgspec.json.encode(command)
    return data.decode() if data.isascii() and len(data) <= _LONGEST else None


def of_header(text: str) -> Play | Music:
    """Read the command of an INVITE. Raises msgspec.DecodeError for anything else."""
    return msgspec.json.decode(text, type=Play | Music)
