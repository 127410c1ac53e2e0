"""The shipped applications do what their scenarios say."""

from importlib.resources import as_file, files

import pytest

from ringback.scxml import compile_document
from ringback.services.designer.store import DIALOGS, SHIPPED
from ringback.testing.rehearsal import Rehearsal
from ringback.testing.scenario_file import read_scenario

SCENARIOS = sorted(
    entry.name
    for entry in files("ringback.services.designer").joinpath("shipped", "scenarios").iterdir()
    if entry.name.endswith(".toml")
)


def application_of(scenario: str) -> str:
    """The longest name of an application that the scenario's name begins with."""
    return max((name for name in SHIPPED if scenario.startswith(f"{name}-")), key=len)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_scenario_holds(name: str) -> None:
    with as_file(files("ringback.services.designer").joinpath("shipped", "scenarios", name)) as path:
        Rehearsal(compile_document(SHIPPED[application_of(name)]), read_scenario(path), DIALOGS).run()


@pytest.mark.parametrize("application", sorted(SHIPPED))
def test_every_application_has_scenarios(application: str) -> None:
    assert [name for name in SCENARIOS if application_of(name) == application]
