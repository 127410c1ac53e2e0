"""The order of bindings (RFC 3261 16.6, RFC 5626 7)."""

from ringback.contracts.sip import Binding
from ringback.services.sip_proxy.fork import target_sets


def names(*bindings: Binding) -> list[list[str]]:
    return [[item.contact for item in group] for group in target_sets(bindings)]


def binding(contact: str, q: float = 1.0, at: float = 0.0, instance: str = "") -> Binding:
    return Binding(contact=contact, expires_at=at, q=q, instance=instance)


def test_a_higher_q_comes_first_and_equal_ones_together() -> None:
    sets = names(binding("c", 0.3), binding("a", 0.7), binding("b", 0.7), binding("d", 0.0))
    assert sets == [["a", "b"], ["c"], ["d"]]


def test_one_phone_is_tried_on_its_newest_flow_first() -> None:
    sets = names(
        binding("old", at=1, instance="x"), binding("new", at=2, instance="x"), binding("other", at=1)
    )
    assert [set(group) for group in sets] == [{"new", "other"}, {"old"}]


def test_nobody_is_nothing() -> None:
    assert names() == []
