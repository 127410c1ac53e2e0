"""How a second command finds the running platform."""

import stat
from pathlib import Path

import pytest

from ringback.commands.joining import announce, environment, joined_settings, withdraw
from ringback.runtime.settings import SettingsError

SHARED = {"RINGBACK_VALKEY_URL": "redis://:secret@127.0.0.1:7001/0", "RINGBACK_HOST": "127.9.9.9"}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of the platform's variables is set; what a test sets is removed."""
    for name in (*SHARED, "RINGBACK_CONFIG", "RINGBACK_DATA", "RINGBACK_VALKEY_URL_FILE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def test_what_up_announces_reaches_the_settings(tmp_path: Path) -> None:
    announce(tmp_path, SHARED)
    common = joined_settings(tmp_path)
    assert common.valkey_url == SHARED["RINGBACK_VALKEY_URL"]
    assert common.host == "127.9.9.9"


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    announce(tmp_path, SHARED)
    assert stat.S_IMODE((tmp_path / "platform.json").stat().st_mode) == 0o600


def test_the_environment_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    announce(tmp_path, SHARED)
    monkeypatch.setenv("RINGBACK_VALKEY_URL", "redis://elsewhere:1")
    assert environment(tmp_path)["RINGBACK_VALKEY_URL"] == "redis://elsewhere:1"
    assert environment(tmp_path)["RINGBACK_HOST"] == "127.9.9.9"


def test_the_configuration_file_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    announce(tmp_path, SHARED)
    config = tmp_path / "ringback.toml"
    config.write_text('[common]\nvalkey_url = "redis://elsewhere:1"\n')
    monkeypatch.setenv("RINGBACK_CONFIG", str(config))
    assert joined_settings(tmp_path).valkey_url == "redis://elsewhere:1"


@pytest.mark.parametrize("withdrawn", [True, False])
def test_without_a_platform_the_error_says_what_to_do(tmp_path: Path, withdrawn: bool) -> None:
    if withdrawn:
        announce(tmp_path, SHARED)
        withdraw(tmp_path)
    with pytest.raises(SettingsError, match=r"no platform runs on .*ringback up.*--data"):
        joined_settings(tmp_path)


def test_a_damaged_file_is_an_error_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "platform.json").write_text("{")
    with pytest.raises(SettingsError, match=r"platform\.json is damaged"):
        joined_settings(tmp_path)
