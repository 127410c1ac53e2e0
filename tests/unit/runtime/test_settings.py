from pathlib import Path
from typing import Annotated

import pytest

from ringback.runtime.settings import (
    CommonSettings,
    Doc,
    ServiceSettings,
    SettingsError,
    describe_settings,
    load_settings,
)


class Sample(ServiceSettings, frozen=True, kw_only=True):
    limit: Annotated[int, Doc("calls a second")] = 5
    names: Annotated[tuple[str, ...], Doc("names")] = ()
    key: Annotated[str, Doc("a key", secret=True)] = ""
    on: Annotated[bool, Doc("switch")] = False


def test_without_any_source_the_defaults_stand() -> None:
    assert load_settings(Sample, "sample", {}) == Sample()


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "r.toml"
    file.write_text('[sample]\nlimit = 7\nnames = ["a"]\n')
    env = {"RINGBACK_CONFIG": str(file), "RINGBACK_SAMPLE_LIMIT": "9", "RINGBACK_SAMPLE_ON": "true"}
    assert load_settings(Sample, "sample", env) == Sample(limit=9, names=("a",), on=True)


def test_a_list_is_split_at_commas() -> None:
    assert load_settings(Sample, "sample", {"RINGBACK_SAMPLE_NAMES": "a, b,"}).names == ("a", "b")


def test_a_secret_can_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("s3cret\n")
    assert load_settings(Sample, "sample", {"RINGBACK_SAMPLE_KEY_FILE": str(file)}).key == "s3cret"


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"RINGBACK_SAMPLE_LIMIT": "many"}, "RINGBACK_SAMPLE_LIMIT"),
        ({"RINGBACK_SAMPLE_KEY_FILE": "/nowhere/key"}, "RINGBACK_SAMPLE_KEY_FILE: cannot read"),
        ({"RINGBACK_CONFIG": "/nowhere/r.toml"}, "RINGBACK_CONFIG: cannot read"),
    ],
)
def test_what_cannot_be_read_is_named(env: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load_settings(Sample, "sample", env)


def test_every_setting_says_what_it_means_and_where_it_came_from() -> None:
    rows = {row.field: row for row in describe_settings(Sample, "sample", {"RINGBACK_SAMPLE_LIMIT": "1"})}
    assert (rows["limit"].source, rows["names"].source) == ("environment RINGBACK_SAMPLE_LIMIT", "default")
    assert rows["key"].secret
    assert all(row.doc for row in describe_settings(CommonSettings, "common", {}))


def test_common_settings_have_no_group_in_their_names() -> None:
    assert load_settings(CommonSettings, "common", {"RINGBACK_HOST": "127.5.5.5"}).host == "127.5.5.5"
