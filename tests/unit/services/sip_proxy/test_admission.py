"""Admission control on a movable clock."""

from collections import OrderedDict
from typing import Any

import pytest

from ringback.services.sip_proxy import admission as module
from ringback.services.sip_proxy.admission import Admission, Limits, RateLimit
from ringback.services.sip_proxy.refusals import Why

LIMITS = Limits(per_second=2.0, burst=3, calls=4, calls_total=6, max_call_s=100.0)


def admitted(admission: Admission, source: str, numbers: range, now: float) -> int:
    return sum(admission.admit(source, f"{source}-{number}", now) == 0 for number in numbers)


def test_a_burst_is_let_in_and_then_the_rate() -> None:
    admission = Admission(LIMITS)
    assert admitted(admission, "a", range(10), 0.0) == 3
    assert admission.admit("a", "later", 0.1) == 1
    assert admission.admit("a", "later", 0.5) == 0


def test_one_source_does_not_use_up_what_another_may() -> None:
    admission = Admission(LIMITS)
    assert admitted(admission, "a", range(10), 0.0) == 3
    assert admitted(admission, "b", range(10), 0.0) == 3
    assert admitted(admission, "c", range(10), 0.0) == 0


def test_calls_at_a_time_are_limited_until_they_end() -> None:
    admission = Admission(LIMITS)
    assert admitted(admission, "a", range(3), 0.0) == 3
    assert admitted(admission, "a", range(3, 6), 10.0) == 1
    assert admission.admit("a", "more", 20.0) == 5
    admission.ended("a-0")
    assert admission.admit("a", "more", 20.0) == 0


def test_the_same_call_counts_once() -> None:
    admission = Admission(LIMITS)
    assert {admission.admit("a", "one", 0.0) for _ in range(20)} == {0}
    assert admission.calls == 1
    admission.ended("one")
    admission.ended("one")
    assert admission.calls == 0


def test_a_call_whose_end_was_never_seen_is_forgotten() -> None:
    admission = Admission(LIMITS)
    assert admitted(admission, "a", range(3), 0.0) == 3
    assert admission.admit("a", "new", 101.0) == 0
    assert admission.calls == 1


def test_a_draining_proxy_admits_nobody_new() -> None:
    admission = Admission(LIMITS)
    assert admission.admit("a", "old", 0.0) == 0
    admission.closed = True
    assert admission.admit("a", "new", 1.0) == 10
    assert admission.admit("a", "old", 1.0) == 0


def test_many_sources_do_not_fill_the_memory() -> None:
    limit = RateLimit(1.0, 2.0)
    for number in range(25_000):
        limit.wait(str(number), number * 0.001)
    assert len(limit._buckets) <= 10_001


class TestTenants:
    """What one tenant may have from all sources together."""

    LIMITS = Limits(
        per_second=100,
        burst=100,
        calls=99,
        calls_total=99,
        max_call_s=100,
        tenant_per_second=2,
        tenant_calls=3,
    )

    @staticmethod
    def let_in(admission: Admission, tenant: str, call_id: str, now: float) -> int:
        assert admission.admit(call_id, call_id, now) == 0
        wait = admission.admit_tenant(tenant, call_id, now)
        if wait:
            admission.ended(call_id)
        return wait

    def test_its_rate_is_its_own(self) -> None:
        admission = Admission(self.LIMITS)
        assert [self.let_in(admission, "a", f"a{number}", 0.0) for number in range(3)] == [0, 0, 1]
        assert self.let_in(admission, "b", "b1", 0.0) == 0
        assert self.let_in(admission, "a", "a9", 0.6) == 0

    def test_its_calls_count_until_they_end_and_the_same_call_once(self) -> None:
        admission = Admission(self.LIMITS)
        assert [self.let_in(admission, "a", f"a{number}", number) for number in range(4)] == [0, 0, 0, 5]
        assert admission.admit_tenant("a", "a0", 9.0) == 0
        assert admission.calls == 3
        admission.ended("a0")
        assert self.let_in(admission, "a", "a9", 9.0) == 0


class Looked(OrderedDict[str, Any]):
    """A table that counts how often it is looked through."""

    times = 0

    def items(self) -> Any:
        Looked.times += 1
        return super().items()


def test_where_the_table_is_full_of_busy_sources_it_is_searched_once_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A flood from made-up addresses costs no more for each because there were many."""
    monkeypatch.setattr(module, "_MAX_SOURCES", 100)
    limit = RateLimit(per_second=0.1, burst=1.0)
    limit._buckets, Looked.times = Looked(), 0
    for number in range(1000):
        assert limit.wait(f"192.0.2.{number}", number / 500) == 0.0
    assert len(limit._buckets) == 100
    assert Looked.times == 2
    assert limit.wait("192.0.2.999", 2.0) > 9.0


def test_what_has_no_place_says_why() -> None:
    admission = Admission(Limits(per_second=100.0, burst=100, calls=2, calls_total=3, max_call_s=100.0))
    assert (admission.admit("a", "1", 0.0), admission.admit("a", "2", 0.0)) == (0, 0)
    assert (admission.admit("a", "3", 0.0), admission.why("a")) == (5, Why.SOURCE_CALLS)
    assert admission.admit("b", "3", 0.0) == 0
    assert (admission.admit("b", "4", 0.0), admission.why("b")) == (5, Why.ALL_CALLS)
    admission.closed = True
    assert (admission.admit("b", "4", 0.0), admission.why("b")) == (10, Why.DRAINING)
