"""`ringback vxml`: a VoiceXML document in the terminal: prompts are printed, keys are typed; no server."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer

from ringback.commands.texts import read_text
from ringback.vxml import (
    Audio,
    Collect,
    Collected,
    Exited,
    Failed,
    Fetch,
    Fetched,
    HungUp,
    Input,
    Interpreter,
    Log,
    Output,
    Part,
    Play,
    Played,
    Record,
    Recorded,
    Text,
    Transfer,
    Transferred,
)

NOTHING = "-"
HANGUP = "hangup"


def run(file: Path, digits: str | None, parameters: Sequence[str]) -> int:
    """Talk until the dialog is over; 1 when it ended with an error, or wants more than `digits`."""
    given = dict(_pair(each) for each in parameters)
    conversation = _Conversation(file, None if digits is None else iter(digits.split()), given)
    return conversation.run()


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"it is NAME=VALUE, not {text!r}", param_hint="--param")
    return name, value


class _Conversation:
    """The terminal stands at the caller's and at the platform's place."""

    def __init__(self, file: Path, keys: Iterator[str] | None, parameters: dict[str, str]) -> None:
        self._folder = file.resolve().parent
        self._keys = keys
        self._dialog = Interpreter(session={"parameters": parameters})
        self._dialog.start(file.resolve().as_uri(), time.monotonic())

    def run(self) -> int:
        """Carry out what the dialog asks for."""
        while True:
            for output in self._dialog.outputs():
                if isinstance(output, Exited):
                    return _ended(output)
                came = self._carry_out(output)
                if came is not None:
                    self._dialog.feed(came, time.monotonic())

    def _carry_out(self, output: Output) -> Input | None:
        match output:
            case Play(number, parts):
                _say(parts)
                return Played(number)
            case Collect(number, parts):
                _say(parts)
                return self._pressed(number)
            case Fetch():
                return self._served(output)
            case Record(number):
                typer.echo("(the caller speaks)")
                return Recorded(number, {"recorded": True}, 5.0)
            case Transfer(number):
                typer.echo(f"(transfer to {output.destination})")
                return Transferred(number, "far_end_disconnect" if output.bridge else "transferred")
            case Log():
                typer.echo(f"# {output.label}: {output.text}" if output.label else f"# {output.text}")
            case _:
                typer.echo("(the caller is released)")
        return None

    def _pressed(self, number: int) -> Input:
        if self._keys is None:
            keys = typer.prompt(
                f"keys (Enter: none; {HANGUP}: hang up)", default="", show_default=False
            ).strip()
        else:
            found = next(self._keys, None)
            if found is None:
                typer.echo("The dialog waits for more keys.")
                raise typer.Exit(1)
            keys = "" if found == NOTHING else found
            typer.echo(f"> {keys}")
        if keys == HANGUP:
            return HungUp()
        if not keys:
            return Collected(number, "", "timeout")
        return Collected(number, keys.removesuffix("#"), "terminator" if keys.endswith("#") else "complete")

    def _served(self, fetch: Fetch) -> Input:
        """Files beside the document; what would leave this machine is shown and refused."""
        form = f" {dict(fetch.form)}" if fetch.form else ""
        path = Path(fetch.url.removeprefix("file://").partition("?")[0]).resolve()
        if fetch.url.startswith("file://") and path.is_relative_to(self._folder) and path.is_file():
            if form:
                typer.echo(f"({fetch.method} {path.name}{form})")
            return Fetched(fetch.number, 200, "", read_text(path))
        typer.echo(f"({fetch.method} {fetch.url}{form}: not here)")
        return Failed(fetch.number, "error.badfetch.http.404", "only files of this folder are served")


def _say(parts: Sequence[Part]) -> None:
    for part in parts:
        if isinstance(part, Audio):
            typer.echo(f"♪ {part.url}")
        elif isinstance(part, Text):
            typer.echo(f"“{part.text}”")


def _ended(exited: Exited) -> int:
    if exited.error and not exited.error.startswith("connection.disconnect"):
        typer.echo(f"ERROR {exited.error} {exited.message}".rstrip())
        return 1
    result = json.dumps({"result": dict(exited.values), "value": exited.value}, ensure_ascii=False)
    typer.echo(f"over: {exited.error or result}")
    return 0
