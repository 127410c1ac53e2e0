"""What a VoiceXML dialog can let a caller hear: the prompts of the media service, and numbers; no speech."""

from __future__ import annotations

from collections.abc import Iterable

from ringback.media import prompts
from ringback.vxml import Audio, Part, Text

SCHEME = "prompt:"
_SPELLED = frozenset({"digits", "telephone"})
_COUNTS = frozenset({"minutes", "number", "position", "wait"})
_MOST = 99


class PromptVoice:
    """Plays `prompt:NAME` and `prompt:number:7` as the media service knows them; says whole numbers."""

    def plays(self, url: str) -> bool:
        """See Voice."""
        return prompt_of(url) is not None

    def says(self, text: Text) -> bool:
        """See Voice."""
        return text.text.replace(" ", "").isascii() and text.text.replace(" ", "").isdecimal()


def prompt_of(url: str) -> str | None:
    """The name of a prompt by its address, or None when there is none."""
    if not url.startswith(SCHEME):
        return None
    name = url.removeprefix(SCHEME)
    kind, counts, value = name.partition(":")
    if not counts:
        return name if name in prompts.available() else None
    if kind not in _COUNTS or not (value.isascii() and value.isdecimal()):
        return None
    return name if kind != "number" or int(value) <= _MOST else None


def names_of(parts: Iterable[Part]) -> list[str]:
    """The prompts that the media service is to play; marks and pauses are not heard."""
    names: list[str] = []
    for part in parts:
        match part:
            case Audio(url):
                names.append(url.removeprefix(SCHEME))
            case Text(text, _, say_as):
                for word in text.split():
                    alone = say_as in _SPELLED or len(word) > 2
                    names += [f"number:{int(each)}" for each in (word if alone else [word])]
    return names
