"""Identifiers come from the random source that was given, and from nothing else."""

from itertools import count

from ringback.sip.ids import IdSource, RandomPool


def test_the_same_source_gives_the_same_identifiers() -> None:
    first, second = (IdSource(lambda size: bytes(range(size))) for _ in range(2))
    for make in ("branch", "tag", "call_id", "number"):
        assert getattr(first, make)() == getattr(second, make)()


def test_identifiers_differ_and_have_their_form() -> None:
    numbers = count()
    ids = IdSource(lambda size: next(numbers).to_bytes(size, "big"))
    assert len({ids.tag() for _ in range(100)}) == 100
    assert ids.branch().startswith("z9hG4bK")
    assert ids.call_id("host").endswith("@host")
    assert 0 <= IdSource(lambda size: b"\xff" * size).number() < 2**31


def test_random_bytes_are_asked_for_by_the_page_and_none_is_given_twice() -> None:
    asked: list[int] = []

    def read(count: int) -> bytes:
        asked.append(count)
        return bytes((len(asked) + n) % 251 for n in range(count))

    pool = RandomPool(read)
    first, second = pool(4096 - 8), pool(8)
    assert first + second == bytes((1 + n) % 251 for n in range(4096))
    assert asked == [4096]
    assert pool(16) == bytes((2 + n) % 251 for n in range(16))
    assert len(pool(5000)) == 5000
    assert asked == [4096, 4096, 5000]
