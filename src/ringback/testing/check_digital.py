"""Digital beside voice: a foreign interaction server shares the agent by the rule, and an application of the
platform sends a customer a message. The check plays both servers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ringback.contracts.interactions import InteractionStatus
from ringback.runtime.http import HttpClient
from ringback.testing.check_report import Steps, expect
from ringback.testing.check_world import World, until
from ringback.testing.demo_tenant import CHECK_CUSTOMERS, CHECK_DIGITAL_PORT, TENANT
from ringback.testing.digital_server import DigitalForTests, Message
from ringback.testing.interaction_server import InteractionServer

AGENT, QUEUE = "check-1", "VQ_Check"
MESSENGER = f"/apps/{TENANT}/check-messenger.scxml"
_APPLICATION = b"""<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript"
    xmlns:session="www.genesyslab.com/modules/session">
  <datamodel><data id="to"/><data id="asker"/><data id="outcome"/></datamodel>
  <state id="call">
    <transition event="error" target="telling">
      <assign location="outcome" expr="_event.name + ' ' + _event.data.reason"/></transition>
    <state id="beginning">
      <transition event="send" target="sending">
        <assign location="asker" expr="_event.data.requestid"/></transition>
    </state>
    <state id="sending">
      <onentry><session:fetch src="digital:/messages" method="POST"
        contentexpr="({channel: 'sms', to: to, text: 'We have tried to reach you'})"/></onentry>
      <transition event="session.fetch.done" target="asking"/>
    </state>
    <state id="asking">
      <onentry><session:fetch srcexpr="'digital:/messages/' + _event.data.content.id"/></onentry>
      <transition event="session.fetch.done" target="telling">
        <assign location="outcome" expr="_event.data.content.status"/></transition>
    </state>
  </state>
  <state id="telling">
    <onentry><session:response requestid="asker" dataexpr="outcome"/></onentry>
  </state>
</scxml>"""


async def chats(world: World, steps: Steps) -> None:
    """Two chats at one agent, a third waits for its turn. Raises CheckFailed."""
    steps.journey("Chats beside calls")
    server = InteractionServer(world.ctx, TENANT)
    with steps.step("an interaction server reads who takes chats"):
        await server.start()
        agents = await server.agents("chat")
        expect(AGENT in agents, agents)
    with steps.step("two chats reach one agent, as the capacity rule allows"):
        await world.ready(AGENT)
        await world.agent_becomes(AGENT, "ready")
        names = [f"{world.ctx.node}-chat-{number}" for number in range(3)]
        for name in names:
            await server.submit(name, "chat", QUEUE, f"{AGENT}.A", timeout_s=30.0)
        offers = [await server.offer() for _ in range(2)]
        expect({offer.agent_id for offer in offers} == {AGENT}, offers)
        for offer in offers:
            await server.accept(offer)
    with steps.step("the third waits, and says so"):
        await until(lambda: server.status(names[2]), _waits, 5.0)
    with steps.step("it is given when one of them ends"):
        await server.end(offers[0])
        third = await server.offer()
        expect(third.request_id == f"ixn-{names[2]}", third)
        await server.accept(third)
        for offer in (third, offers[1]):
            await server.end(offer)


async def message(world: World, steps: Steps) -> None:
    """An application sends a message and asks what became of it. Raises CheckFailed."""
    control = HttpClient(world.ctx, "orchestration", "control")
    async with _messenger(world) as digital:
        with steps.step("an application sends a message through the digital channels"):
            asked = {"src": world.ctx.url("designer") + MESSENGER, "to": CHECK_CUSTOMERS[0]}
            sid = (await control.post("/scxml/session/start", asked))["session"]
            try:
                outcome = await control.get(f"/scxml/session/{sid}/request/send")
            finally:
                await control.post(f"/scxml/session/{sid}/terminate", {})
            expect(outcome == "delivered", f"{outcome}; {digital.url} must be the digital channels' address")
            sent = Message("sms", CHECK_CUSTOMERS[0], "We have tried to reach you")
            expect(list(digital.messages.values()) == [sent], digital.messages)
            expect(digital.asked == list(digital.messages) and not digital.violations, digital.violations)


@asynccontextmanager
async def _messenger(world: World) -> AsyncIterator[DigitalForTests]:
    """The channels and the application, for as long as the block runs."""
    digital, designer = DigitalForTests(), HttpClient(world.ctx, "designer")
    await digital.start(world.host, CHECK_DIGITAL_PORT)
    try:
        await designer.request("PUT", MESSENGER, _APPLICATION)
        yield digital
    finally:
        await designer.request("DELETE", MESSENGER)
        await digital.stop()


def _waits(seen: InteractionStatus) -> bool:
    return (seen.state, seen.position) == ("waiting", 1)
