"""Each 503 has a reason that an operator sees, once per burst in the log."""

from ringback.services.sip_proxy.admission import Admission, Limits
from ringback.services.sip_proxy.refusals import Bursts, Why

LIMITS = Limits(per_second=1.0, burst=3, calls=2, calls_total=3, max_call_s=100.0)


def test_a_burst_is_told_once_when_it_begins_and_once_when_it_is_over() -> None:
    bursts = Bursts()
    assert [bursts.note(Why.OVERLOAD, at) for at in (0.0, 1.0, 9.0)] == [True, False, False]
    assert bursts.note(Why.NO_NODE, 9.0), "another reason is another burst"
    assert bursts.over(18.9) == []
    told = {burst.why: (burst.count, burst.last - burst.began) for burst in bursts.over(19.0)}
    assert told == {Why.OVERLOAD: (3, 9.0), Why.NO_NODE: (1, 0.0)}
    assert bursts.over(100.0) == []
    assert bursts.note(Why.OVERLOAD, 100.0)


def test_a_burst_without_end_is_told_again_each_minute() -> None:
    bursts = Bursts()
    told = []
    for second in range(180):
        bursts.note(Why.SOURCE_RATE, float(second))
        told += bursts.over(float(second))
    assert [burst.count for burst in told] == [61, 61]


def test_admission_says_which_limit_it_was() -> None:
    admission = Admission(LIMITS)
    for call in "ab":
        assert admission.admit("a", call, 0.0) == 0
    assert (admission.admit("a", "c", 0.0), admission.why("a")) == (5, Why.SOURCE_CALLS)
    assert admission.admit("b", "d", 0.0) == 0
    assert (admission.admit("c", "e", 0.0), admission.why("c")) == (5, Why.ALL_CALLS)
    admission.closed = True
    assert (admission.admit("c", "e", 0.0), admission.why("c")) == (10, Why.DRAINING)
    rated = Admission(Limits(per_second=1.0, burst=1, calls=9, calls_total=9, max_call_s=100.0))
    assert rated.admit("a", "a", 0.0) == 0
    assert (rated.admit("a", "b", 0.0), rated.why("a")) == (1, Why.SOURCE_RATE)
