"""Writes the figures of the conformance suites: `--conformance-report FILE`.

The file holds `{suite: {passed, total, failed: [...]}}`; a suite is a test module, without `test_`.
"""

import json
from collections.abc import Generator
from pathlib import Path

import pytest

_RESULTS = pytest.StashKey[dict[str, dict[str, bool]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our option; it is known when this folder is named on the command line."""
    parser.addoption("--conformance-report", metavar="FILE", type=Path, help="write the figures as JSON")


def pytest_configure(config: pytest.Config) -> None:
    """Begin with no results."""
    config.stash[_RESULTS] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember whether the test passed; a skipped one does not count."""
    report = yield
    if report.skipped or not item.path.is_relative_to(Path(__file__).parent):
        return report
    suite = item.path.stem.removeprefix("test_")
    results = item.config.stash[_RESULTS].setdefault(suite, {})
    results[item.name] = results.get(item.name, True) and report.passed
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the file, if one was asked for."""
    path: Path | None = session.config.getoption("--conformance-report", default=None)
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    figures = {suite: figure(results) for suite, results in session.config.stash[_RESULTS].items()}
    path.write_text(json.dumps(figures, indent=2) + "\n")


def figure(results: dict[str, bool]) -> dict[str, object]:
    """The figures of one suite."""
    failed = sorted(name for name, passed in results.items() if not passed)
    return {"passed": len(results) - len(failed), "total": len(results), "failed": failed}
