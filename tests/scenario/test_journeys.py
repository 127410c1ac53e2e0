"""The journeys of calls and callbacks through the whole platform, on real sockets."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ringback.runtime.counters import read_totals
from ringback.runtime.http import HttpClient
from ringback.testing import check, check_callback, check_inbound
from ringback.testing.check_inbound import AGENT_HZ, CALLER_HZ, QUEUE
from ringback.testing.check_report import Steps
from ringback.testing.check_world import World, until
from ringback.testing.connections import rows, silent
from ringback.testing.demo_tenant import CHECK_CUSTOMERS, CHECK_MAILBOX, CHECK_NUMBER
from ringback.testing.phone import Behaviour, Call, CallFailedError, CallState, Phone
from ringback.testing.platform import ServiceHarness
from ringback.testing.scene import Scene

from .published_names import COMMON, EXPOSED, MOVED

pytestmark = pytest.mark.timeout(150)
SERVICE = "CB_Check"


async def caller(scene: Scene, number: str = CHECK_CUSTOMERS[0]) -> Call:
    """A caller who waits in the queue, at the place that is free."""
    call = await scene.carrier.call(CHECK_NUMBER, from_number=number)
    await call.wait_answered(20.0)
    return call


async def rings(phone: Phone, timeout: float = 20.0) -> Call:
    """The next call, ringing."""
    call = await phone.wait_call(timeout)
    call.ring()
    return call


async def ready(scene: Scene, phone: Phone, agent: str) -> None:
    """Log the agent in."""
    await phone.register()
    await scene.world.agent_becomes(agent, "ready", "reserved", "ringing")


async def hear_each_other(one: Call, other: Call) -> None:
    one.play_tone(CALLER_HZ)
    other.play_tone(AGENT_HZ)
    await other.hear_tone(CALLER_HZ)
    await one.hear_tone(AGENT_HZ)


class TestInbound:
    async def test_a_call_travels_from_the_trunk_to_the_agent_with_hold_and_retrieve(
        self, scene: Scene
    ) -> None:
        await check_inbound.inbound(scene.world, Steps(), scene.carrier, scene.first)

    async def test_a_number_that_nobody_has_is_404(self, scene: Scene) -> None:
        call = await scene.carrier.call("+12025550199", from_number=CHECK_CUSTOMERS[0])
        with pytest.raises(CallFailedError) as refused:
            await call.wait_answered(20.0)
        assert refused.value.status == 404

    async def test_the_agent_who_has_been_ready_longest_gets_the_call(self, scene: Scene) -> None:
        await ready(scene, scene.second, "check-2")
        await ready(scene, scene.first, "check-1")
        call = await caller(scene)
        offered = await rings(scene.second)
        await offered.answer()
        await hear_each_other(call, offered)
        await call.hangup()
        await offered.wait_ended()
        assert not scene.first.calls

    async def test_a_caller_who_hangs_up_while_waiting_is_forgotten(self, scene: Scene) -> None:
        await busy(scene)
        call = await caller(scene)
        await scene.world.waiting(QUEUE, 1)
        await call.hangup()
        await scene.world.waiting(QUEUE, 0)

    async def test_a_caller_who_hangs_up_while_it_rings_stops_the_ringing(self, scene: Scene) -> None:
        await ready(scene, scene.first, "check-1")
        call = await caller(scene)
        offered = await rings(scene.first)
        await call.hangup()
        assert await offered.wait_ended() == 487
        await scene.world.agent_becomes("check-1", "ready")

    async def test_an_agent_who_does_not_answer_is_not_ready_and_the_caller_keeps_the_place(
        self, scene: Scene
    ) -> None:
        await ready(scene, scene.first, "check-1")
        early = await caller(scene, CHECK_CUSTOMERS[0])
        offered = await rings(scene.first)
        late = await caller(scene, CHECK_CUSTOMERS[1])
        assert await offered.wait_ended(15.0) == 487
        await scene.world.agent_becomes("check-1", "not_ready")
        await scene.world.waiting(QUEUE, 2)
        await ready(scene, scene.second, "check-2")
        second = await rings(scene.second)
        await second.answer()
        await hear_each_other(early, second)
        await early.hangup()
        await second.wait_ended()
        await late.hangup()

    async def test_a_call_that_an_agent_rejects_goes_to_the_next(self, scene: Scene) -> None:
        await ready(scene, scene.first, "check-1")
        call = await caller(scene)
        offered = await rings(scene.first)
        offered.reject(486)
        await ready(scene, scene.second, "check-2")
        taken = await rings(scene.second)
        await taken.answer()
        await hear_each_other(call, taken)
        await call.hangup()
        await taken.wait_ended()

    async def test_without_an_agent_the_caller_hears_so_and_leaves_a_message(self, scene: Scene) -> None:
        before = {message.id for message in await scene.world.messages(CHECK_MAILBOX)}
        call = await caller(scene)
        await call.hear_speech_or_music(10.0)
        await check_inbound.leave_message(call)
        found = await until(
            lambda: scene.world.messages(CHECK_MAILBOX), lambda now: len(now) > len(before), 10.0
        )
        left = next(message for message in found if message.id not in before)
        assert (await scene.world.take_message(CHECK_MAILBOX, left.id)).startswith(b"RIFF")

    async def test_the_agent_may_hang_up_first(self, scene: Scene) -> None:
        await ready(scene, scene.first, "check-1")
        call = await caller(scene)
        offered = await rings(scene.first)
        await offered.answer()
        await hear_each_other(call, offered)
        await offered.hangup()
        await call.wait_ended()
        await scene.world.agent_becomes("check-1", "ready")

    async def test_a_mailbox_takes_a_message(self, scene: Scene) -> None:
        await check_inbound.deposit(scene.world, Steps())


async def busy(scene: Scene) -> None:
    """An agent is logged in, so that callers wait, but is not ready."""
    await ready(scene, scene.first, "check-1")
    await scene.world.not_ready("check-1")
    await scene.world.agent_becomes("check-1", "not_ready")


class TestCallbacks:
    @pytest.fixture
    async def agent(self, scene: Scene) -> AsyncIterator[Phone]:
        await ready(scene, scene.first, "check-1")
        yield scene.first

    async def test_an_immediate_callback_is_connected_once(self, scene: Scene, agent: Phone) -> None:
        await check_callback.immediate(scene.world, Steps(), scene.carrier, agent)

    async def test_a_scheduled_callback_is_connected_at_its_time(self, scene: Scene, agent: Phone) -> None:
        await check_callback.scheduled(scene.world, Steps(), scene.carrier, agent)

    async def test_the_api_refuses_what_it_must(self, scene: Scene) -> None:
        await check_callback.refused(scene.world, Steps())

    async def test_waits_are_told(self, scene: Scene, agent: Phone) -> None:
        await check_callback.waits(scene.world, Steps())

    @pytest.mark.parametrize("behaviour", [Behaviour(status=486), Behaviour()], ids=["busy", "silent"])
    async def test_a_customer_who_is_busy_or_silent_is_tried_again(
        self, scene: Scene, agent: Phone, behaviour: Behaviour
    ) -> None:
        number = CHECK_CUSTOMERS[5]
        scene.carrier.behave(number, behaviour)
        callback = await scene.world.book(number)
        first = await scene.carrier.wait_call(15.0)
        await first.wait_ended(45.0)
        scene.carrier.behave(number, Behaviour(answer_after=0.1))
        second = await scene.carrier.wait_call(30.0)
        await second.wait_answered()
        offered = await rings(agent)
        await offered.answer()
        await hear_each_other(second, offered)
        await second.hangup()
        seen = await scene.world.callback_becomes(callback, "COMPLETED")
        assert seen["callbackReason"] == "AGENT_CONNECTED"

    async def test_after_the_last_attempt_it_is_completed_with_its_failure(
        self, scene: Scene, agent: Phone
    ) -> None:
        number = CHECK_CUSTOMERS[6]
        scene.carrier.is_busy(number)
        callback = await scene.world.book(number)
        seen = await scene.world.callback_becomes(callback, "COMPLETED", timeout=45.0)
        assert seen["callbackReason"] == "FAIL_CALL_TO_CUSTOMER"
        assert sum(call.number == number for call in scene.carrier.received_calls) == 3

    async def test_the_same_key_at_the_same_moment_makes_one_callback(self, scene: Scene) -> None:
        key = str(uuid.uuid4())
        number = CHECK_CUSTOMERS[7]
        ids = await asyncio.gather(*(scene.world.book(number, key=key) for _ in range(5)))
        assert len(set(ids)) == 1
        await scene.world.cancel(ids[0])
        await scene.world.callback_becomes(ids[0], "COMPLETED")


class TestOrder:
    """A callback waits at the place of the customer's request: nobody overtakes, nobody is overtaken."""

    async def test_who_asked_for_a_callback_first_is_served_before_who_called_later(
        self, scene: Scene
    ) -> None:
        await busy(scene)
        scene.carrier.answers(CHECK_CUSTOMERS[3])
        await scene.world.book(CHECK_CUSTOMERS[3])
        await scene.world.waiting(SERVICE, 1)
        late = await caller(scene)
        await scene.world.waiting(QUEUE, 1)
        await scene.world.ready("check-1")
        customer = await scene.carrier.wait_call(15.0)
        first = await rings(scene.first)
        await first.answer()
        await hear_each_other(customer, first)
        await customer.hangup()
        second = await rings(scene.first)
        await second.answer()
        await hear_each_other(late, second)
        await late.hangup()

    async def test_who_called_first_is_served_before_who_asked_for_a_callback_later(
        self, scene: Scene
    ) -> None:
        await busy(scene)
        early = await caller(scene)
        await scene.world.waiting(QUEUE, 1)
        scene.carrier.answers(CHECK_CUSTOMERS[3])
        callback = await scene.world.book(CHECK_CUSTOMERS[3])
        await scene.world.waiting(SERVICE, 1)
        await scene.world.ready("check-1")
        first = await rings(scene.first)
        await first.answer()
        await hear_each_other(early, first)
        assert not scene.carrier.received_calls
        await early.hangup()
        customer = await scene.carrier.wait_call(15.0)
        second = await rings(scene.first)
        await second.answer()
        await hear_each_other(customer, second)
        await customer.hangup()
        await scene.world.callback_becomes(callback, "COMPLETED")


