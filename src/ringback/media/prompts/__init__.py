"""The announcements and the music that come with the package: mu-law at 8 kHz, whole 20 ms frames.

`tools/make_prompts.py` in the repository makes them. A sentence with a number in it is a list of prompt
names, played one after the other.
"""

from __future__ import annotations

import math
from functools import lru_cache
from importlib.resources import files

from ringback.media.g711 import FRAME_SAMPLES

DEFAULT_LOCALE = "en-US"
MUSIC = "music"
BEEP = "beep"


class UnknownPromptError(LookupError):
    """No prompt of that name in that locale."""


@lru_cache(maxsize=256)
def load(name: str, locale: str = DEFAULT_LOCALE) -> bytes:
    """The mu-law audio of a prompt. Raises UnknownPromptError."""
    if name not in available(locale):
        raise UnknownPromptError(f"no prompt {name!r} in {locale!r}")
    audio = (files(__package__) / locale / f"{name}.ulaw").read_bytes()
    return audio + b"\xff" * (-len(audio) % FRAME_SAMPLES)


@lru_cache(maxsize=16)
def available(locale: str = DEFAULT_LOCALE) -> frozenset[str]:
    """Names of all prompts in a locale; empty when there is no such locale."""
    if not locale.replace("-", "").isalnum():
        return frozenset()
    folder = files(__package__) / locale
    if not folder.is_dir():
        return frozenset()
    return frozenset(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".ulaw"))


def duration(name: str, locale: str = DEFAULT_LOCALE) -> float:
    """Length of a prompt in seconds. Raises UnknownPromptError."""
    return len(load(name, locale)) / 8000


def number(value: int) -> list[str]:
    """The prompts that say a whole number from 0 to 99. Raises ValueError outside of it."""
    if not 0 <= value <= 99:
        raise ValueError("only numbers from 0 to 99 can be said")
    if value <= 20 or value % 10 == 0:
        return [f"number-{value}"]
    return [f"number-{value - value % 10}", f"number-{value % 10}"]


def minutes(count: int) -> list[str]:
    """The prompts of a number of minutes; none is "less than one minute", beyond 99 "more than 99"."""
    if count < 1:
        return ["less-than-one-minute"]
    if count > 99:
        return ["more-than", *number(99), "minutes"]
    return [*number(count), "minute" if count == 1 else "minutes"]


def expected_wait(seconds: float) -> list[str]:
    """The prompts of "your expected waiting time is ...", in whole minutes, rounded up."""
    return ["expected-wait", *minutes(0 if seconds < 60 else math.ceil(seconds / 60))]


def position(place: int) -> list[str]:
    """The prompts of "you are number ... in the queue"; nothing is said beyond 99 or below 1."""
    if not 1 <= place <= 99:
        return []
    return ["you-are-number", *number(place), "in-the-queue"]
