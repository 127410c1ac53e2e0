"""So many a minute for each key."""

from ringback.services.engagement.selfservice.limits import Limit


def test_so_many_at_once_and_then_one_each_time_the_minute_has_a_share() -> None:
    limit = Limit(6)
    assert [limit.allows("a", 100.0) for _ in range(7)] == [True] * 6 + [False]
    assert limit.allows("b", 100.0), "each key has its own"
    assert not limit.allows("a", 109.0)
    assert limit.allows("a", 111.0)
    assert not limit.allows("a", 111.0)
    assert [limit.allows("a", 1000.0) for _ in range(7)] == [True] * 6 + [False]


def test_none_at_all() -> None:
    assert not Limit(0).allows("a", 100.0)
