"""The call-in journey: a number and a code by HTTP, used by the customer, connected with an agent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ringback.contracts.applications import SessionRow
from ringback.runtime.http import HttpClient
from ringback.testing.check_inbound import talk
from ringback.testing.check_report import Steps, expect
from ringback.testing.check_world import World, until
from ringback.testing.demo_tenant import CHECK_CALL_IN_NUMBER, CHECK_CUSTOMERS, TENANT
from ringback.testing.phone import Call, Phone, PhoneCarrier

_GROUP = "check-call-in"
ORDER = "check-order-4711"


async def call_in(world: World, steps: Steps, carrier: PhoneCarrier, agent: Phone) -> None:
    """A callback for later, and its customer, who dials in now. Raises CheckFailed."""
    steps.journey("A customer dials in")
    keeper = HttpClient(world.ctx, "engagement")
    path = f"/internal/call-in-groups/{TENANT}/{_GROUP}"
    group = {"numbers": [CHECK_CALL_IN_NUMBER], "code_length": 6, "expiry_s": 120}
    await keeper.request("PUT", path, group)
    try:
        await _dials_in(world, steps, carrier, agent)
    finally:
        await keeper.request("DELETE", path)


async def _dials_in(world: World, steps: Steps, carrier: PhoneCarrier, agent: Phone) -> None:
    with steps.step("a callback is booked for later, and a number and a code are given out for it"):
        later = (datetime.now(UTC) + timedelta(hours=2)).isoformat(timespec="milliseconds")
        callback = await world.book(CHECK_CUSTOMERS[5], desiredTime=later)
        asked = {"groupName": _GROUP, "callbackServiceId": callback, "userData": {"order": ORDER}}
        status, envelope = await world.api("POST", "/call-in/requests/create", asked)
        expect(status == 200, envelope)
    made: dict[str, Any] = envelope["data"]
    customer = await carrier.call(str(made["toPhoneNumber"]), from_number=CHECK_CUSTOMERS[6])
    try:
        with steps.step("the customer dials the number from another phone and types the code"):
            await customer.wait_answered(10.0)
            await types(world, customer, str(made["accessCode"]))
        with steps.step("the agent's phone rings and is answered"):
            offered = await agent.wait_call(10.0)
            offered.ring()
            await offered.answer()
        await talk(steps, customer, offered, first="customer", second="agent")
    finally:
        await customer.hangup()
    with steps.step("the callback is over, and was not dialled: CUSTOMER_CALLED_IN"):
        await offered.wait_ended(5.0)
        seen = await world.callback_becomes(callback, "COMPLETED")
        expect(seen.get("callbackReason") == "CUSTOMER_CALLED_IN", seen)
    with steps.step("the agent is ready again"):
        await world.agent_becomes("check-1", "ready")


async def types(world: World, customer: Call, code: str) -> None:
    """Type a code when it is asked for. Raises CheckFailed."""
    control = HttpClient(world.ctx, "orchestration", "control")

    async def asked() -> bool:
        return any("asking" in row.states for row in await control.get("/scxml/sessions", list[SessionRow]))

    await until(asked, bool, 15.0)
    await customer.hear_speech_or_music(5.0)
    customer.send_dtmf(code)
