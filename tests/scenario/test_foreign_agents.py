"""A user agent that this project did not write calls through the whole platform."""

import asyncio
import sys
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ringback.media.tone import which_tone
from ringback.testing.check_inbound import AGENT_HZ, CALLER_HZ
from ringback.testing.check_world import World
from ringback.testing.demo_tenant import CHECK, CHECK_PHONES, DOMAIN
from ringback.testing.scene import Scene

pytest.importorskip("pjsua2", reason="the pjsua2-python wheel is not installed")
pytestmark = pytest.mark.timeout(150)
SCRIPT = Path(__file__).parents[1] / "pjsip" / "caller.py"
STAY_S = 6.0


@asynccontextmanager
async def pjsip(world: World, wav: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A PJSIP phone that calls and stays on the line for some seconds."""
    user = CHECK_PHONES[2]
    words = [world.host, world.host, user, world.secrets.sip[user], DOMAIN, CHECK, str(CALLER_HZ)]
    arguments = [str(SCRIPT), *words, str(wav), str(STAY_S)]
    out = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=out)
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


async def test_a_pjsip_call_is_routed_to_an_agent_and_both_hear_each_other(
    scene: Scene, tmp_path: Path
) -> None:
    await scene.first.register()
    await scene.world.agent_becomes("check-1", "ready")
    wav = tmp_path / "heard.wav"
    async with pjsip(scene.world, wav) as child:
        offered = await scene.first.wait_call(20.0)
        offered.ring()
        await offered.answer()
        offered.play_tone(AGENT_HZ)
        await offered.hear_tone(CALLER_HZ, 10.0)
        await offered.wait_ended(20.0)
        said, _ = await asyncio.wait_for(child.communicate(), 20.0)
    assert b"call CONFIRMED" in said
    assert AGENT_HZ in _tones(wav)


def _tones(path: Path) -> set[float]:
    """The tones of each 0.2 s of a recording."""
    with wave.open(str(path)) as file:
        rate = file.getframerate()
        pcm = file.readframes(file.getnframes())
    assert rate in (8000, 16000)
    step = rate // 5 * 2
    parts = (_at_8_khz(pcm[start : start + step], rate) for start in range(0, len(pcm) - step, step))
    found = (which_tone(part, [AGENT_HZ, CALLER_HZ, 1000.0]) for part in parts)
    return {hz for hz in found if hz is not None}


def _at_8_khz(pcm: bytes, rate: int) -> bytes:
    if rate == 8000:
        return pcm
    return b"".join(pcm[at : at + 2] for at in range(0, len(pcm), 4))
