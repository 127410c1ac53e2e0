"""The callback journey: booked by HTTP, dialled over SIP, connected with an agent, told at every step."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from ringback.testing.check_inbound import talk
from ringback.testing.check_report import Steps, expect
from ringback.testing.check_world import World
from ringback.testing.demo_tenant import CHECK_CUSTOMERS
from ringback.testing.phone import Behaviour, Call, Phone, PhoneCarrier

SERVICE = "CB_Check"
_AHEAD_S = 3.0
_EARLY_S = 0.05
"""What two clocks may differ."""


async def immediate(world: World, steps: Steps, carrier: PhoneCarrier, agent: Phone) -> None:
    """An immediate callback, posted twice, connected once. Raises CheckFailed."""
    steps.journey("A callback now")
    number, key = CHECK_CUSTOMERS[1], str(uuid.uuid4())
    carrier.behave(number, Behaviour())
    with steps.step("a callback is booked with the tenant's key"):
        callback = await world.book(number, key=key)
    with steps.step("the same request with the same Idempotency-Key is the same callback"):
        again = await world.book(number, key=key)
        expect(again == callback, f"another callback, {again}")
    await _is_connected(world, steps, carrier, agent, callback)
    with steps.step("it was dialled exactly once"):
        dials = sum(call.number == number for call in carrier.received_calls)
        expect(dials == 1, f"{dials} dials")


async def scheduled(world: World, steps: Steps, carrier: PhoneCarrier, agent: Phone) -> None:
    """A scheduled callback. Raises CheckFailed."""
    steps.journey("A callback later")
    number = CHECK_CUSTOMERS[2]
    carrier.behave(number, Behaviour())
    desired = datetime.now(UTC) + timedelta(seconds=_AHEAD_S)
    with steps.step(f"a callback is booked for {_AHEAD_S:g} s from now, and waits as SCHEDULED"):
        callback = await world.book(number, desiredTime=_iso(desired))
        seen = await world.callback(callback)
        expect(seen["callbackState"] == "SCHEDULED", seen)
    with steps.step("an agent is held for it, and the customer's phone does not ring before the time"):
        customer = await carrier.wait_call(15.0)
        early = (desired - datetime.now(UTC)).total_seconds()
        expect(early < _EARLY_S, f"it rings {early:.1f} s before")
    await _is_connected(world, steps, carrier, agent, callback, customer)


async def retried(world: World, steps: Steps, carrier: PhoneCarrier, agent: Phone) -> None:
    """A callback to a customer who is busy first, and is dialled again. Raises CheckFailed."""
    steps.journey("A callback that is dialled again")
    number = CHECK_CUSTOMERS[7]
    before = len(carrier.received_calls)
    carrier.is_busy(number)
    with steps.step("a callback is booked"):
        callback = await world.book(number)
    with steps.step("the customer is dialled, and is busy"):
        first = await carrier.wait_call(15.0)
        await first.wait_ended(5.0)
    carrier.behave(number, Behaviour())
    await _is_connected(world, steps, carrier, agent, callback)
    with steps.step("it was dialled exactly twice"):
        dials = sum(call.number == number for call in carrier.received_calls[before:])
        expect(dials == 2, f"{dials} dials")


async def cancelled(world: World, steps: Steps) -> None:
    """A scheduled callback that the customer takes back. Raises CheckFailed."""
    steps.journey("A callback that is cancelled")
    desired = datetime.now(UTC) + timedelta(hours=1)
    with steps.step("a callback is booked for an hour from now"):
        callback = await world.book(CHECK_CUSTOMERS[3], desiredTime=_iso(desired))
    with steps.step("it is cancelled, and says so"):
        await world.cancel(callback)
        seen = await world.callback_becomes(callback, "COMPLETED")
        expect("CANCEL" in str(seen.get("callbackReason", "")).upper(), seen)


async def refused(world: World, steps: Steps) -> None:
    """What the API must not take. Raises CheckFailed."""
    steps.journey("What the API refuses")
    body = {"serviceName": SERVICE, "phoneNumber": CHECK_CUSTOMERS[4]}
    cases: tuple[tuple[str, Any, str | None, int], ...] = (
        ("a wrong key", body, "no-such-key", 401),
        ("a number that cannot exist", {**body, "phoneNumber": "+1"}, None, 400),
        ("a body that is not JSON", b"{", None, 400),
    )
    for what, sent, key, status in cases:
        with steps.step(f"{what}: {status}, with a correlation id"):
            got, envelope = await world.api("POST", "/callbacks/create", sent, key=key)
            expect(got == status, f"{got} {envelope}")
            expect(bool(envelope["status"]["corrId"]), envelope)


async def waits(world: World, steps: Steps) -> None:
    """What a web site asks before it offers a callback. Raises CheckFailed."""
    steps.journey("Waiting times")
    with steps.step(f"GET queue-status/{SERVICE} offers a callback"):
        status, envelope = await world.api("GET", f"/callbacks/queue-status/{SERVICE}")
        expect(status == 200 and envelope["data"]["offerImmediateCallback"] is True, envelope)
    with steps.step("GET estimated-wait-time answers for each queue"):
        status, envelope = await world.api("GET", f"/estimated-wait-time?virtual-queues={SERVICE},VQ_Check")
        names = {item["virtualQueue"] for item in envelope.get("data", ())}
        expect(status == 200 and names == {SERVICE, "VQ_Check"}, envelope)


async def _is_connected(
    world: World,
    steps: Steps,
    carrier: PhoneCarrier,
    agent: Phone,
    callback: str,
    customer: Call | None = None,
) -> None:
    if customer is None:
        with steps.step("an agent is reserved, and the customer's phone rings"):
            customer = await carrier.wait_call(15.0)
    with steps.step("the customer answers"):
        await customer.answer()
    with steps.step("the agent's phone rings and is answered"):
        offered = await agent.wait_call(10.0)
        offered.ring()
        await offered.answer()
    try:
        await talk(steps, customer, offered, first="customer", second="agent")
        with steps.step("the callback is in PROCESSING"):
            await world.callback_becomes(callback, "PROCESSING")
    finally:
        await customer.hangup()
    with steps.step("the customer hangs up: COMPLETED, AGENT_CONNECTED"):
        await offered.wait_ended(5.0)
        seen = await world.callback_becomes(callback, "COMPLETED")
        expect(seen.get("callbackReason") == "AGENT_CONNECTED", seen)
    with steps.step("the agent is ready again"):
        await world.agent_becomes("check-1", "ready")


def _iso(moment: datetime) -> str:
    """The API's form: milliseconds and Z."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
