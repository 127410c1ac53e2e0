"""The compare-and-set of agent sessions on a real Valkey."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from ringback.contracts.events import AgentEvent, agents_stream
from ringback.contracts.reservation import AgentSessions, DnTaken
from ringback.domain.agents import NotAllowed, State, Step
from ringback.domain.agents.session import Happening, Login, Logout, Reserve, Ring, Unreserve
from ringback.runtime.streams import parse_entries
from ringback.runtime.valkey import Argument, Script, Valkey


@pytest.fixture
async def valkey_client(valkey_url: str) -> AsyncIterator[Valkey]:
    client = Valkey(valkey_url)
    await client.start()
    yield client
    await client.stop()


@pytest.fixture
async def sessions(valkey_client: Valkey) -> AgentSessions:
    return AgentSessions(valkey_client, "demo")


async def events(valkey: Valkey) -> list[AgentEvent]:
    rows = await valkey.call("XRANGE", agents_stream("demo"), "-", "+")
    return [entry.json(AgentEvent) for entry in parse_entries("", rows)]


async def reserve(sessions: AgentSessions, agent: str, number: int) -> bool:
    try:
        await sessions.apply(agent, Reserve(f"r{number}", f"i{number}", "Q", 10.0), 5.0)
    except NotAllowed:
        return False
    return True


async def test_of_many_routers_that_want_one_agent_exactly_one_gets_the_agent(
    valkey_url: str, sessions: AgentSessions
) -> None:
    await sessions.apply("kim", Login("1001", ready=True), 1.0)
    rival = Valkey(valkey_url)
    await rival.start()
    both = (sessions, AgentSessions(rival, "demo"))
    won = await asyncio.gather(*(reserve(both[n % 2], "kim", n) for n in range(40)))
    await rival.stop()
    assert sum(won) == 1
    held = await sessions.load("kim")
    assert (held.state, held.interaction) == (State.RESERVED, f"i{won.index(True)}")


async def test_events_are_stored_with_the_change_and_carry_its_version(
    valkey_client: Valkey, sessions: AgentSessions
) -> None:
    await sessions.apply("kim", Login("1001", {"English": 5}, ready=True), 1.0)
    await reserve(sessions, "kim", 1)
    told = [(e.id, e.sequence, e.state) for e in await events(valkey_client)]
    assert told == [
        ("EventAgentLogin", 1, "ready"),
        ("EventAgentReady", 1, "ready"),
        ("EventAgentReserved", 2, "reserved"),
    ]
    assert (await events(valkey_client))[0].extensions["Skills"] == {"English": 5}


async def test_what_changes_nothing_is_not_told(valkey_client: Valkey, sessions: AgentSessions) -> None:
    await sessions.apply("kim", Login("1001", ready=True), 1.0)
    await sessions.apply("kim", Unreserve("another"), 2.0)
    assert len(await events(valkey_client)) == 2


async def test_a_lease_is_due_when_it_ends_and_not_before(sessions: AgentSessions) -> None:
    await sessions.apply("kim", Login("1001", ready=True), 1.0)
    await reserve(sessions, "kim", 1)
    assert await sessions.due(14.9) == []
    assert await sessions.due(15.0) == ["kim"]
    await sessions.apply("kim", Unreserve("r1"), 6.0)
    assert await sessions.due(99.0) == []


async def test_many_steps_at_once_are_each_what_they_are_alone(
    valkey_client: Valkey, sessions: AgentSessions
) -> None:
    for number, agent in enumerate(("kim", "lee", "max")):
        await sessions.apply(agent, Login(f"100{number}", ready=agent != "lee"), 1.0)
    reserving: list[tuple[str, Happening]] = [
        ("kim", Reserve("r1", "i1", "Q", 10.0)),
        ("lee", Reserve("r2", "i2", "Q", 10.0)),
        ("kim", Reserve("r3", "i3", "Q", 10.0)),
        ("max", Reserve("r4", "i4", "Q", 10.0)),
        ("max", Unreserve("another")),
    ]
    done = await sessions.apply_all(reserving, 5.0)
    assert [type(each) for each in done] == [Step, NotAllowed, NotAllowed, Step, Step]
    held = [(await sessions.load(name)).interaction for name in ("kim", "lee", "max")]
    assert held == ["i1", "", "i4"]
    assert await sessions.due(15.0) == ["kim", "max"]
    told = [(e.agent_id, e.id, e.sequence) for e in await events(valkey_client)][-2:]
    assert told == [("kim", "EventAgentReserved", 2), ("max", "EventAgentReserved", 2)]
    taken = await sessions.apply_all([("new", Login("1000"))], 6.0)
    assert [type(each) for each in taken] == [DnTaken]


async def test_a_phone_has_one_agent_at_a_time(sessions: AgentSessions) -> None:
    await sessions.apply("kim", Login("1001"), 1.0)
    with pytest.raises(DnTaken):
        await sessions.apply("lee", Login("1001"), 2.0)
    await sessions.apply("kim", Logout(), 3.0)
    await sessions.apply("lee", Login("1001"), 4.0)
    assert await sessions.at_dn("1001") == "lee"
    assert [one.agent_id for one in await sessions.all() if one.dn] == ["lee"]


async def test_who_remembers_a_session_steps_from_what_others_have_stored(
    valkey_client: Valkey, sessions: AgentSessions
) -> None:
    remembering = AgentSessions(valkey_client, "demo", remember=True)
    await remembering.apply("kim", Login("1001", ready=True), 1.0)
    assert await reserve(sessions, "kim", 1)  # behind its back
    assert not await reserve(remembering, "kim", 2), "allowed by memory, not by what is stored"
    await remembering.apply("kim", Unreserve("r1"), 6.0)
    assert (await sessions.load("kim")).state is State.READY
    assert await reserve(sessions, "kim", 3)
    # In memory the agent is ready, and nothing would come of it.
    outcome = await remembering.apply("kim", Unreserve("r3"), 7.0)
    assert outcome.events
    assert await reserve(sessions, "kim", 4)
    await sessions.apply("kim", Unreserve("r4"), 8.0)
    # In memory the same state at an older version.
    assert await reserve(remembering, "kim", 5)
    with pytest.raises(NotAllowed):
        await remembering.apply("kim", Reserve("r6", "i6", "Q", 10.0), 9.0)
    assert [event.sequence for event in await events(valkey_client)] == sorted(
        event.sequence for event in await events(valkey_client)
    )


async def test_a_step_from_memory_is_one_command(valkey_client: Valkey) -> None:
    sent: list[str] = []

    class Counting:
        async def call(self, *command: Argument) -> Any:
            sent.append(str(command[0]))
            return await valkey_client.call(*command)

        async def script(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Any:
            sent.append("script")
            return await valkey_client.script(script, keys, args)

    remembering = AgentSessions(Counting(), "demo", remember=True)
    await remembering.apply("kim", Login("1001", ready=True), 1.0)
    assert sent == ["GET", "script"]
    assert await reserve(remembering, "kim", 1)
    assert sent == ["GET", "script", "script"]
    # Who rings was reserved by somebody else: memory would be wrong, and a script in vain.
    await remembering.apply("kim", Ring("00aa"), 6.0)
    assert sent == ["GET", "script", "script", "GET", "script"]
