"""A caller in line presses 1, hangs up, and is called back at the place of the call."""

import pytest

from ringback.contracts.applications import SessionRow
from ringback.runtime.http import HttpClient
from ringback.testing.check_inbound import QUEUE
from ringback.testing.check_world import until
from ringback.testing.demo_tenant import CHECK_CUSTOMERS, CHECK_OFFER_NUMBER
from ringback.testing.phone import Call
from ringback.testing.scene import Scene

from .test_journeys import SERVICE, busy, caller, hear_each_other, rings

pytestmark = pytest.mark.timeout(150)
EARLY, LATE = CHECK_CUSTOMERS[0], CHECK_CUSTOMERS[1]


async def offered(scene: Scene) -> Call:
    """A caller in a line where callbacks are offered."""
    call = await scene.carrier.call(CHECK_OFFER_NUMBER, from_number=EARLY)
    await call.wait_answered(10.0)
    return call


async def sessions(scene: Scene) -> list[SessionRow]:
    control = HttpClient(scene.world.ctx, "orchestration", "control")
    return await control.get("/scxml/sessions", list[SessionRow])


async def presses_one(scene: Scene, call: Call) -> None:
    """Press 1 until the offer has been heard and taken."""

    async def look() -> bool:
        call.send_dtmf("1")
        return any("booked" in row.states or "parting" in row.states for row in await sessions(scene))

    await until(look, bool, 20.0)


async def callback_of(scene: Scene) -> str:
    """The id of the only callback under way."""

    async def look() -> list[str]:
        return [row.session for row in await sessions(scene) if row.kind == "callback"]

    [session] = await until(look, lambda found: len(found) == 1, 15.0)
    return session.removeprefix("cb-").rpartition("-")[0]


async def test_a_caller_who_takes_the_offer_is_called_back_before_those_who_came_later(scene: Scene) -> None:
    await busy(scene)
    early = await offered(scene)
    await scene.world.waiting(QUEUE, 1)
    late = await caller(scene, LATE)
    await scene.world.waiting(QUEUE, 2)
    scene.carrier.answers(EARLY)
    await presses_one(scene, early)
    await early.hear_speech_or_music()
    await early.wait_ended(15.0)
    callback = await callback_of(scene)
    await scene.world.waiting(QUEUE, 1)
    await scene.world.waiting(SERVICE, 1)
    await scene.world.ready("check-1")
    customer = await scene.carrier.wait_call(15.0)
    assert customer.number == EARLY
    agent = await rings(scene.first)
    await agent.answer()
    await hear_each_other(customer, agent)
    await scene.world.waiting(QUEUE, 1)
    await customer.hangup()
    seen = await scene.world.callback_becomes(callback, "COMPLETED")
    assert seen["callbackReason"] == "AGENT_CONNECTED"
    await late.hangup()


async def test_a_caller_who_hangs_up_right_after_pressing_one_is_called_back_too(scene: Scene) -> None:
    await busy(scene)
    call = await offered(scene)
    await scene.world.waiting(QUEUE, 1)
    await presses_one(scene, call)
    await call.hangup()
    await scene.world.waiting(QUEUE, 0)
    callback = await callback_of(scene)
    await scene.world.waiting(SERVICE, 1)
    await scene.world.cancel(callback)
    await scene.world.waiting(SERVICE, 0)
