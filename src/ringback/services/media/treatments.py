"""What runs on a media leg: one treatment at a time, without I/O.

A treatment is told of digits, audio, the end of what it plays, and time; it answers with actions. The leg
carries the actions out: it plays, sends the end to the other side, deposits a recording.
"""

from __future__ import annotations

from dataclasses import dataclass

from ringback.contracts.treatment import Collect, EndReason, Play, Record
from ringback.contracts.voicemail import MailboxGreeting
from ringback.media import prompts
from ringback.media.collector import Collected, Collector, CollectReason, CollectRules
from ringback.media.recording import Recorder
from ringback.media.room import Seat
from ringback.media.session import AudioReceived

_LEAST_RECORDED_S = 1.0


@dataclass(frozen=True, slots=True)
class Say:
    """Play prompts by name; no prompts is silence."""

    names: tuple[str, ...]
    loop: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """The treatment has ended."""

    reason: EndReason
    digits: str = ""
    heard: str = ""


@dataclass(frozen=True, slots=True)
class Deposit:
    """A message was recorded."""

    mailbox: str
    wav: bytes
    seconds: float


@dataclass(frozen=True, slots=True)
class Sit:
    """Let the party hear a conference room."""

    seat: Seat


Action = Say | End | Deposit | Sit
MUSIC = Say((prompts.MUSIC,), loop=True)
SILENCE = Say(())


def expand(names: tuple[str, ...]) -> tuple[str, ...]:
    """Prompt names with `number:7`, `minutes:3`, `wait:130` and `position:3` spelled out.

    Raises UnknownPromptError for a name that there is not, ValueError for a bad number.
    """
    spelled: list[str] = []
    for name in names:
        kind, found, value = name.partition(":")
        if not found:
            prompts.load(name)
            spelled.append(name)
        elif kind == "number":
            spelled += prompts.number(int(value))
        elif kind == "minutes":
            spelled += prompts.minutes(int(value))
        elif kind == "wait":
            spelled += prompts.expected_wait(float(value))
        elif kind == "position":
            spelled += prompts.position(int(value))
        else:
            raise prompts.UnknownPromptError(f"no prompt {name!r}")
    return tuple(spelled)


class Treatment:
    """Base: does nothing and never ends by itself, which is what music and silence are."""

    then_music = False
    """Whether music follows when it has ended."""

    def __init__(self, reference: str) -> None:
        self.reference = reference

    def begin(self, now: float) -> list[Action]:
        """The first actions."""
        return []

    def digit(self, digit: str, now: float) -> list[Action]:
        """The caller pressed a key."""
        return []

    def audio(self, audio: AudioReceived) -> list[Action]:
        """The caller was heard."""
        return []

    def played(self, now: float) -> list[Action]:
        """What was said has ended."""
        return []

    @property
    def timer(self) -> float | None:
        """When `handle_timer` is to be called, in seconds of the loop's clock."""
        return None

    def handle_timer(self, now: float) -> list[Action]:
        """The timer is due."""
        return []

    def hang_up(self) -> list[Action]:
        """The call ends or another command begins; what must not be lost is given out."""
        return []

    def deposited(self, *, kept: bool) -> list[Action]:
        """The recording is kept, or could not be."""
        return []


class MusicTreatment(Treatment):
    """Music until something else is commanded."""

    def begin(self, now: float) -> list[Action]:
        return [MUSIC]


class SilentTreatment(Treatment):
    """Silence until something else is commanded."""

    def begin(self, now: float) -> list[Action]:
        return [SILENCE]


class PlayTreatment(Treatment):
    """Says prompts."""

    def __init__(self, command: Play) -> None:
        """Raises UnknownPromptError or ValueError for prompts that cannot be said."""
        super().__init__(command.reference)
        self.then_music = command.then == "music"
        self._say = Say(expand(command.prompts), command.loop)

    def begin(self, now: float) -> list[Action]:
        return [self._say] if self._say.names else [End("finished")]

    def played(self, now: float) -> list[Action]:
        return [End("finished")]


