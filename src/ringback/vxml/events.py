"""What goes into a dialog and what comes out of it.

An output with a `number` waits for the input with the same number; numbers are never used twice, also not
after a restore, so that they can serve as idempotency keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ringback.sandbox import Json

# What is said


@dataclass(frozen=True, slots=True)
class Audio:
    """A recording."""

    url: str


@dataclass(frozen=True, slots=True)
class Text:
    """Words to be spoken; `say_as` as in SSML's element: digits, number, currency, ... or empty."""

    text: str
    lang: str = ""
    say_as: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the prompt that has a name."""

    name: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence."""

    seconds: float


Part = Audio | Text | Mark | Pause


class Voice(Protocol):
    """What the platform can let a caller hear."""

    def plays(self, url: str) -> bool:
        """Whether there is such a recording; else its alternative is said."""

    def says(self, text: Text) -> bool:
        """Whether the words can be spoken; else the application gets `error.noresource.speech`."""


class EveryVoice:
    """Plays and says everything."""

    def plays(self, url: str) -> bool:
        """See Voice."""
        return True

    def says(self, text: Text) -> bool:
        """See Voice."""
        return True


# Outputs


@dataclass(frozen=True, slots=True)
class Play:
    """Play to the end; keys are not listened to. Answer: Played or Failed."""

    number: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Collect:
    """Play, the first key interrupts, and collect keys. Answer: Collected or Failed."""

    number: int
    parts: tuple[Part, ...]
    max_keys: int
    """Keys in the longest input; 0: no bound."""
    terminators: str
    timeout_s: float
    """Seconds until the first key, counted from the end of the prompts."""
    interdigit_s: float
    """Seconds between two keys."""


@dataclass(frozen=True, slots=True)
class Record:
    """Record the caller. Answer: Recorded or Failed."""

    number: int
    beep: bool
    max_s: float
    silence_s: float
    """Seconds of silence that end it; 0: none do."""
    terminator: bool
    """Whether a key ends it."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Connect the caller to somebody. Answer: Transferred or Failed."""

    number: int
    destination: str
    bridge: bool
    connect_s: float
    max_s: float
    """Longest talk of a bridge, seconds; 0: no bound."""
    aai: str


FetchKind = Literal["document", "root", "data", "script"]


@dataclass(frozen=True, slots=True)
class Fetch:
    """Get something. `form`: fields, in the query of a GET, else in the body. Answer: Fetched or Failed."""

    number: int
    kind: FetchKind
    url: str
    method: str = "GET"
    form: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 10.0
    max_age_s: float | None = None
    """How old a kept copy may be; None: as its server says."""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Release the caller; the dialog goes on without."""


@dataclass(frozen=True, slots=True)
class Log:
    """`<log>` was executed (5.3.13)."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Exited:
    """The dialog is over. `error` is the event that nobody caught, or the limit that was passed."""

    values: Mapping[str, Json]
    value: Json = None
    error: str = ""
    message: str = ""


Output = Play | Collect | Record | Transfer | Fetch | Disconnect | Log | Exited

# Inputs


@dataclass(frozen=True, slots=True)
class Played:
    """The prompts have ended."""

    number: int


@dataclass(frozen=True, slots=True)
class Collected:
    """What was pressed, and what ended it."""

    number: int
    keys: str
    ended: Literal["complete", "terminator", "timeout"] = "complete"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded; `recording` is what the application sees of it, None when nothing was heard."""

    number: int
    recording: Json
    seconds: float = 0.0
    size: int = 0
    key: str = ""
    reached_max: bool = False


@dataclass(frozen=True, slots=True)
class Transferred:
    """How a transfer went: `transferred` (a blind one succeeded) or a result of 2.3.7.

    busy, noanswer, network_busy, near_end_disconnect, far_end_disconnect, network_disconnect,
    maxtime_disconnect, unknown.
    """

    number: int
    result: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Fetched:
    """The answer to a Fetch; `url` is where it came from in the end; empty: from where it was asked for."""

    number: int
    status: int
    content_type: str
    body: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """An output could not be carried out; the application gets this event."""

    number: int
    event: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class HungUp:
    """The caller has gone (`connection.disconnect.hangup`)."""


Input = Played | Collected | Recorded | Transferred | Fetched | Failed | HungUp
