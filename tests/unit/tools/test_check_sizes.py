"""The limits on sizes that `make check` enforces."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

TOOLS = Path(__file__).resolve().parents[3] / "tools"


@pytest.fixture(scope="module")
def sizes(load_tool: Callable[[str], ModuleType]) -> ModuleType:
    """The module under test."""
    return load_tool("check_sizes")


def function(lines: int, doc: int = 0) -> str:
    """Source of a function with so many lines beside its docstring."""
    text = "".join("    more\n" for _ in range(doc - 2))
    docstring = f'    """Says.\n{text}    """\n' if doc else ""
    return "def long():\n" + docstring + "    x = 1\n" * (lines - 1)


@pytest.mark.parametrize(("lines", "fails"), [(80, False), (81, True)])
def test_a_function_over_its_limit_fails(sizes: ModuleType, tmp_path: Path, lines: int, fails: bool) -> None:
    path = tmp_path / "a.py"
    path.write_text(function(lines, doc=30))
    complaints, found = sizes.check_module(path, "src/ringback/a.py")
    assert bool(complaints) == fails
    assert found == [lines]


@pytest.mark.parametrize(
    ("name", "lines", "fails"),
    [
        ("src/ringback/runtime/a.py", 400, False),
        ("src/ringback/runtime/a.py", 401, True),
        ("src/ringback/sip/a.py", 600, False),
        ("src/ringback/sip/a.py", 601, True),
    ],
)
def test_a_module_over_its_limit_fails(
    sizes: ModuleType, tmp_path: Path, name: str, lines: int, fails: bool
) -> None:
    path = tmp_path / "a.py"
    path.write_text("x = 1\n" * lines)
    assert bool(sizes.check_module(path, name)[0]) == fails
