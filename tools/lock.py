"""Write constraints.txt: the exact versions and the hashes of every wheel of all that the project needs.

`python tools/lock.py` resolves once for all platforms and for Python 3.11 and later with `uv`, installed
from the configured package index into a throw-away environment. The file holds names, versions, markers
and hashes only; `pip install --require-hashes -r constraints.txt` reads it (pip 22 and later).
"""

import os
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST_PYTHON = "3.11"
BUILD_PACKAGES = "hatchling\neditables\nsetuptools\n"  # for the editable install; for the compiled wheel
HEADER = "# Made by tools/lock.py. Install with: pip install --require-hashes -r constraints.txt\n"
LINE = re.compile(r"^(#.*|[a-z0-9-]+==\S+( ; .*?)?( \\)?|    --hash=sha256:[0-9a-f]{64}( \\)?)$")


def resolve(folder: Path) -> str:
    """Resolve pyproject.toml with its `dev` extra and the build packages."""
    venv.create(folder / "venv", with_pip=True)
    programs = folder / "venv" / "bin"
    subprocess.run([programs / "pip", "install", "--quiet", "uv"], check=True)  # noqa: S603
    (folder / "build.in").write_text(BUILD_PACKAGES)
    command = [programs / "uv", "pip", "compile", ROOT / "pyproject.toml", folder / "build.in"]
    command += ["--extra", "dev", "--universal", "--python-version", OLDEST_PYTHON, "--generate-hashes"]
    command += ["--only-binary", ":all:", "--no-header", "--no-annotate", "--no-emit-index-url", "--quiet"]
    env = os.environ | configured_index(programs / "pip")
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, env=env).stdout  # noqa: S603


def configured_index(pip: Path) -> dict[str, str]:
    """The index that pip is set up to use, for uv, which does not read pip's configuration."""
    command = [pip, "config", "get", "global.index-url"]
    configured = subprocess.run(command, text=True, capture_output=True).stdout  # noqa: S603
    index = os.environ.get("PIP_INDEX_URL") or configured.strip()
    return {"UV_DEFAULT_INDEX": index} if index else {}


def refuse_addresses(text: str) -> None:
    """Exit when a line is anything but a pin, a hash or a comment (an index address, say)."""
    for number, line in enumerate(text.splitlines(), 1):
        if not LINE.match(line) or "://" in line:
            sys.exit(f"constraints.txt:{number}: unexpected line {line!r}")


def main() -> None:
    """Resolve, look at every line, write."""
    with tempfile.TemporaryDirectory() as folder:
        text = HEADER + resolve(Path(folder))
    refuse_addresses(text)
    (ROOT / "constraints.txt").write_text(text)


if __name__ == "__main__":
    main()
