"""Shipped applications that no other journey meets: menu, an agent's own number, after hours, agent first."""

from __future__ import annotations

from ringback.testing.check_call_in import types
from ringback.testing.check_inbound import leave_message, talk, talk_and_leave
from ringback.testing.check_report import Steps, expect
from ringback.testing.check_world import World, until
from ringback.testing.demo_tenant import (
    CHECK_CLOSED,
    CHECK_CUSTOMERS,
    CHECK_MAILBOX,
    CHECK_MENU,
    CHECK_PHONES,
)
from ringback.testing.phone import Behaviour, Phone, PhoneCarrier


async def menu(world: World, steps: Steps, agent: Phone) -> None:
    """A key leads to an agent's own number. Raises CheckFailed."""
    steps.journey("A menu, and an agent's own number")
    async with world.phone(CHECK_PHONES[2]) as phone:
        await phone.register()
        call = await phone.call(CHECK_MENU)
        try:
            with steps.step(f"route point {CHECK_MENU} says its menu, and the caller presses 1"):
                await call.wait_answered(10.0)
                await types(world, call, "1")
            with steps.step("the agent's phone rings, and is answered"):
                offered = await agent.wait_call(10.0)
                offered.ring()
                await offered.answer()
            await talk(steps, call, offered, first="caller", second="agent")
        finally:
            await call.hangup()
        with steps.step("the caller hangs up, and the agent's phone is released"):
            await offered.wait_ended(5.0)
            await world.agent_becomes("check-1", "ready")


async def after_hours(world: World, steps: Steps) -> None:
    """A caller hears that nobody is there and leaves a message. Raises CheckFailed."""
    steps.journey("After hours")
    before = {message.id for message in await world.messages(CHECK_MAILBOX)}
    async with world.phone(CHECK_PHONES[2]) as phone:
        await phone.register()
        with steps.step(f"route point {CHECK_CLOSED} says that nobody is there, and takes a message"):
            call = await phone.call(CHECK_CLOSED)
            await call.wait_answered(10.0)
            await leave_message(call)
    with steps.step("the message is there"):
        found = await until(lambda: world.messages(CHECK_MAILBOX), lambda now: len(now) > len(before), 10.0)
        for message in found:
            if message.id not in before:
                await world.take_message(CHECK_MAILBOX, message.id)


async def agent_first(world: World, steps: Steps, carrier: PhoneCarrier, agent: Phone) -> None:
    """A callback whose agent is rung before the customer is dialled. Raises CheckFailed."""
    steps.journey("A callback, agent first")
    number = CHECK_CUSTOMERS[8]
    carrier.behave(number, Behaviour())
    before = len(carrier.received_calls)
    with steps.step("the agent's phone rings, and nobody is dialled yet"):
        callback = await world.book(number, service="CB_Check_First")
        offered = await agent.wait_call(10.0)
        offered.ring()
        expect(len(carrier.received_calls) == before, "a dial before the agent was there")
    with steps.step("the agent answers, and the customer is dialled and answers"):
        await offered.answer()
        customer = await carrier.wait_call(10.0)
        await customer.answer()
    await talk_and_leave(steps, customer, offered)
    with steps.step("the customer hangs up: COMPLETED"):
        await offered.wait_ended(5.0)
        await world.callback_becomes(callback, "COMPLETED")
        await world.agent_becomes("check-1", "ready")
