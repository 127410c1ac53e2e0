"""The tables themselves: what must hold for every machine, whatever happens to it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.sip.transactions import KINDS, Do, Input, Kind, Machine, State, Timers

TIMERS = Timers()
ALL = list(KINDS.values())
MESSAGES = [item for item in Input if not item.name.startswith("TIMER_")]


def machine(kind: Kind, *, reliable: bool) -> Machine:
    made = Machine(kind, TIMERS.durations(reliable=reliable), TIMERS.t2, [])
    made.begin(0.0)
    return made


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.name)
def test_every_state_but_the_last_can_be_left_and_is_reached(kind: Kind) -> None:
    sources = {state for state, _ in kind.table}
    targets = {state for state, _ in kind.table.values()} | {kind.start}
    assert sources | {State.TERMINATED} == targets


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.name)
def test_every_timer_that_lives_in_a_state_has_an_entry_there(kind: Kind) -> None:
    for state, timers in kind.live.items():
        for timer in timers:
            assert (state, timer) in kind.table


def fire_next(made: Machine, now: float) -> float:
    if not made.timers:
        return now
    timer, due = min(made.timers.items(), key=lambda item: item[1])
    del made.timers[timer]
    made.step(timer, due)
    return due


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ALL), st.booleans(), st.lists(st.sampled_from([*MESSAGES, None]), max_size=25))
def test_no_sequence_of_inputs_leaves_a_machine_without_a_way_to_end(
    kind: Kind, reliable: bool, inputs: list[Input | None]
) -> None:
    made, now = machine(kind, reliable=reliable), 0.0
    for happened in inputs:
        if happened is None:
            now = fire_next(made, now)
        else:
            made.step(happened, now)
    for _ in range(40):
        now = fire_next(made, now)
    assert not made.timers
    # What is left waits for its user or, after a provisional response to an INVITE, for its peer.
    assert made.state in (State.TERMINATED, State.PROCEEDING, State.TRYING)
    if made.state is State.TERMINATED:
        assert not any(made.step(happened, now) for happened in Input)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([Input.PROVISIONAL, Input.SUCCESS, Input.FAILURE]), max_size=10))
def test_a_non_invite_client_delivers_one_final_response(inputs: list[Input]) -> None:
    made = machine(KINDS["client", False], reliable=False)
    finals = 0
    for happened in inputs:
        delivered = Do.DELIVER in made.step(happened, 1.0)
        finals += delivered and happened is not Input.PROVISIONAL
    assert finals == (1 if set(inputs) - {Input.PROVISIONAL} else 0)
