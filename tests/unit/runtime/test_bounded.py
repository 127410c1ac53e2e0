"""A bounded table keeps what was written last."""

from hypothesis import given
from hypothesis import strategies as st

from ringback.runtime.bounded import Bounded


@given(st.lists(st.integers(0, 9)), st.integers(1, 5))
def test_it_holds_what_was_written_last_the_oldest_first(written: list[int], most: int) -> None:
    table = Bounded[int, str](most)
    for key in written:
        table[key] = str(key)
        assert len(table) <= most
    last = list(dict.fromkeys(reversed(written)))[:most]
    assert list(table.items()) == [(key, str(key)) for key in reversed(last)]


def test_what_is_written_again_puts_nobody_out() -> None:
    table = Bounded[str, int](2)
    table["a"] = table["b"] = table["a"] = 1
    assert list(table) == ["b", "a"]
    assert table.setdefault("a", 2) == 1
    assert table.setdefault("c", 3) == 3
    assert list(table) == ["a", "c"]
