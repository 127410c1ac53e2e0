"""Scenario files."""

from pathlib import Path

import pytest

from ringback.commands.simulation.scenario import ScenarioError, examples, find, read_rules, read_scenario

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
        ("service = { mean = 120 }", "", "`service` is missing"),
        ("opens = 8", "opens = 8\nzone = '../etc/passwd'", "time zone"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, was: str, becomes: str, said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        read_scenario(written(tmp_path, GOOD.replace(was, becomes)))


YAML = """
opens: 8
closes: 10.5
queues:
  - name: Sales
    target: "?:Sales>=1"
    calls_per_hour: [1, 2, 3]
    service: {mean: 120}
agents:
  - count: 2
    skills: {Sales: 1}
"""


@pytest.mark.parametrize("name", ["plan.yaml", "plan.yml"])
def test_yaml_says_the_same_as_toml(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(YAML, encoding="utf-8")
    assert read_scenario(path) == read_scenario(written(tmp_path, GOOD))


@pytest.mark.parametrize(
    "text",
    ["queues: [", "- 1", "&a [*a]", "!!python/object/apply:os.system [true]", "{" * 5000, "\x00", "? x"],
)
def test_hostile_yaml_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"plan\.yaml"):
        read_scenario(path)


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="one-queue"):
        read_scenario(tmp_path / "plan.json")


def test_rules_need_neither_agents_nor_service(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("queues: [{name: A, target: '?:A>=1'}]", encoding="utf-8")
    assert read_rules(path).agents == []
    with pytest.raises(ScenarioError, match="no agents"):
        read_scenario(path)


def test_the_shipped_examples_can_be_read() -> None:
    assert examples() == ["callbacks", "one-queue", "skills"]
    for name in examples():
        assert read_scenario(find(name)).queues


def test_a_name_with_a_way_out_is_no_example() -> None:
    assert find("../scenario") == Path("../scenario")
