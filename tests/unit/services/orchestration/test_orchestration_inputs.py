"""Each input of a session is had once, whichever way it comes, and however often."""

from ringback.services.orchestration.inputs import Inputs, settle
from ringback.services.orchestration.records import Input
from ringback.services.orchestration.store import Had

ENTRY = Input(terminate=True)


async def test_offers_are_taken_only_while_the_session_takes_them() -> None:
    inputs = Inputs(None)
    assert inputs.offer(ENTRY, "a", 0.0) is None
    inputs.open = True
    first, second = inputs.offer(ENTRY, "a", 0.0), inputs.offer(ENTRY, "b", 0.0)
    assert first is not None and second is not None
    settle(inputs.take()[:1], True)
    assert (first.result(), second.done()) == (True, False)


async def test_offers_that_the_session_could_not_store_are_given_back() -> None:
    inputs = Inputs(None)
    inputs.open = True
    offered = inputs.offer(ENTRY, "a", 0.0)
    inputs.refuse()
    assert offered is not None and offered.result() is False
    assert inputs.offer(ENTRY, "b", 0.0) is None


def test_an_offer_that_comes_again_is_not_new() -> None:
    inputs = Inputs(None)
    assert [inputs.is_new(key) for key in ("a", "b", "a", "", "")] == [True, True, False, True, True]
    assert inputs.unstored == ["a", "b"]


def test_what_an_offer_has_brought_is_passed_over_in_the_inbox() -> None:
    inputs = Inputs(None)
    assert inputs.is_new("a")
    assert [inputs.is_new_in_inbox(key) for key in ("a", "b", "")] == [False, True, True]
    assert not inputs.is_new("b")


def test_after_a_restart_the_inbox_is_read_and_offers_it_holds_are_not_new() -> None:
    inputs = Inputs(Had(fed={"offered"}, delivered={"waits in the inbox"}))
    assert inputs.is_new_in_inbox("waits in the inbox")
    assert not inputs.is_new_in_inbox("offered")
    assert not inputs.is_new("waits in the inbox")
