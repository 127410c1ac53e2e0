from hypothesis import given
from hypothesis import strategies as st

from ringback.domain.callbacks import DialResult, RetryPolicy
from ringback.domain.campaigns.attempts import (
    MOST_FAULTS,
    Effort,
    Heard,
    Progress,
    Stage,
    Word,
    after,
    heard,
)

POLICY = RetryPolicy(3, 60.0, delays={DialResult.BUSY: 5.0})


def played(*words: Heard) -> Progress:
    progress = Progress()
    for word in words:
        progress = heard(progress, word)
    return progress


def test_a_customer_who_talks_to_an_agent_was_connected() -> None:
    ended = played(
        Heard(Word.ANSWERED, 1.0), Heard(Word.CONNECTED, 2.0, agent="kim"), Heard(Word.DELETED, 9.0)
    )
    assert ended == Progress(Stage.OVER, DialResult.CONNECTED, "", "kim", 1.0, 2.0, 9.0)
    assert not ended.abandoned


def test_a_customer_whom_nobody_spoke_to_was_abandoned() -> None:
    ended = played(Heard(Word.ANSWERED, 1.0), Heard(Word.DELETED, 3.0))
    assert (ended.result, ended.reason, ended.abandoned) == (DialResult.PERSON, "abandoned", True)


def test_a_dial_that_failed_has_the_result_of_the_line() -> None:
    ended = played(Heard(Word.FAILED, 4.0, DialResult.BUSY, "busy"), Heard(Word.DELETED, 5.0))
    assert (ended.result, ended.reason, ended.ended_at) == (DialResult.BUSY, "busy", 4.0)


def test_a_call_that_vanishes_before_anybody_answers_is_unknown() -> None:
    assert played(Heard(Word.DELETED, 4.0)).result is DialResult.UNKNOWN


WORDS = st.builds(Heard, st.sampled_from(Word), st.floats(1, 9), st.sampled_from(DialResult))


@given(st.lists(WORDS, max_size=8))
def test_an_attempt_that_is_over_never_changes(words: list[Heard]) -> None:
    progress = Progress()
    for word in words:
        before, progress = progress, heard(progress, word)
        if before.stage is Stage.OVER:
            assert progress == before
        assert (progress.stage is Stage.OVER) == (progress.result is not None)


def test_a_record_that_an_agent_gives_back_has_no_result() -> None:
    offered = Progress(Stage.OFFERED, agent="kim")
    rejected = heard(offered, Heard(Word.RETURNED, 5.0, reason="rejected"))
    assert rejected == Progress(Stage.OVER, None, "rejected", "kim", ended_at=5.0)
    taken = heard(offered, Heard(Word.TAKEN, 5.0))
    away = heard(taken, Heard(Word.FAILED, 9.0, DialResult.NO_ANSWER, "no_answer"))
    assert (away.stage, away.result, away.reason) == (Stage.OVER, None, "no_answer")
    silent = heard(taken, Heard(Word.FAILED, 9.0, DialResult.UNKNOWN, "no-word"))
    assert (silent.stage, silent.result) == (Stage.OVER, DialResult.UNKNOWN)


def test_a_customer_whom_an_agent_dials_is_connected_with_that_agent() -> None:
    progress = Progress(Stage.OFFERED, agent="kim")
    for word in (Word.TAKEN, Word.DIALLED, Word.CONNECTED, Word.DELETED):
        progress = heard(progress, Heard(word, 5.0))
    assert (progress.result, progress.agent) == (DialResult.CONNECTED, "kim")


@given(st.lists(WORDS, max_size=8))
def test_words_said_twice_count_once(words: list[Heard]) -> None:
    twice = [word for word in words for _ in range(2)]
    assert played(*twice) == played(*words)


def test_what_follows_depends_on_the_result() -> None:
    assert after(Effort(), DialResult.BUSY, POLICY, 100.0) == (Effort(1), 105.0)
    assert after(Effort(1), DialResult.NO_ANSWER, POLICY, 100.0) == (Effort(2), 160.0)
    assert after(Effort(2), DialResult.BUSY, POLICY, 100.0) == (Effort(3), None)
    for final in (DialResult.CONNECTED, DialResult.PERSON, DialResult.ERROR_TONE):
        assert after(Effort(), final, POLICY, 100.0)[1] is None


def test_a_fault_of_ours_costs_the_customer_no_dial_but_is_not_repeated_for_ever() -> None:
    effort, due, times = Effort(), 0.0, 0
    next_: float | None = due
    while next_ is not None:
        effort, next_ = after(effort, DialResult.CREATE_CALL_ERROR, POLICY, due)
        times += 1
    assert (times, effort.dials) == (MOST_FAULTS, 0)
    assert after(Effort(0, 3), DialResult.BUSY, POLICY, 0.0)[0] == Effort(1)
