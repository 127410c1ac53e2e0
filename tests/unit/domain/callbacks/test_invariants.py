"""The invariants of all callbacks together: what breaks each is seen, and what does not is not."""

import pytest

from ringback.domain.callbacks import INVARIANTS, Happening, HappeningKind, Watch

NUMBERS = {"a": "+1", "b": "+2", "c": "+3"}


def happening(name: str, kind: str, at: float, **more: object) -> Happening:
    usual: dict[str, object] = {
        "line": "sales 0",
        "number": NUMBERS[name],
        "attempt": 1,
        "arrived_at": {"a": 1.0, "b": 2.0, "c": 3.0}[name],
    }
    found = {**usual, **more}
    return Happening(callback=name, kind=HappeningKind[kind], at=at, **found)  # type: ignore[arg-type]


def broken(*happenings: Happening, margin: float = 0.0) -> list[tuple[str, str]]:
    watch = Watch(margin)
    return [(each.invariant, each.callback) for what in happenings for each in watch.seen(what)]


def test_a_usual_day_breaks_nothing_and_leaves_nothing_behind() -> None:
    watch = Watch(0.0)
    day = [
        happening("a", "WAITING", 10.0),
        happening("b", "WAITING", 10.5),
        happening("a", "RESERVED", 11.0, agent="ann"),
        happening("a", "DIALLING", 11.1, agent="ann"),
        happening("a", "FAILED", 12.0, lives=False, result="BUSY"),
        happening("b", "RESERVED", 12.1, agent="ann"),
        happening("b", "DIALLING", 12.2, agent="ann"),
        happening("b", "CUSTOMER", 13.0),
        happening("b", "CONNECTED", 14.0, agent="ann"),
        happening("a", "WAITING", 20.0, attempt=2),
        happening("a", "RESERVED", 20.1, attempt=2, agent="ann"),
        happening("a", "DIALLING", 20.2, attempt=2, agent="ann"),
        happening("b", "ENDED", 21.0, lives=False),
        happening("a", "CONNECTED", 22.0, attempt=2, agent="ann"),
        happening("a", "ENDED", 23.0, attempt=2, lives=False),
    ]
    assert [watch.seen(what) for what in day] == [[]] * len(day)
    assert len(watch) == 0


BREAKS = {
    "place": [happening("a", "WAITING", 1.0), happening("a", "RESERVED", 2.0, arrived_at=9.0, agent="ann")],
    "overtaken": [
        happening("a", "WAITING", 5.0),
        happening("b", "WAITING", 6.0),
        happening("b", "RESERVED", 7.0, agent="ann"),
        happening("a", "RESERVED", 8.0, agent="bob"),
    ],
    "two_attempts": [happening("a", "WAITING", 1.0), happening("a", "WAITING", 2.0, attempt=2)],
    "dial_without_agent": [happening("a", "WAITING", 1.0), happening("a", "DIALLING", 2.0)],
    "two_dials": [
        happening("a", "DIALLING", 1.0, agent="ann", number="+9"),
        happening("b", "DIALLING", 2.0, agent="bob", number="+9"),
    ],
}


@pytest.mark.parametrize("invariant", INVARIANTS)
def test_what_breaks_an_invariant_is_seen(invariant: str) -> None:
    assert [found for found, _ in broken(*BREAKS[invariant])] == [invariant]


def test_two_dials_for_one_agent_are_seen() -> None:
    dials = [
        happening("a", "DIALLING", 1.0, agent="ann"),
        happening("b", "DIALLING", 2.0, agent="ann"),
        happening("a", "FAILED", 9.0, lives=False),
    ]
    assert broken(*dials) == [("dial_without_agent", "a")]
    # Words that cross within the margin are no violation.
    assert broken(*dials, margin=10.0) == []


def test_a_service_may_dial_without_an_agent_when_it_says_so() -> None:
    assert broken(happening("a", "DIALLING", 1.0, reason="max_queue_wait")) == []


@pytest.mark.parametrize(
    "change",
    [
        {"line": "support 0"},
        {"line": ""},
        {"arrived_at": 0.5},
    ],
)
def test_who_is_no_equal_or_came_first_may_be_first(change: dict[str, object]) -> None:
    assert not broken(
        happening("a", "WAITING", 5.0),
        happening("b", "WAITING", 6.0, **change),
        happening("b", "RESERVED", 7.0, agent="ann", **change),
        happening("a", "RESERVED", 8.0, agent="bob"),
    )


def test_one_whose_agent_did_not_take_it_is_not_compared() -> None:
    assert not broken(
        happening("a", "WAITING", 5.0),
        happening("b", "WAITING", 6.0),
        happening("a", "RESERVED", 7.0, agent="ann"),
        happening("a", "RETURNED", 8.0),
        happening("b", "RESERVED", 9.0, agent="ann"),
        happening("a", "RESERVED", 10.0, agent="bob"),
    )
