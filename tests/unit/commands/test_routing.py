"""`ringback routing replay` on files; `explain` as people see it."""

from pathlib import Path

import msgspec
from rich.console import Console
from typer.testing import CliRunner

from ringback.cli import app
from ringback.commands.routing import InteractionView, picture
from ringback.domain.routing import Router
from ringback.domain.routing.log import Began, Entry, encode
from ringback.domain.routing.messages import AgentReady, Input, Submit


def write(path: Path, *, agent: str = "kim") -> Path:
    router = Router()
    events: list[Input] = [AgentReady("kim", 1, 5.0), Submit("call", "Q", ("?:",), 6.0, 1)]
    lines = [encode(Began(0.0))] + [encode(Entry(7.0, event, router.handle(event, 7.0))) for event in events]
    path.write_bytes(
        b"\n".join(lines).replace(b'"agent":"kim","attempt"', f'"agent":"{agent}","attempt"'.encode())
    )
    return path


def test_a_log_that_holds_ends_with_0(tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["routing", "replay", str(write(tmp_path / "log"))])
    assert (found.exit_code, found.output.strip()) == (0, "2 turns, 1 decisions, all the same")


def test_a_log_that_does_not_hold_ends_with_1(tmp_path: Path) -> None:
    log = write(tmp_path / "log", agent="lee")
    found = CliRunner().invoke(app, ["routing", "replay", str(log), "--json"])
    told = msgspec.json.decode(found.output)
    assert (found.exit_code, told["differences"][0]["replayed"][0]["agent"]) == (1, "kim")


def test_the_story_of_an_interaction_says_why_it_waits() -> None:
    router = Router()
    router.handle(Submit("call", "Q", ("English>=3",), 6.0, 1), 7.0)
    story = router.explain("call")
    assert story is not None
    console = Console(width=100)
    with console.capture() as captured:
        console.print(picture(InteractionView("call", 1, story)))
    text = captured.get()
    assert "Q, place 1" in text and "English>=3: nobody is logged in" in text
