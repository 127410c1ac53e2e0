"""The ordered set against a sorted list."""

from hypothesis import given
from hypothesis import strategies as st

from ringback.domain.routing import ordered
from ringback.domain.routing.ordered import OrderedSet

operations = st.lists(st.tuples(st.booleans(), st.integers(0, 60)), max_size=200)


@given(operations)
def test_it_behaves_as_a_sorted_list_without_repeats(steps: list[tuple[bool, int]]) -> None:
    bucket, ordered.BUCKET = ordered.BUCKET, 4
    try:
        subject: OrderedSet[tuple[int]] = OrderedSet()
        model: set[int] = set()
        for adding, number in steps:
            if adding:
                assert subject.add((number,)) == (number not in model)
                model.add(number)
            else:
                assert subject.discard((number,)) == (number in model)
                model.discard(number)
            expected = sorted(model)
            assert [key[0] for key in subject] == expected
            assert len(subject) == len(expected)
            assert subject.first() == ((expected[0],) if expected else None)
            assert subject.rank((number,)) == sum(1 for other in expected if other < number)
            assert ((number,) in subject) == (number in model)
    finally:
        ordered.BUCKET = bucket


def test_a_long_line_in_order_of_arrival_keeps_fullbuckets() -> None:
    subject: OrderedSet[tuple[int]] = OrderedSet()
    for number in range(10_000):
        subject.add((number,))
    assert subject.rank((9_000,)) == 9_000
    assert len(subject.buckets) <= 11
