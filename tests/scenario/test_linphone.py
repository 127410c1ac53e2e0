"""linphone, a phone that nobody here wrote (Debian: linphone-cli), on the whole platform."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.scenario.linphone import PROGRAM, Line, Linphone, linphone

from ringback.testing.check_inbound import AGENT_HZ, CALLER_HZ
from ringback.testing.demo_tenant import CHECK, CHECK_CUSTOMERS, CHECK_NUMBER, CHECK_PHONES, DOMAIN
from ringback.testing.scene import Scene

pytestmark = [
    pytest.mark.timeout(150),
    pytest.mark.skipif(PROGRAM is None, reason="linphonec is not installed (Debian: linphone-cli)"),
]


@asynccontextmanager
async def phone_of(scene: Scene, user: str, folder: Path) -> AsyncIterator[Linphone]:
    """A registered linphone of an extension."""
    line = Line(user, scene.world.secrets.sip[user], DOMAIN, scene.world.host)
    async with linphone(line, folder, CALLER_HZ) as phone:
        yield phone


async def test_a_caller_with_linphone_is_routed_holds_comes_back_and_hangs_up(
    scene: Scene, tmp_path: Path
) -> None:
    await scene.first.register()
    await scene.world.agent_becomes("check-1", "ready")
    async with phone_of(scene, CHECK_PHONES[2], tmp_path / "linphone") as phone:
        await phone.does(f"call sip:{CHECK}@{DOMAIN}")
        await phone.says("Media streams established")
        offered = await scene.first.wait_call(20.0)
        offered.ring()
        await offered.answer()
        offered.play_tone(AGENT_HZ)
        await offered.hear_tone(CALLER_HZ, 10.0)
        await phone.does("pause")
        await phone.says("is now paused")
        await phone.does("resume")
        await phone.says("Media streams established")
        await offered.hear_tone(CALLER_HZ, 10.0)
        await phone.does("terminate")
        await offered.wait_ended(20.0)


async def test_an_agent_with_linphone_lets_one_caller_go_by_and_talks_to_the_next(
    scene: Scene, tmp_path: Path
) -> None:
    async with phone_of(scene, CHECK_PHONES[1], tmp_path / "linphone") as phone:
        await scene.world.agent_becomes("check-2", "ready")
        call = await scene.carrier.call(CHECK_NUMBER, from_number=CHECK_CUSTOMERS[0])
        await call.wait_answered(10.0)
        await phone.says(r"Receiving new incoming call")
        await call.hangup()
        await phone.says(r"ended \(.*\)")
        await scene.world.agent_becomes("check-2", "ready")
        call = await scene.carrier.call(CHECK_NUMBER, from_number=CHECK_CUSTOMERS[1])
        await call.wait_answered(10.0)
        await phone.says(r"Receiving new incoming call")
        await phone.does("answer")
        await call.hear_tone(CALLER_HZ, 10.0)
        await phone.does("terminate")
        await call.wait_ended(10.0)
