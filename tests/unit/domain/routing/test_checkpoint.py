"""A router can be put down and taken up again at any moment: it decides as if nothing had been."""

import msgspec
import pytest
from tests.unit.domain.routing.test_log import a_day

from ringback.domain.routing.checkpoint import Checkpoint, restore, take
from ringback.domain.routing.log import Began, DecisionLogError, Entry, begin, encode, replay
from ringback.domain.routing.packing import pack, unpack
from ringback.domain.routing.skills import parse_target

decode = msgspec.json.Decoder(Began | Entry | Checkpoint).decode


def with_checkpoints(lines: list[bytes], every: int) -> list[bytes]:
    """The same log with a checkpoint after every so many turns."""
    began = decode(lines[0])
    assert isinstance(began, Began)
    router, written = begin(began), [lines[0]]
    for number, line in enumerate(lines[1:], 1):
        entry = decode(line)
        assert isinstance(entry, Entry)
        written.append(line)
        outputs = router.handle(entry.event, entry.at) if entry.event else router.handle_timer(entry.at)
        assert outputs == entry.decisions
        if number % every == 0:
            written.append(encode(take(router, entry.at)))
    return written


@pytest.mark.parametrize("seed", range(6))
def test_a_replay_from_any_checkpoint_decides_the_same(seed: int) -> None:
    lines = with_checkpoints(a_day(seed, 900), 75)
    places = [at for at, line in enumerate(lines) if isinstance(decode(line), Checkpoint)]
    assert len(places) == 12
    for at in places[:-1]:
        found = replay(lines[at - 3 :])
        assert (found.skipped, found.differences) == (3, [])
        assert found.resumed is not None and found.beginnings == 0


@pytest.mark.parametrize("seed", range(3))
def test_a_router_made_from_a_checkpoint_gives_the_same_checkpoint(seed: int) -> None:
    lines = with_checkpoints(a_day(seed, 300), 50)
    for kept in (record for line in lines if isinstance(record := decode(line), Checkpoint)):
        assert take(restore(kept), kept.at) == kept


def test_a_whole_log_is_replayed_from_its_beginning_and_its_checkpoints_are_counted() -> None:
    found = replay(with_checkpoints(a_day(3, 200), 100))
    assert (found.beginnings, found.checkpoints, found.resumed, found.differences) == (1, 2, None, [])


@pytest.mark.parametrize(
    "text", ["?:English>=5&(Loans=2|Sales>3)", "?:", "kim.A", "Sales.GA", "Desk7.AP", "Loans.Q", "Bank.GQ"]
)
def test_an_expression_survives_being_packed(text: str) -> None:
    expression = parse_target(text)
    assert unpack(msgspec.json.decode(msgspec.json.encode(pack(expression)))) == expression


@pytest.mark.parametrize(
    "damage", [b'"indexes":[[0', b'"indexes":[{"expression":["fire"],"media":"voice"}],"x":[']
)
def test_a_damaged_checkpoint_is_refused_with_its_line(damage: bytes) -> None:
    lines = with_checkpoints(a_day(1, 100), 50)
    at = next(n for n, line in enumerate(lines) if isinstance(decode(line), Checkpoint))
    head, _, tail = lines[at].partition(b'"indexes":[')
    with pytest.raises(DecisionLogError, match="line 1: "):
        replay([head + damage + tail])
