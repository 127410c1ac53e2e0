"""A customer dials in after a request, over the whole platform."""

import pytest

from ringback.contracts.events import TOPIC_CALLS, TOPIC_SIP, calls_stream
from ringback.runtime.http import HttpClient
from ringback.runtime.kafka import KafkaConsumer, KafkaMessage
from ringback.testing import check_call_in
from ringback.testing.check_report import Steps
from ringback.testing.check_world import until
from ringback.testing.demo_tenant import CHECK_CALL_IN_NUMBER, CHECK_CUSTOMERS, TENANT
from ringback.testing.hook_server import HookForTests
from ringback.testing.platform import ServiceHarness
from ringback.testing.scene import Scene

from .test_callback_offer import sessions
from .test_journeys import SERVICE, hear_each_other, ready, rings

pytestmark = pytest.mark.timeout(150)


async def test_the_customer_with_the_code_talks_to_an_agent_and_the_callback_is_not_dialled(
    scene: Scene, platform: ServiceHarness, capfd: pytest.CaptureFixture[str]
) -> None:
    await ready(scene, scene.first, "check-1")
    await check_call_in.call_in(scene.world, Steps(), scene.carrier, scene.first)
    assert not scene.carrier.received_calls
    events = repr(await platform.process.valkey.call("XRANGE", calls_stream(TENANT), "-", "+"))
    assert check_call_in.ORDER in events, "the request's user data is data of the call"
    reports = await reported(platform)
    for where, text in (("reports", reports), ("logs", "".join(capfd.readouterr()))):
        assert check_call_in.ORDER not in text, where
    assert '"Digits":' not in reports, "no code leaves the platform"


async def reported(platform: ServiceHarness) -> str:
    """What has gone to Kafka, once the end of a call is among it."""
    seen: list[bytes] = []

    async def take(message: KafkaMessage) -> None:
        seen.append(message.value)

    topics = [TOPIC_CALLS, TOPIC_SIP, "voice-sipfe"]
    KafkaConsumer(platform.process, topics, "test-call-in", take, connection="voice-56").start()

    async def look() -> list[bytes]:
        return seen

    def whole(found: list[bytes]) -> bool:
        text = b"".join(found)
        return b"EventTreatmentEnd" in text and text.count(b"EventCallDeleted") >= 2

    return b"".join(await until(look, whole, 30.0)).decode()


async def test_a_device_is_told_when_an_agent_is_ready_and_its_call_is_the_callback(scene: Scene) -> None:
    """USERORIGINATED: from the push to the talk."""
    world, hook = scene.world, HookForTests("a-secret-that-is-long-enough")
    await hook.start(world.host)
    keeper = HttpClient(world.ctx, "engagement")
    group = {"numbers": [CHECK_CALL_IN_NUMBER], "code_length": 5}
    channel = {"type": "http", "url": hook.url, "secret": hook.secret}
    service = {
        "_call_direction": "USERORIGINATED",
        "_call_in_group": "check-apps",
        "_route_point": "8910",
        "_vq": SERVICE,
    }
    await keeper.request("PUT", f"/internal/call-in-groups/{TENANT}/check-apps", group)
    await keeper.request("PUT", f"/internal/credentials/{TENANT}/push/check-app", channel)
    await keeper.post(f"/internal/settings/{TENANT}", {"CB_Apps": service})
    try:
        await ready(scene, scene.first, "check-1")
        device = [{"channel": "check-app", "target": "device-7"}]
        callback = await world.book(CHECK_CUSTOMERS[0], "CB_Apps", pushTargets=device)

        async def told() -> bool:
            return any(each["event"] == "CALLBACK_AGENT_READY" for each in hook.taken)

        await until(told, bool, 20.0)
        data = hook.taken[-1]["data"]
        customer = await scene.carrier.call(data["toPhoneNumber"], from_number=CHECK_CUSTOMERS[0])
        await customer.wait_answered(10.0)
        await check_call_in.types(world, customer, data["accessCode"])
        agent = await rings(scene.first, 15.0)
        await agent.answer()
        await hear_each_other(customer, agent)
        seen = await world.callback_becomes(callback, "COMPLETED")
        assert seen["callbackReason"] == "CUSTOMER_CALLED_IN"
        assert not scene.carrier.received_calls, "nobody was dialled"
        await customer.hangup()
    finally:
        await hook.stop()
        await keeper.request("DELETE", f"/internal/call-in-groups/{TENANT}/check-apps")
    assert hook.violations == []


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
