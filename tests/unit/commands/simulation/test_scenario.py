"""Scenario files."""

from pathlib import Path

import pytest

from ringback.commands.simulation.scenario import ScenarioError, read_scenario

GOOD = """
opens = 8
closes = 10.5
[[queues]]
name = "Sales"
target = "?:Sales>=1"
calls_per_hour = [1, 2, 3]
service = { mean = 120 }
[[agents]]
count = 2
skills = { Sales = 1 }
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "plan.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_scenario_is_read(tmp_path: Path) -> None:
    scenario = read_scenario(written(tmp_path, GOOD))
    assert (scenario.opens, scenario.closes, scenario.service_level) == (8, 10.5, 20)
    assert scenario.queues[0].service.distribution == "exponential"


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ("closes = 10.5", "closes = 7", "closes before it opens"),
        ("[1, 2, 3]", "[1, 2]", "2 numbers of calls for 3 hours"),
        ("?:Sales>=1", "?:Sales>=", "queue Sales"),
        ("mean = 120", "mean = -1", "service.mean"),
        ("count = 2", "count = 0", "count"),
        ("count = 2", "cuont = 2", "cuont"),
        ("opens = 8", "opens = ", "Invalid value|invalid"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, was: str, becomes: str, said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        read_scenario(written(tmp_path, GOOD.replace(was, becomes)))
