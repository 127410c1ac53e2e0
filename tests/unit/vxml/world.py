"""A scripted world for a dialog: pages, keys, and what was said."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ringback.vxml import (
    Audio,
    Collect,
    Collected,
    Disconnect,
    Exited,
    Fetch,
    Fetched,
    Input,
    Interpreter,
    Limits,
    Log,
    Part,
    Play,
    Played,
    Record,
    Text,
    Transfer,
    Voice,
)
from ringback.vxml.limits import DEFAULT_LIMITS

BASE = "http://host/app/"


def page(body: str, attributes: str = "") -> str:
    """A document with this content."""
    return f'<vxml xmlns="http://www.w3.org/2001/vxml" version="2.1" {attributes}>{body}</vxml>'


class World:
    """Runs a dialog until it ends, or until a key is wanted and none is left.

    `keys`: one entry for each collection; "" is no input; one that ends with `#` was ended by it. Every stop
    is taken through a snapshot when `restores`.
    """

    def __init__(
        self,
        pages: dict[str, str] | str,
        keys: Iterable[str] = (),
        *,
        voice: Voice | None = None,
        limits: Limits = DEFAULT_LIMITS,
        session: dict[str, Any] | None = None,
        restores: bool = True,
        start: str = "main.vxml",
    ) -> None:
        self.pages = {"main.vxml": pages} if isinstance(pages, str) else pages
        self.keys = list(keys)
        self.voice, self.limits, self.restores = voice, limits, restores
        self.said: list[str] = []
        self.logs: list[str] = []
        self.fetches: list[Fetch] = []
        self.collects: list[Collect] = []
        self.waits: Record | Transfer | None = None
        self.asked: list[Record | Transfer] = []
        self.disconnected = False
        self.exited: Exited | None = None
        self.dialog = Interpreter(session=session, voice=voice, limits=limits)
        self.dialog.start(BASE + start, 0.0)
        self.run()

    @property
    def values(self) -> dict[str, Any]:
        """What the dialog exited with."""
        assert self.exited is not None and not self.exited.error, self.exited
        return dict(self.exited.values)

    @property
    def error(self) -> str:
        """The event with which it ended."""
        assert self.exited is not None
        return self.exited.error

    def feed(self, came: Input) -> None:
        """An input from outside, and what comes of it."""
        self.dialog.feed(came, 0.0)
        self.run()

    def run(self) -> None:
        """Carry out what is asked for."""
        while outputs := self.dialog.outputs():
            if self.restores and not self.dialog.ended:
                saved = json.loads(json.dumps(self.dialog.snapshot()))
                self.dialog.close()
                self.dialog = Interpreter.restore(saved, voice=self.voice, limits=self.limits)
            for output in outputs:
                self._carry_out(output)

    def _carry_out(self, output: object) -> None:
        match output:
            case Play(number, parts):
                self.said += map(shown, parts)
                self.dialog.feed(Played(number), 0.0)
            case Collect(number, parts):
                self.said += map(shown, parts)
                self.collects.append(output)
                if self.keys:
                    keys = self.keys.pop(0)
                    self.said.append(f"<{keys}>")
                    ended = "terminator" if keys.endswith("#") else "complete" if keys else "timeout"
                    self.dialog.feed(Collected(number, keys.removesuffix("#"), ended), 0.0)
            case Fetch():
                self.fetches.append(output)
                found = self.pages.get(output.url.removeprefix(BASE))
                body, status = (found, 200) if found is not None else ("", 404)
                self.dialog.feed(Fetched(output.number, status, "", body), 0.0)
            case Log(label, text):
                self.logs.append(f"{label}:{text}" if label else text)
            case Record() | Transfer():
                self.waits = output
                self.asked.append(output)
            case Disconnect():
                self.disconnected = True
            case Exited():
                self.exited = output


def shown(part: Part) -> str:
    """A part of a prompt as a test reads it."""
    match part:
        case Text(text):
            return text
        case Audio(url):
            return f"[{url.removeprefix(BASE)}]"
    return repr(part)
