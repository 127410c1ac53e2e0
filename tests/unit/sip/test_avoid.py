"""RFC 3263 4.3: an address that has failed is not the first that is tried, for a while."""

from ringback.sip.avoid import Avoided
from ringback.sip.transport import Destination

A, B = Destination("udp", "192.0.2.1", 5060), Destination("udp", "192.0.2.2", 5060)


def test_what_failed_comes_last_and_first_again_when_its_time_is_over() -> None:
    avoided = Avoided(10.0, 80.0)
    avoided.failed(A, now=100.0)
    assert avoided.order([A, B], 105.0) == [B, A]
    assert avoided.order([A, B], 110.0) == [A, B]


def test_the_time_doubles_with_each_failure_in_a_row_up_to_a_limit() -> None:
    avoided = Avoided(10.0, 25.0)
    now = 0.0
    pauses = []
    for _ in range(3):
        avoided.failed(A, now)
        began = now
        while avoided.is_avoided(A, now):
            now += 1.0
        pauses.append(now - began)
    assert pauses == [10.0, 20.0, 25.0]
    avoided.worked(A)
    avoided.failed(A, now)
    assert not avoided.is_avoided(A, now + 10.0)


def test_failures_at_the_same_moment_count_once() -> None:
    avoided = Avoided(10.0, 80.0)
    for _ in range(50):
        avoided.failed(A, 1.0)
    assert not avoided.is_avoided(A, 11.0)


def test_rfc3261_21_5_4_retry_after_of_a_503_is_kept() -> None:
    avoided = Avoided(10.0, 80.0)
    avoided.failed(A, 0.0, retry_after_s=60.0)
    assert avoided.is_avoided(A, 59.0)
    avoided.failed(B, 0.0, retry_after_s=1e9)
    assert not avoided.is_avoided(B, 81.0)


def test_the_memory_is_bounded() -> None:
    avoided = Avoided()
    for port in range(5000):
        avoided.failed(Destination("udp", "192.0.2.1", port), 0.0)
    assert len(avoided) <= 4096
