"""A customer calls in while a callback waits: the call takes its place, or it stays."""

import pytest

from ringback.testing.check_inbound import QUEUE
from ringback.testing.check_world import until
from ringback.testing.demo_tenant import CHECK_CUSTOMERS, CHECK_OFFER_NUMBER
from ringback.testing.phone import Call
from ringback.testing.scene import Scene

from .test_callback_offer import sessions
from .test_journeys import SERVICE, busy, caller, hear_each_other, rings

pytestmark = pytest.mark.timeout(150)
EARLY, LATE = CHECK_CUSTOMERS[0], CHECK_CUSTOMERS[1]


async def presses(scene: Scene, call: Call, digit: str) -> None:
    """Press a key while the choice is given, until it is taken."""
    given = False

    async def look() -> bool:
        nonlocal given
        if any("choosing" in row.states for row in await sessions(scene)):
            call.send_dtmf(digit)
            given = True
            return False
        return given

    await until(look, bool, 25.0)


async def test_who_stays_on_the_line_is_served_at_the_place_of_the_callback_and_not_dialled(
    scene: Scene,
) -> None:
    await busy(scene)
    callback = await scene.world.book(EARLY)
    await scene.world.waiting(SERVICE, 1)
    late = await caller(scene, LATE)
    await scene.world.waiting(QUEUE, 1)
    early = await scene.carrier.call(CHECK_OFFER_NUMBER, from_number=EARLY)
    await early.wait_answered(10.0)
    await presses(scene, early, "1")
    seen = await scene.world.callback_becomes(callback, "COMPLETED")
    assert seen["callbackReason"] == "CUSTOMER_CALLED_IN"
    await scene.world.waiting(QUEUE, 2)
    await scene.world.waiting(SERVICE, 0)
    await scene.world.ready("check-1")
    agent = await rings(scene.first)
    await agent.answer()
    await hear_each_other(early, agent)
    await scene.world.waiting(QUEUE, 1)
    assert not any(call.number == EARLY for call in scene.carrier.received_calls), "never both"
    await early.hangup()
    await late.hangup()


async def test_who_keeps_the_callback_hangs_up_and_is_dialled_later(scene: Scene) -> None:
    await busy(scene)
    callback = await scene.world.book(EARLY)
    await scene.world.waiting(SERVICE, 1)
    call = await scene.carrier.call(CHECK_OFFER_NUMBER, from_number=EARLY)
    await call.wait_answered(10.0)
    await presses(scene, call, "2")
    await call.wait_ended(15.0)
    assert (await scene.world.callback(callback))["callbackState"] == "QUEUED"
    await scene.world.waiting(SERVICE, 1)
    await scene.world.cancel(callback)
    await scene.world.waiting(SERVICE, 0)
