"""The console that is shipped is what its sources give, and its own tests pass; where npm is installed."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
BUILT = Path("src/ringback/services/engagement/web")
NPM = shutil.which("npm")
pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(NPM is None, reason="npm is not installed (Debian: npm)"),
]


def npm(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(NPM), *arguments], cwd=folder, capture_output=True, text=True, timeout=170, check=False
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources with the compiler that their lock file names."""
    folder = tmp_path_factory.mktemp("console")
    leave = shutil.ignore_patterns("node_modules", "build")
    shutil.copytree(ROOT / "console", folder / "console", ignore=leave)
    made = npm(folder / "console", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    if made.returncode:
        pytest.skip(f"the compiler cannot be installed here: {made.stderr.strip().splitlines()[-1]}")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_what_is_shipped_is_what_the_sources_give(copy: Path) -> None:
    (copy / BUILT).mkdir(parents=True)
    built = npm(copy / "console", "run", "build")
    assert built.returncode == 0, built.stdout
    assert contents(copy / BUILT) == contents(ROOT / BUILT), "run `make console` and commit what it builds"


def test_the_consoles_own_tests_pass(copy: Path) -> None:
    ran = npm(copy / "console", "test")
    assert ran.returncode == 0, ran.stdout
