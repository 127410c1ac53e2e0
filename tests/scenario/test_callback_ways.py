"""The ways in which a callback can be dialled, through the whole platform."""

import pytest

from ringback.contracts.events import AgentEvent, agents_stream
from ringback.contracts.telephony import RequestPrivateService, RequestReply
from ringback.runtime.http import HttpClient
from ringback.runtime.streams import parse_entries
from ringback.testing.check_inbound import AGENT_HZ, CALLER_HZ
from ringback.testing.check_world import until
from ringback.testing.demo_tenant import CHECK_CUSTOMERS
from ringback.testing.phone import Behaviour, Call
from ringback.testing.platform import ServiceHarness
from ringback.testing.scene import Scene

pytestmark = pytest.mark.timeout(150)

SHARED = {
    "_vq": "CB_Check",
    "_target": "?:Check>=1",
    "_route_point": "8910",
    "_dial_retry_timeout": "1",
    "_throttle_request_parameters_limit": "1000",
}
WAYS = {
    "Ways_Agent_First": {
        "_userterminated_first_connect_party": "AGENT",
        "_call_display_number": "+12025550900",
    },
    "Ways_Listening": {"_cpd_enable": "true", "_treatment_call_failure_answering_machine": "message"},
    "Ways_Asking": {"_agent_preview": "true", "_agent_reject_retry_timeout": "0"},
    "Ways_Later": {"_hold_enabled": "true", "_snooze_duration": "1"},
}


@pytest.fixture
async def ways(platform: ServiceHarness, scene: Scene) -> Scene:
    """The services are published, and agent check-1 is ready."""
    engagement = HttpClient(platform.context("designer"), "engagement", connection="ges-14")
    await engagement.post("/internal/settings/demo", {name: {**SHARED, **row} for name, row in WAYS.items()})
    await scene.first.register()
    await scene.world.agent_becomes("check-1", "ready")
    return scene


async def talk(customer: Call, agent: Call) -> None:
    customer.play_tone(CALLER_HZ)
    agent.play_tone(AGENT_HZ)
    await agent.hear_tone(CALLER_HZ)
    await customer.hear_tone(AGENT_HZ)


async def over(scene: Scene, callback: str, customer: Call) -> None:
    await scene.world.callback_becomes(callback, "PROCESSING")
    await customer.hangup()
    seen = await scene.world.callback_becomes(callback, "COMPLETED")
    assert seen["callbackReason"] == "AGENT_CONNECTED"
    await scene.world.agent_becomes("check-1", "ready")


async def test_agent_first_the_customer_is_dialled_when_the_agent_has_answered(ways: Scene) -> None:
    number = CHECK_CUSTOMERS[1]
    ways.carrier.behave(number, Behaviour())
    callback = await ways.world.book(number, service="Ways_Agent_First")
    offered = await ways.first.wait_call(10.0)
    assert number in (offered.header("From") or "")
    offered.ring()
    await ways.world.agent_becomes("check-1", "ringing")
    assert not ways.carrier.received_calls
    await offered.answer()
    customer = await ways.carrier.wait_call(10.0)
    assert "+12025550900" in (customer.header("From") or "")
    await ways.world.agent_becomes("check-1", "talking")
    await customer.answer()
    await talk(customer, offered)
    await over(ways, callback, customer)
    await offered.wait_ended(5.0)


async def test_agent_first_a_customer_who_is_busy_is_tried_again_and_the_agent_is_free(ways: Scene) -> None:
    number = CHECK_CUSTOMERS[2]
    ways.carrier.is_busy(number)
    callback = await ways.world.book(number, service="Ways_Agent_First")
    first = await ways.first.wait_call(10.0)
    await first.answer()
    await first.wait_ended(10.0)
    ways.carrier.behave(number, Behaviour())
    second = await ways.first.wait_call(20.0)
    await second.answer()
    customer = await ways.carrier.wait_call(10.0)
    while customer.number != number or customer.state.name == "ENDED":
        customer = await ways.carrier.wait_call(10.0)
    await customer.answer()
    await talk(customer, second)
    await over(ways, callback, customer)


async def test_an_answering_machine_gets_a_message_and_a_person_the_agent(ways: Scene) -> None:
    number = CHECK_CUSTOMERS[3]
    ways.carrier.behave(number, Behaviour())
    callback = await ways.world.book(number, service="Ways_Listening")
    machine = await ways.carrier.wait_call(10.0)
    machine.play_prompts("voicemail-greeting", "voicemail-greeting", "beep")
    await machine.answer()
    await machine.hear_speech_or_music(20.0)
    await machine.wait_ended(15.0)
    assert not ways.first.calls
    person = await ways.carrier.wait_call(15.0)
    person.play_prompts("goodbye")
    await person.answer()
    offered = await ways.first.wait_call(10.0)
    await offered.answer()
    await talk(person, offered)
    await over(ways, callback, person)


async def test_an_agent_is_asked_and_nobody_is_dialled_before_the_answer(
    platform: ServiceHarness, ways: Scene
) -> None:
    number = CHECK_CUSTOMERS[4]
    ways.carrier.behave(number, Behaviour())
    frontend = HttpClient(platform.context("desktop"), "frontend")

    async def questions() -> list[AgentEvent]:
        rows = await platform.process.valkey.call("XRANGE", agents_stream("demo"), "-", "+")
        events = [entry.json(AgentEvent) for entry in parse_entries("", rows)]
        return [event for event in events if event.id == "EventUserEvent"]

    async def answers(event: AgentEvent, answer: str) -> None:
        request = RequestPrivateService(
            tenant="demo",
            agent_id=event.agent_id,
            reference_id=event.reference_id,
            service="callback.preview",
            user_data={"answer": answer},
        )
        await frontend.post("/requests", request, RequestReply)

    callback = await ways.world.book(number, service="Ways_Asking", userData={"order": 7})
    first = (await until(questions, lambda found: len(found) == 1, 10.0))[0]
    assert (first.agent_id, first.extensions["UserData"]) == ("check-1", {"order": 7})
    assert (await ways.world.callback(callback))["callbackState"] == "ROUTING"
    await answers(first, "reject")
    second = (await until(questions, lambda found: len(found) == 2, 10.0))[1]
    assert not ways.carrier.received_calls
    await answers(second, "accept")
    customer = await ways.carrier.wait_call(10.0)
    await customer.answer()
    offered = await ways.first.wait_call(10.0)
    await offered.answer()
    await talk(customer, offered)
    await over(ways, callback, customer)


async def test_a_customer_who_asks_to_be_called_later_is(ways: Scene) -> None:
    number = CHECK_CUSTOMERS[5]
    ways.carrier.behave(number, Behaviour())
    callback = await ways.world.book(number, service="Ways_Later")
    customer = await ways.carrier.wait_call(10.0)
    await customer.answer()
    await customer.hear_speech_or_music(5.0)
    customer.send_dtmf("2")
    await ways.world.callback_becomes(callback, "SCHEDULED")
    await customer.wait_ended(10.0)
    again = await ways.carrier.wait_call(15.0)
    await again.answer()
    await again.hear_speech_or_music(5.0)
    again.send_dtmf("1")
    offered = await ways.first.wait_call(10.0)
    await offered.answer()
    await talk(again, offered)
    await over(ways, callback, again)
