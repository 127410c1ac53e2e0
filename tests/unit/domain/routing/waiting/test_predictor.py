"""What must hold of every prediction, whatever has happened before it."""

from __future__ import annotations

import itertools
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.domain.routing.waiting import Floor, Prediction, Predictor, Promise, Unknown
from ringback.domain.routing.waiting.blend import Blend
from ringback.domain.routing.waiting.spread import ENOUGH, Spread

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["arrive", "serve", "abandon", "finish"]),
        st.sampled_from([("A", 0), ("A", 5), ("B", 0)]),
        st.one_of(st.floats(0, 200), st.sampled_from([0.0, -1e7, 1e7])),
        st.integers(0, 7),
    ),
    min_size=60,
    max_size=250,
)
"""What happens, in which line, how many seconds after the last (a clock may step by months), and to whom."""


class Life:
    """A floor on which things happen in an order that makes sense, at times that may not."""

    def __init__(self) -> None:
        self.predictor = Predictor(Floor())
        self.promises: dict[int, Promise] = {}
        self.now = 1.7e9
        self.calls = 0

    def step(self, what: str, where: tuple[str, int], after: float, who: int) -> None:
        self.now += after
        floor = self.predictor.floor
        line = floor.line(*where)
        if what == "arrive":
            self.calls += 1
            floor.arrive(*where, self.now)
            self.promises[self.calls] = self.predictor.promise(line, self.now, servers=who or None)
            floor.enter(self.calls, line, self.now)
        elif what == "finish":
            server = floor.servers.get(f"s{who}")
            if server and server.call is not None:
                floor.finish(f"s{who}", server.call, self.now)
        elif line.waiting:
            call = next(iter(line.waiting))
            assert isinstance(call, int)
            entry = floor.leave(call, self.now, served=what == "serve")
            assert entry is not None
            promise = self.promises.pop(call)
            if what == "serve":
                floor.serve(f"s{who}", call, line, self.now, waited=True)
                self.predictor.learn(promise, self.now - entry.since)


@settings(max_examples=60, deadline=None)
@given(STEPS, st.integers(0, 1000), st.floats(0.1, 3))
def test_a_prediction_is_ordered_grows_with_the_position_and_is_finite(
    steps: list[tuple[str, tuple[str, int], float, int]], seed: int, spread: float
) -> None:
    life, source = Life(), Random(seed)
    for _ in range(140):
        line = life.predictor.floor.line("A", source.choice((0, 5)))
        promise = life.predictor.promise(line, life.now, source.randrange(30), 3)
        life.predictor.learn(promise, source.lognormvariate(4, spread))
    for each in steps:
        life.step(*each)
    for where in (("A", 0), ("A", 5), ("B", 0)):
        line = life.predictor.floor.line(*where)
        told = [life.predictor.at(line, life.now, ahead, 3) for ahead in (0, 1, 2, 5, 10, 40, 1000)]
        assert len({type(each) for each in told}) == 1
        known = [each for each in told if isinstance(each, Prediction)]
        assert known or where[0] == "B"
        for each in known:
            assert 0 < each.p50 <= each.p90 < 1e12
            assert each.expected > 0
        for nearer, farther in itertools.pairwise(known):
            assert nearer.expected <= farther.expected
            assert nearer.p50 <= farther.p50 * (1 + 1e-9)
            assert nearer.p90 <= farther.p90 * (1 + 1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, ENOUGH - 1))
def test_nothing_is_told_before_enough_have_been_served(outcomes: int) -> None:
    predictor = Predictor(Floor())
    line = predictor.floor.line("A", 0)
    for _ in range(outcomes):
        predictor.learn(predictor.promise(line, 0.0), 60.0)
    assert predictor.at(line, 0.0, 3) == Unknown("no_interactions")


def test_a_clock_that_is_set_by_a_year_does_not_spoil_what_was_learned() -> None:
    predictor = Predictor(Floor())
    line = predictor.floor.line("A", 0)
    for _ in range(500):
        predictor.learn(predictor.promise(line, 0.0, 4, 2), 100.0)
    before = predictor.promise(line, 0.0, 4, 2).expected
    for waited in (3e7, -3e7):
        predictor.learn(predictor.promise(line, 0.0, 4, 2), waited)
    for _ in range(100):
        predictor.learn(predictor.promise(line, 0.0, 4, 2), 100.0)
    assert 0.7 * before < predictor.promise(line, 0.0, 4, 2).expected < 1.4 * before


@given(
    st.lists(st.tuples(st.floats(0.5, 5000), st.floats(0, 50_000)), min_size=ENOUGH, max_size=400),
    st.lists(st.floats(0.5, 1e6), min_size=2, max_size=20),
)
def test_quantiles_never_fall_as_the_prediction_grows(
    outcomes: list[tuple[float, float]], asked: list[float]
) -> None:
    spread = Spread()
    for expected, outcome in outcomes:
        spread.learn(expected, None, outcome)
    told = [spread.quantiles(expected) for expected in sorted(asked)]
    found = [each for each in told if each is not None]
    assert len(found) == len(told)
    for nearer, farther in itertools.pairwise(found):
        assert nearer[0] <= farther[0] * (1 + 1e-9)
        assert nearer[1] <= farther[1] * (1 + 1e-9)
    assert all(p50 <= p90 for p50, p90 in found)


class TestBlend:
    def test_a_rich_estimate_that_adds_only_noise_is_not_told(self) -> None:
        source, blend = Random(1), Blend()
        for _ in range(3000):
            simple = source.uniform(20, 300)
            rich = simple * source.uniform(0.9, 1.1)
            blend.learn(simple, blend.righted(simple), rich, simple * source.expovariate(1), 15.0)
        assert blend.share < 0.3
        assert 0.95 < blend.righted(100.0) / 100.0 < 1.05

    def test_one_that_knows_better_is(self) -> None:
        source, blend = Random(1), Blend()
        for _ in range(3000):
            rich = source.uniform(20, 300)
            simple = rich * source.uniform(0.5, 2.0)
            blend.learn(simple, blend.righted(simple), rich, rich * source.gammavariate(9, 1 / 9), 15.0)
        assert blend.share > 0.9
        assert blend.between(100.0, 200.0) > 185.0

    def test_the_simple_one_is_put_right(self) -> None:
        blend = Blend()
        for _ in range(500):
            blend.learn(100.0, blend.righted(100.0), 100.0, 150.0, 15.0)
        assert 140 < blend.righted(100.0) <= 150
