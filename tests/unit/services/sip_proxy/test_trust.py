"""Who may send on the inner face."""

import pytest

from ringback.services.sip_proxy.trust import networks_of, trusted

NETWORKS = networks_of(["10.1.0.0/16", "2001:db8::5"])
NODES = frozenset({"192.0.2.10"})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "192.0.2.10", "10.1.2.3", "2001:db8::5"])
def test_this_machine_the_nodes_and_the_networks_may(host: str) -> None:
    assert trusted(host, NODES, NETWORKS)


@pytest.mark.parametrize("host", ["192.0.2.11", "10.2.0.1", "2001:db8::6"])
def test_everybody_else_may_not(host: str) -> None:
    assert not trusted(host, NODES, NETWORKS)


def test_a_network_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        networks_of(["nonsense"])
