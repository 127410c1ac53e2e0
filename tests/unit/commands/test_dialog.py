"""`ringback vxml`: an author tries a document."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from ringback.cli import app

PAGE = """<vxml xmlns="http://www.w3.org/2001/vxml" version="2.1"><form>
  <field name="n" type="digits?length=2"><prompt>Hello <value expr="session.parameters.who"/></prompt>
    <noinput>again<reprompt/></noinput></field>
  <block><log label="n" expr="n"/><submit next="{next}" namelist="n"/></block></form></vxml>"""
LAST = """<vxml xmlns="http://www.w3.org/2001/vxml" version="2.1"><form><block>
  <audio src="bye.wav"/><exit expr="'done'"/></block></form></vxml>"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "main.vxml").write_text(PAGE.format(next="last.vxml"))
    (tmp_path / "here" / "out.vxml").write_text(PAGE.format(next="../secret.vxml"))
    (tmp_path / "here" / "last.vxml").write_text(LAST)
    (tmp_path / "secret.vxml").write_text(LAST)
    return tmp_path / "here"


def run(file: Path, *options: str, typed: str | None = None) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["vxml", str(file), "--param", "who=Ann", *options], input=typed)
    return done.exit_code, done.stdout


def test_prompts_are_printed_and_keys_come_from_the_option(folder: Path) -> None:
    code, out = run(folder / "main.vxml", "--digits", "- 42")
    assert code == 0
    assert out.splitlines()[:6] == ["“Hello”", "“Ann”", "> ", "“again”", "“Hello”", "“Ann”"]
    assert "# n: 42" in out and "bye.wav" in out and '"value": "done"' in out


def test_keys_are_typed_and_the_caller_may_hang_up(folder: Path) -> None:
    assert run(folder / "main.vxml", typed="42\n")[0] == 0
    code, out = run(folder / "main.vxml", typed="hangup\n")
    assert code == 0 and "connection.disconnect.hangup" in out


def test_too_few_keys_and_a_file_outside_the_folder_fail(folder: Path) -> None:
    assert run(folder / "main.vxml", "--digits", "")[0] == 1
    code, out = run(folder / "out.vxml", "--digits", "42")
    assert code == 1 and "error.badfetch.http.404" in out
