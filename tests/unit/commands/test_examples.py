"""What `--help` teaches: every command has an example, and each can be typed as it stands."""

import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from ringback.cli import app, main
from ringback.commands.examples import EXAMPLES


@cache
def whole() -> Any:
    """The command line; making it of the functions takes a while."""
    return typer.main.get_command(app)


def leaves(command: object, before: str = "") -> Iterator[str]:
    """Names of all commands that people see, with those of their groups."""
    for name, inner in getattr(command, "commands", {}).items():
        if getattr(inner, "commands", None):
            yield from leaves(inner, f"{before}{name} ")
        elif not inner.hidden:
            yield f"{before}{name}"


def test_every_command_has_an_example_and_no_example_is_of_none() -> None:
    assert set(EXAMPLES) == set(leaves(whole()))


@pytest.mark.parametrize("line", [line for lines in EXAMPLES.values() for line, _ in lines])
def test_an_example_can_be_typed(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line is taken by the parser; nothing is run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hello.vxml").touch()
    ringback, *words = shlex.split(line)
    assert ringback == "ringback"
    command = whole()
    while inner := getattr(command, "commands", {}):
        command = inner[words.pop(0)]
    command.make_context(line, words)


def test_examples_end_the_help_and_prose_wraps(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main(["ewt", "evaluate", "--help"])
    out = [line.strip() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert out[-5:-3] == ["Examples:", EXAMPLES["ewt evaluate"][0][0]]
    prose = out[out.index("Columns: arrival, queue, priority, outcome, queue_exit, service_start,") + 1]
    assert prose.startswith("service_end, server; times in epoch seconds, outcome answered")
