"""sipp's own scenarios against the whole platform; sipp is a Debian package (sip-tester)."""

import asyncio
import shutil

import pytest

from ringback.testing.demo_tenant import CHECK
from ringback.testing.scene import Scene

SIPP = shutil.which("sipp")
pytestmark = pytest.mark.skipif(SIPP is None, reason="sipp is not installed (Debian: sip-tester)")


async def test_the_calls_of_sipps_own_caller_are_answered_and_end_well(scene: Scene) -> None:
    """It answers no re-INVITE and knows no route sets; nobody is logged in, so nobody rings."""
    target = f"{scene.world.host}:5060"
    options = (
        "-sn",
        "uac",
        "-s",
        CHECK,
        "-i",
        "127.0.0.1",
        "-m",
        "3",
        "-r",
        "3",
        "-timeout",
        "60s",
        "-nostdin",
    )
    out = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(str(SIPP), target, *options, stdout=out, stderr=out)
    said, _ = await asyncio.wait_for(child.communicate(), 90.0)
    assert child.returncode == 0, said.decode(errors="replace")[-2000:]
