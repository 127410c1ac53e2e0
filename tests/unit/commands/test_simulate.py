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


def test_the_difference_has_an_interval_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = plan(tmp_path, 2), plan(tmp_path, 4)
    assert run("--compare", *paths, "--days", "8", "--json") == 0
    few, many = json.loads(capsys.readouterr().out)
    assert (few["scenario"], few["against_first"]) == ("with-2.toml", {})
    more = many["against_first"]["service_level"]
    assert 0 < more["low"] <= more["value"] <= more["high"]
    assert many["against_first"]["calls_a_day"]["value"] == 0
    busy = many["against_first"]["occupancy"]
    assert busy["value"] == pytest.approx(many["occupancy"]["value"] - few["occupancy"]["value"])
    assert busy["high"] < 0


def test_curves_by_the_hour_are_drawn_in_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(plan(tmp_path, 3), "--days", "3") == 0
    printed = capsys.readouterr().out
    for word in ("service level % by hour", "mean wait, seconds by hour", "occupancy % by hour"):
        assert word in printed
    assert run(plan(tmp_path, 3), "--days", "3", "--no-plots") == 0
    assert "by hour" not in capsys.readouterr().out


@pytest.mark.parametrize(("name", "first"), [("a.svg", b"<?xml"), ("a.png", b"\x89PNG")])
def test_a_picture_is_drawn(tmp_path: Path, name: str, first: bytes) -> None:
    path = tmp_path / name
    assert run("callbacks", "--days", "2", "--no-plots", "--plot", str(path)) == 0
    assert path.read_bytes().startswith(first)


def test_a_picture_of_another_kind_is_refused_before_anything_is_simulated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("callbacks", "--days", "1000000", "--plot", "a.gif") == 1
    assert ".svg or .png" in capsys.readouterr().err


def test_a_simulated_log_can_be_judged_and_replayed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, rules = tmp_path / "log.csv", tmp_path / "rules.yaml"
    assert run(plan(tmp_path, 3), "--days", "4", "--json", "--log", str(log)) == 0
    [made] = json.loads(capsys.readouterr().out)
    rules.write_text("closes: 2\nqueues: [{name: Sales, target: '?:Sales>=1'}]", encoding="utf-8")
    assert run("--replay", str(log), "--rules", str(rules), "--json") == 0
    was, again = json.loads(capsys.readouterr().out)
    assert (was["scenario"], again["scenario"]) == ("as it was", "rules.yaml")
    assert was["calls"] == again["calls"] == made["calls"]
    assert was["queues"][0]["wait_s"]["value"] == pytest.approx(
        made["queues"][0]["wait_s"]["value"], abs=0.01
    )
    assert again["queues"][0]["wait_s"]["value"] == pytest.approx(
        was["queues"][0]["wait_s"]["value"], rel=0.25
    )
    with pytest.raises(SystemExit) as stopped:
        main(["ewt", "evaluate", str(log)])
    assert int(str(stopped.value.code)) == 0


def test_an_example_is_shown_to_begin_with(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("one-queue", "--show") == 0
    assert capsys.readouterr().out.startswith("# One queue")
    assert run("nothing", "--show") == 1
    assert "shipped are callbacks, one-queue, skills" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "which scenario"),
        (("--rules", "x.yaml"), "--rules belongs to --replay"),
        (("callbacks", "--replay", "x.csv"), "under --rules"),
        (("callbacks", "skills", "--log", "x.csv"), "of one simulation"),
    ],
)
def test_what_does_not_go_together_is_said(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 1
    assert said in capsys.readouterr().err
