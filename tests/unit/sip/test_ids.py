"""Identifiers come from the random source that was given, and from nothing else."""

from itertools import count

from ringback.sip.ids import IdSource


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
