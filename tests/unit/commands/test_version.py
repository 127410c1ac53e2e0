"""What `ringback version` says."""

import sysconfig
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ringback import __version__
from ringback.cli import app
from ringback.commands.version import form, interpreter


def test_the_version_stands_alone_in_the_first_line() -> None:
    first, second = CliRunner().invoke(app, ["version"]).output.splitlines()
    assert first == __version__
    assert "Python" in second


def test_extension_modules_beside_the_sources_are_counted(tmp_path: Path) -> None:
    assert form(tmp_path) == "pure Python"
    (tmp_path / "sip").mkdir()
    (tmp_path / "sip" / f"message{sysconfig.get_config_var('EXT_SUFFIX')}").touch()
    assert form(tmp_path) == "compiled (1 modules)"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [("'--prefix=/usr' '--enable-optimizations'", "built with"), ("'--enable-shared'", "does not tell of")],
)
def test_an_interpreter_without_optimisation_is_told(arguments: str, said: str) -> None:
    assert said in interpreter(arguments)
