"""The constraints file: names, versions, markers and hashes, and nothing else."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def lock(load_tool: Callable[[str], ModuleType]) -> ModuleType:
    """The module under test."""
    return load_tool("lock")


def test_the_file_names_no_index(lock: ModuleType) -> None:
    lock.refuse_addresses((ROOT / "constraints.txt").read_text())


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://somewhere/simple",
        "name @ https://somewhere/name.whl",
        "name>=1.0",
        "name==1.0 # https://somewhere",
    ],
)
def test_a_line_with_an_address_is_refused(lock: ModuleType, line: str) -> None:
    with pytest.raises(SystemExit, match=r"constraints\.txt:1: unexpected line"):
        lock.refuse_addresses(line)


def test_every_dependency_of_the_project_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.split(r"[<>=!;\[ ]", line)[0].lower() for line in wanted}
    pinned = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    assert names <= pinned
