"""A customer dials in after a request, over the whole platform."""

import pytest

from ringback.runtime.http import HttpClient
from ringback.testing import check_call_in
from ringback.testing.check_report import Steps
from ringback.testing.check_world import until
from ringback.testing.demo_tenant import CHECK_CALL_IN_NUMBER, CHECK_CUSTOMERS, TENANT
from ringback.testing.scene import Scene

from .test_callback_offer import sessions
from .test_journeys import ready

pytestmark = pytest.mark.timeout(90)


async def test_the_customer_with_the_code_talks_to_an_agent_and_the_callback_is_not_dialled(
    scene: Scene,
) -> None:
    await ready(scene, scene.first, "check-1")
    await check_call_in.call_in(scene.world, Steps(), scene.carrier, scene.first)
    assert not scene.carrier.received_calls


async def test_a_caller_without_a_code_is_asked_three_times_and_released(scene: Scene) -> None:
    keeper = HttpClient(scene.world.ctx, "engagement")
    path = f"/internal/call-in-groups/{TENANT}/check-wrong"
    await keeper.request(
        "PUT", path, {"numbers": [CHECK_CALL_IN_NUMBER], "code_length": 4, "wrong_by_caller": 3}
    )
    try:
        call = await scene.carrier.call(CHECK_CALL_IN_NUMBER, from_number=CHECK_CUSTOMERS[7])
        await call.wait_answered(10.0)

        async def refused() -> bool:
            states = {state for row in await sessions(scene) for state in row.states}
            if "asking" in states:
                call.send_dtmf("0")
            return "refusing" in states or "parting" in states

        await until(refused, bool, 40.0)
        await call.wait_ended(15.0)
    finally:
        await keeper.request("DELETE", path)
