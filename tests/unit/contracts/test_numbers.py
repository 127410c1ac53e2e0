"""Numbers that are kept up by their changes, against config's memory of them."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ringback.contracts.configuration import ConfigChange
from ringback.contracts.numbers import NumberChanges, TenantNumbers
from ringback.domain.configuration import DN, Extension, Trunk
from ringback.services.config import store
from ringback.services.config.store import TenantCache

IDS = ("1001", "1002", "carrier")


def written(name: str, round_: int) -> DN:
    if name == "carrier":
        return Trunk(id=name, numbers=(f"+{round_}!",))
    return Extension(id=name, mailbox=str(round_))


def ask(cache: TenantCache, numbers: TenantNumbers) -> NumberChanges:
    return msgspec.json.decode(cache.numbers(numbers.version), type=NumberChanges)


STEPS = st.lists(
    st.tuples(st.sampled_from(["write", "remove", "other", "ask", "fill"]), st.sampled_from(IDS))
)


@given(STEPS)
def test_whoever_asks_for_changes_knows_what_there_is(steps: list[tuple[str, str]]) -> None:
    cache, numbers, there = TenantCache(), TenantNumbers(), dict[str, DN]()
    cache.replace(3, {kind: {} for kind in cache.objects})
    for version, (what, name) in enumerate(steps, 4):
        if what in ("write", "remove"):
            there.pop(name, None)
            if what == "write":
                there[name] = written(name, version)
            body = msgspec.json.encode(there[name]) if name in there else None
            cache.change(ConfigChange("dns", name, version), body)
        elif what == "other":
            cache.change(ConfigChange("skills", "English", version), b"{}")
        elif what == "fill":
            cache.replace(version, cache.objects)
        else:
            numbers.take(ask(cache, numbers))
    numbers.take(ask(cache, numbers))
    assert numbers.all == there
    assert numbers.trunks == {name: dn for name, dn in there.items() if isinstance(dn, Trunk)}
    assert numbers.version == cache.version


def test_a_change_costs_what_it_changes() -> None:
    """Of 20,000 numbers one is told, and read; a trunk is not looked for among them."""
    cache, numbers = TenantCache(), TenantNumbers()
    objects = {kind: dict[str, bytes]() for kind in cache.objects}
    objects["dns"] = {str(each): msgspec.json.encode(Extension(id=str(each))) for each in range(20_000)}
    cache.replace(1, objects)
    numbers.take(ask(cache, numbers))
    before = numbers.all
    cache.change(ConfigChange("dns", "7", 2), msgspec.json.encode(Extension(id="7", mailbox="8500")))
    answer = cache.numbers(1)
    assert len(answer) < 200
    numbers.take(msgspec.json.decode(answer, type=NumberChanges))
    assert numbers.all is before and len(before) == 20_000
    assert before["7"] == Extension(id="7", mailbox="8500")
    assert numbers.trunk_changes == 1  # that of the first reading


def test_whoever_has_missed_too_many_changes_reads_all(monkeypatch) -> None:
    monkeypatch.setattr(store, "_MOST_CHANGES", 2)
    cache = TenantCache()
    cache.replace(1, {kind: {} for kind in cache.objects})
    for version in (2, 3, 4):
        cache.change(ConfigChange("dns", "1001", version), msgspec.json.encode(Extension(id="1001")))
    for since, whole in ((1, True), (2, False), (4, False), (5, True), (-1, True)):
        told = msgspec.json.decode(cache.numbers(since), type=NumberChanges)
        assert (told.whole, told.version) == (whole, 4), since


def test_an_answer_that_was_overtaken_changes_nothing() -> None:
    numbers = TenantNumbers()
    numbers.take(NumberChanges(5, whole=True, dns=[Extension(id="1001")]))
    numbers.take(NumberChanges(7, removed=["1001"]))
    numbers.take(NumberChanges(6, dns=[Extension(id="1001", mailbox="1")]))
    assert (numbers.all, numbers.version) == ({}, 7)
