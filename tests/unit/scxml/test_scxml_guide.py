"""The example of the guide runs, and the library needs nothing else of ours."""

import re
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"


def run_alone(guide: str, library: str) -> None:
    """Run the one example of a guide, in a process that loads this library and its sandbox only."""
    (example,) = re.findall(r"```python\n(.*?)```", (DOCS / guide).read_text("utf-8"), re.DOTALL)
    alone = f"""
import sys
ours = {{name for name in sys.modules if name.startswith("ringback.")}}
ours = {{name for name in ours if not name.startswith(("{library}", "ringback.sandbox"))}}
assert not ours, ours
"""
    done = subprocess.run([sys.executable, "-c", example + alone], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_example_of_the_guide_runs_without_the_rest_of_the_project() -> None:
    run_alone("scxml.md", "ringback.scxml")
