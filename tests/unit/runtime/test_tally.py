from prometheus_client import CollectorRegistry

from ringback.runtime.tally import Durations


def test_durations_are_told_as_a_summary_also_when_the_block_fails() -> None:
    registry = CollectorRegistry()
    took = Durations("took_seconds", "text", registry=registry)
    assert registry.get_sample_value("took_seconds_count") == 0.0
    try:
        with took.time():
            raise KeyError
    except KeyError:
        took.observe(2.0)
    assert registry.get_sample_value("took_seconds_count") == 2.0
    assert 2.0 < (registry.get_sample_value("took_seconds_sum") or 0.0) < 3.0
