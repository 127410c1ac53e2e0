"""How services are spread over processes."""

from hypothesis import given
from hypothesis import strategies as st

from ringback.commands.grouping import WEIGHTS, spread
from ringback.services import REGISTRY

SERVICES = tuple(REGISTRY)


@given(st.integers(min_value=1, max_value=40))
def test_every_service_runs_once_and_in_the_registrys_order(processes: int) -> None:
    groups = spread(SERVICES, processes)
    assert [name for group in groups for name in group] == list(SERVICES)
    assert len(groups) == min(processes, len(SERVICES))
    assert all(groups)


def test_one_process_runs_all() -> None:
    assert spread(SERVICES, 1) == [list(SERVICES)]


def test_the_two_heaviest_services_are_apart_in_four_processes() -> None:
    heavy = sorted(WEIGHTS, key=WEIGHTS.__getitem__)[-2:]
    assert not any(set(heavy) <= set(group) for group in spread(SERVICES, 4))