class TestCancel:
    async def test_while_scheduled(self, scene: Scene) -> None:
        await check_callback.cancelled(scene.world, Steps())

    async def test_while_queued(self, scene: Scene) -> None:
        await busy(scene)
        callback = await scene.world.book(CHECK_CUSTOMERS[3])
        await scene.world.callback_becomes(callback, "QUEUED")
        await scene.world.waiting(SERVICE, 1)
        await is_cancelled(scene.world, callback)
        await scene.world.waiting(SERVICE, 0)
        assert not scene.carrier.received_calls

    async def test_while_the_customer_is_dialled(self, scene: Scene) -> None:
        await ready(scene, scene.first, "check-1")
        scene.carrier.behave(CHECK_CUSTOMERS[3], Behaviour())
        callback = await scene.world.book(CHECK_CUSTOMERS[3])
        customer = await scene.carrier.wait_call(15.0)
        await scene.world.callback_becomes(callback, "ROUTING")
        await is_cancelled(scene.world, callback)
        await customer.wait_ended()
        await scene.world.agent_becomes("check-1", "ready")

    async def test_while_they_talk_it_is_too_late(self, scene: Scene) -> None:
        await ready(scene, scene.first, "check-1")
        scene.carrier.answers(CHECK_CUSTOMERS[3])
        callback = await scene.world.book(CHECK_CUSTOMERS[3])
        customer = await scene.carrier.wait_call(15.0)
        offered = await rings(scene.first)
        await offered.answer()
        await scene.world.callback_becomes(callback, "PROCESSING")
        status, _ = await scene.world.api("POST", "/callbacks/cancel", {"id": callback})
        assert status == 400
        assert customer.state is CallState.ANSWERED
        await customer.hangup()
        await scene.world.callback_becomes(callback, "COMPLETED")


