"""The inbound journey: trunk, route point, announcement and music, queue, agent, talk, hold, end."""

from __future__ import annotations

import asyncio

from ringback.testing.check_report import Steps, expect
from ringback.testing.check_world import World, until
from ringback.testing.demo_tenant import CHECK, CHECK_CUSTOMERS, CHECK_MAILBOX, CHECK_NUMBER, CHECK_PHONES
from ringback.testing.phone import Call, CallFailedError, Phone, PhoneCarrier

CALLER_HZ, AGENT_HZ, BEEP_HZ = 440.0, 700.0, 1000.0
QUEUE = "VQ_Check"
_UNKNOWN = "+12025550199"
_MESSAGE_S = 1.5


async def inbound(world: World, steps: Steps, carrier: PhoneCarrier, agent: Phone) -> None:
    """One call from the trunk to an agent and back to quiet. Raises CheckFailed."""
    steps.journey("A call comes in")
    with steps.step("a number that nobody has is refused with 404"):
        await _refused(carrier, _UNKNOWN, 404)
    await _logs_in(world, steps, agent)
    caller = await _reaches_the_queue(world, steps, carrier)
    try:
        offered = await _is_offered(world, steps, agent)
        await talk(steps, caller, offered, first="caller", second="agent")
        await _holds(steps, caller, offered)
        await _ends(world, steps, caller, offered)
    finally:
        await caller.hangup()


async def _refused(carrier: PhoneCarrier, number: str, status: int) -> None:
    call = await carrier.call(number, from_number=CHECK_CUSTOMERS[0])
    try:
        await call.wait_answered(5.0)
    except CallFailedError as error:
        expect(error.status == status, f"{error.status} {error}")
    else:
        await call.hangup()
        expect(False, "an answer")


async def _reaches_the_queue(world: World, steps: Steps, carrier: PhoneCarrier) -> Call:
    caller = await carrier.call(CHECK_NUMBER, from_number=CHECK_CUSTOMERS[0])
    with steps.step(f"a call to {CHECK_NUMBER} from a trunk reaches route point {CHECK} and is answered"):
        await caller.wait_answered(10.0)
    with steps.step("the caller hears an announcement or music"):
        await caller.hear_speech_or_music(10.0)
    with steps.step(f"the call waits in {QUEUE}"):
        await world.waiting(QUEUE, 1)
    return caller


async def _logs_in(world: World, steps: Steps, agent: Phone) -> None:
    with steps.step("an agent's phone registers with a digest, and the agent is logged in, ready"):
        await agent.register()
        await world.agent_becomes("check-1", "ready")
    with steps.step("the agent takes a break"):
        await world.not_ready("check-1")
        await world.agent_becomes("check-1", "not_ready")


async def _is_offered(world: World, steps: Steps, agent: Phone) -> Call:
    with steps.step("the agent becomes ready at the desktop, is reserved, and the phone rings"):
        await world.ready("check-1")
        offered = await agent.wait_call(10.0)
        offered.ring()
        await world.agent_becomes("check-1", "ringing")
    with steps.step("the agent answers"):
        await offered.answer()
        await world.agent_becomes("check-1", "talking")
        await world.waiting(QUEUE, 0)
    return offered


async def talk(steps: Steps, one: Call, other: Call, *, first: str, second: str) -> None:
    """Both sides hear the other's tone."""
    one.play_tone(CALLER_HZ)
    other.play_tone(AGENT_HZ)
    with steps.step(f"the {second} hears the {first}'s tone of {CALLER_HZ:g} Hz"):
        await other.hear_tone(CALLER_HZ, 5.0)
    with steps.step(f"the {first} hears the {second}'s tone of {AGENT_HZ:g} Hz"):
        await one.hear_tone(AGENT_HZ, 5.0)


async def talk_and_leave(steps: Steps, customer: Call, offered: Call) -> None:
    """Both sides hear each other, and the customer hangs up."""
    try:
        await talk(steps, customer, offered, first="customer", second="agent")
    finally:
        await customer.hangup()


async def _holds(steps: Steps, caller: Call, offered: Call) -> None:
    with steps.step("the agent holds the call, and the caller hears music"):
        await offered.hold()
        await caller.hear_speech_or_music(5.0)
    with steps.step("the agent retrieves it, and both hear each other again"):
        await offered.retrieve()
        await caller.hear_tone(AGENT_HZ, 5.0)
        await offered.hear_tone(CALLER_HZ, 5.0)


async def _ends(world: World, steps: Steps, caller: Call, offered: Call) -> None:
    with steps.step("the caller hangs up, and the agent's phone is released"):
        await caller.hangup()
        await offered.wait_ended(5.0)
    with steps.step("the agent does after-call work"):
        await world.agent_becomes("check-1", "acw", "ready")
    with steps.step("and is ready again"):
        await world.agent_becomes("check-1", "ready")


async def leave_message(call: Call) -> None:
    """Speak into a mailbox after its tone, and hang up."""
    await call.hear_tone(BEEP_HZ, 20.0)
    call.play_tone(CALLER_HZ)
    await asyncio.sleep(_MESSAGE_S)  # the length of the message, not a wait
    await call.hangup()


async def deposit(world: World, steps: Steps) -> None:
    """A phone leaves a message in a mailbox. Raises CheckFailed."""
    steps.journey("A mailbox takes a message")
    before = {message.id for message in await world.messages(CHECK_MAILBOX)}
    async with world.phone(CHECK_PHONES[2]) as phone:
        with steps.step("a phone registers, with a digest over UDP"):
            await phone.register()
        call = await phone.call(CHECK_MAILBOX)
        with steps.step(f"mailbox {CHECK_MAILBOX} answers and greets"):
            await call.wait_answered(10.0)
            await call.hear_speech_or_music(10.0)
        with steps.step("a message is spoken after the tone"):
            await leave_message(call)
    with steps.step("the message is there, can be heard and deleted"):
        found = await until(lambda: world.messages(CHECK_MAILBOX), lambda now: len(now) > len(before), 10.0)
        new = next(message for message in found if message.id not in before)
        audio = await world.take_message(CHECK_MAILBOX, new.id)
        expect(audio.startswith(b"RIFF"), f"{len(audio)} bytes that are no WAV file")