class ConferenceTreatment(Treatment):
    """A seat in a room until something else is commanded."""

    def __init__(self, reference: str, seat: Seat) -> None:
        super().__init__(reference)
        self._seat = seat

    def begin(self, now: float) -> list[Action]:
        return [Sit(self._seat)]

    def audio(self, audio: AudioReceived) -> list[Action]:
        self._seat.speak(audio.pcm)
        return []

    def hang_up(self) -> list[Action]:
        self._seat.leave()
        return []


_COLLECT_END: dict[CollectReason, EndReason] = {
    CollectReason.COMPLETE: "finished",
    CollectReason.TERMINATED: "finished",
    CollectReason.TIMEOUT: "timeout",
    CollectReason.NO_INPUT: "timeout",
    CollectReason.STOPPED: "interrupted",
}


class CollectTreatment(Treatment):
    """Says prompts and collects digits; the first digit silences the prompts."""

    def __init__(self, command: Collect, now: float) -> None:
        """Raises UnknownPromptError or ValueError for prompts that cannot be said."""
        super().__init__(command.reference)
        self.then_music = command.then == "music"
        self._names = expand(command.prompts)
        self._talking = bool(self._names)
        first, between = command.timeout_s, command.interdigit_s or command.timeout_s
        rules = CollectRules(command.max_digits, command.terminators, first, between)
        self._collector = Collector(rules, now)

    def begin(self, now: float) -> list[Action]:
        return [Say(self._names)]

    def digit(self, digit: str, now: float) -> list[Action]:
        silence: list[Action] = [SILENCE] if self._talking else []
        self._talking = False
        return silence + _collect_end(self._collector.digit(digit, now))

    def played(self, now: float) -> list[Action]:
        self._talking = False
        self._collector.restart(now)
        return []

    @property
    def timer(self) -> float | None:
        return None if self._talking else self._collector.timer

    def handle_timer(self, now: float) -> list[Action]:
        return _collect_end(self._collector.handle_timer(now))


def _collect_end(collected: Collected | None) -> list[Action]:
    return [] if collected is None else [End(_COLLECT_END[collected.reason], collected.digits)]


class RecordTreatment(Treatment):
    """Greets, gives the tone, records until `#`, the longest length or the end of the call, and deposits."""

    def __init__(self, command: Record, greeting: MailboxGreeting) -> None:
        super().__init__(command.reference)
        self._mailbox = command.mailbox
        self._names = greeting.prompts if greeting.full else (*greeting.prompts, prompts.BEEP)
        self._limit = min(filter(None, (command.max_s, greeting.max_seconds)), default=120.0)
        self._recorder: Recorder | None = None
        self._deadline: float | None = None
        self._reason: EndReason | None = "error" if greeting.full else None

    def begin(self, now: float) -> list[Action]:
        return [Say(self._names)]

    def played(self, now: float) -> list[Action]:
        if self._reason is not None:
            return [End(self._reason)]
        self._recorder = Recorder(self._limit)
        self._deadline = now + self._limit
        return []

    def audio(self, audio: AudioReceived) -> list[Action]:
        if self._recorder is None:
            return []
        self._recorder.add(audio.pcm, audio.timestamp)
        return self._finish("max") if self._recorder.full else []

    def digit(self, digit: str, now: float) -> list[Action]:
        return self._finish("finished") if digit == "#" and self._recorder is not None else []

    @property
    def timer(self) -> float | None:
        return self._deadline

    def handle_timer(self, now: float) -> list[Action]:
        return self._finish("max")

    def hang_up(self) -> list[Action]:
        # Nobody is left to record: what was still on its way when the call ended may not begin anew.
        self._reason, self._deadline = self._reason or "interrupted", None
        return self._deposit()

    def deposited(self, *, kept: bool) -> list[Action]:
        if not kept:
            self._reason = "error"
        return [Say(("message-saved", "goodbye") if kept else ("goodbye",))]

    def _finish(self, reason: EndReason) -> list[Action]:
        self._reason, self._deadline = reason, None
        return self._deposit() or [Say(("goodbye",))]

    def _deposit(self) -> list[Action]:
        recorder, self._recorder = self._recorder, None
        if recorder is None or recorder.seconds < _LEAST_RECORDED_S:
            return []
        return [Deposit(self._mailbox, recorder.wav(), recorder.seconds)]