async def is_cancelled(world: World, callback: str) -> None:
    await world.cancel(callback)
    seen = await world.callback_becomes(callback, "COMPLETED")
    assert seen["callbackReason"] == "CANCELLED"


class TestWhole:
    @pytest.mark.timeout(180)
    async def test_the_check_is_green_and_every_built_connection_has_carried_data(self, scene: Scene) -> None:
        await scene.first.close()
        await scene.carrier.close()
        steps = Steps()
        await check.journeys(scene.world, steps)
        assert steps.report().ok

        async def quiet() -> list[str]:
            return silent(rows(await read_totals(scene.world.ctx.valkey)))

        assert await until(quiet, lambda seen: not seen, 5.0) == []


class TestMetrics:
    """Dashboards of the original find what they ask for, and what happened shows in it."""

    async def test_services_tell_the_published_names(self, platform: ServiceHarness) -> None:
        told = {service: await sums(platform, service) for service in EXPOSED}
        # A counter by labels that has counted nothing yet is there by its name alone.
        missing = {
            service: [
                name
                for name in (*EXPOSED[service], *COMMON)
                if name not in told[service] and name.removesuffix("_total") not in told[service]
            ]
            for service in EXPOSED
        }
        assert missing == {service: [] for service in EXPOSED}

    async def test_they_have_moved_with_the_calls(self, platform: ServiceHarness) -> None:
        told = {service: await sums(platform, service) for service in MOVED}
        still = {
            service: [name for name in MOVED[service] if not told[service].get(name)] for service in MOVED
        }
        assert still == {service: [] for service in MOVED}


async def sums(platform: ServiceHarness, service: str) -> dict[str, float]:
    """Every sample of a service, summed over its labels."""
    found: dict[str, float] = {}
    reply = await HttpClient(platform.context("prometheus"), service).request("GET", "/metrics")
    for family in text_string_to_metric_families(reply.body.decode()):
        found.setdefault(family.name, 0.0)
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found
