"""`ringback simulate`."""

import json
from pathlib import Path

import pytest

from ringback.cli import main

PLAN = """
closes = 2
[[queues]]
name = "Sales"
target = "?:Sales>=1"
calls_per_hour = 60
service = { mean = 120 }
[[agents]]
count = COUNT
skills = { Sales = 1 }
"""


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["simulate", *arguments])
    return int(str(stopped.value.code))


def plan(folder: Path, count: int) -> str:
    path = folder / f"with-{count}.toml"
    path.write_text(PLAN.replace("COUNT", str(count)), encoding="utf-8")
    return str(path)


def test_two_scenarios_stand_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(plan(tmp_path, 2), "--compare", plan(tmp_path, 4), "--days", "5", "--json") == 0
    few, many = json.loads(capsys.readouterr().out)
    assert (few["scenario"], many["scenario"]) == ("with-2.toml", "with-4.toml")
    assert few["days"] == 5
    assert many["queues"][0]["service_level"]["value"] > few["queues"][0]["service_level"]["value"]
    assert many["occupancy"]["value"] < few["occupancy"]["value"]


def test_people_get_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(plan(tmp_path, 3), "--days", "3") == 0
    printed = capsys.readouterr().out
    for word in ("queue Sales", "service level", "occupancy", "with-3.toml", "95%"):
        assert word in printed


def test_a_bad_scenario_is_named_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(plan(tmp_path, 0)) == 1
    said = capsys.readouterr().err
    assert "with-0.toml" in said
    assert len(said.splitlines()) == 1
