"""Other media beside calls: the rule holds at the session, whoever is faster."""

import pytest
from msgspec.structs import replace

from ringback.domain.agents import AgentSession, NotAllowed, Policy, State, step
from ringback.domain.agents.session import (
    Answer,
    Keep,
    LeaseExpired,
    Login,
    Logout,
    Release,
    Reserve,
    Ring,
    Take,
    Unreserve,
)

RULE = "voice:1, chat:2 unless voice>=1"


def logged_in(capacity: str = RULE) -> AgentSession:
    login = Login("1001", policy=Policy(capacity=capacity, wrap_up=0.0), ready=True)
    return step(AgentSession("kim"), login, 0.0).session


def take(session: AgentSession, name: str, at: float = 1.0, media: str = "chat") -> AgentSession:
    return step(session, Take(name, f"i-{name}", "Chats", media, 30.0), at).session


def test_chats_are_taken_up_to_the_rule_and_change_no_state() -> None:
    session = take(take(logged_in(), "r1:1"), "r2:1")
    assert (session.state, session.load, session.version) == (State.READY, {"chat": 2}, 3)
    with pytest.raises(NotAllowed):
        take(session, "r3:1")
    assert take(session, "r2:1") == session


def test_no_chat_comes_during_a_call_and_a_call_may_come_beside_chats() -> None:
    session = take(logged_in(), "r1:1")
    session = step(session, Reserve("v:1", "i", "Loans", 10.0), 2.0).session
    assert session.load == {"chat": 1, "voice": 1}
    with pytest.raises(NotAllowed):
        take(session, "r2:1", 3.0)
    session = step(step(session, Ring("c1"), 3.0).session, Answer("c1"), 4.0).session
    session = step(session, Release("c1"), 9.0).session
    assert (session.state, session.load) == (State.READY, {"chat": 1})


def test_a_rule_that_forbids_a_call_beside_a_chat_forbids_it_at_the_session() -> None:
    session = take(logged_in("*:1"), "r1:1")
    assert not session.available
    with pytest.raises(NotAllowed):
        step(session, Reserve("v:1", "i", "Loans", 10.0), 2.0)


@pytest.mark.parametrize("media", ["chat", "email"])
def test_without_a_rule_there_is_voice_and_nothing_else(media: str) -> None:
    with pytest.raises(NotAllowed):
        take(logged_in(""), "r1:1", media=media)


def test_what_nobody_keeps_ends_by_itself() -> None:
    session = take(take(logged_in(), "r1:1"), "r2:1")
    session = step(session, Keep("r1:1", 500.0), 10.0).session
    assert session.due == 31.0
    session = step(session, LeaseExpired(), 31.0).session
    assert (list(session.work), session.due) == (["r1:1"], 510.0)
    assert step(session, LeaseExpired(), 100.0).session == session
    assert step(session, Unreserve("r1:1"), 101.0).session.work == {}


def test_a_logout_ends_all_and_an_agent_who_is_away_takes_nothing() -> None:
    session = take(logged_in(), "r1:1")
    assert step(session, Logout(), 2.0).session.work == {}
    with pytest.raises(NotAllowed):
        take(replace(session, state=State.NOT_READY), "r2:1")
    with pytest.raises(NotAllowed):
        take(replace(session, dnd=True), "r2:1")
