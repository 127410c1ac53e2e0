"""Schemathesis plays the API by its own document: https://schemathesis.io."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

TOOL = Path(sys.executable).with_name("schemathesis")


@pytest.mark.slow
@pytest.mark.skipif(not TOOL.exists(), reason="schemathesis is not installed")
async def test_schemathesis_finds_nothing(world: Any, tmp_path: Path) -> None:
    """Requests that fit the document may still be refused: no service has the name that was made up."""
    world.peers.waits = {"sales": {"ewt": 1}}
    base = f"{world.base}/engagement/v3"
    process = await asyncio.create_subprocess_exec(
        str(TOOL),
        "run",
        f"{base}/openapi.json",
        *("--url", base, "--header", f"x-api-key: {world.key}"),
        *("--phases", "examples,coverage,fuzzing", "--max-examples", "20", "--seed", "1"),
        *("--exclude-checks", "positive_data_acceptance", "--no-color"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()[-4000:]
