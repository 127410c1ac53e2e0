"""Chats beside calls: a foreign interaction server, played by the check, shares the agent by the rule."""

from __future__ import annotations

from ringback.contracts.interactions import InteractionStatus
from ringback.testing.check_report import Steps, expect
from ringback.testing.check_world import World, until
from ringback.testing.demo_tenant import TENANT
from ringback.testing.interaction_server import InteractionServer

AGENT, QUEUE = "check-1", "VQ_Check"


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


def _waits(seen: InteractionStatus) -> bool:
    return (seen.state, seen.position) == ("waiting", 1)
