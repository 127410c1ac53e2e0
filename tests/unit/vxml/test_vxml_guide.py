"""The example of the guide runs, and the library needs nothing else of ours."""

from tests.unit.scxml.test_scxml_guide import run_alone


def test_the_example_of_the_guide_runs_without_the_rest_of_the_project() -> None:
    run_alone("vxml.md", "ringback.vxml")
