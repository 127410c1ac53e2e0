import pytest

from ringback import topology
from ringback.connections import CONNECTIONS
from ringback.services import REGISTRY


def test_no_two_listeners_share_a_port() -> None:
    ports = [entry.port for entry in topology.LISTENERS]
    assert len(ports) == len(set(ports))


def test_every_service_that_listens_can_be_run() -> None:
    assert set(topology.SERVICES) == set(REGISTRY)


def test_there_are_77_connections_with_ids_of_their_own() -> None:
    ids = [row.id for row in CONNECTIONS]
    assert len(ids) == len(set(ids)) == 77
    assert ids[:17] == [f"ges-{n}" for n in range(1, 18)]
    assert ids[17:] == [f"voice-{n}" for n in range(1, 61)]


def test_a_listener_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(KeyError, match=r"rq\.link"):
        topology.listener("rq", "telnet")
