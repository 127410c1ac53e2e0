"""RFC 3263 4.3: a gateway of which nothing is heard is not waited for where there is another."""

import asyncio

from tests.unit.services.sip_proxy.test_forwarding import World

from ringback.domain.configuration import Gateway
from ringback.services.sip_proxy.hops import uri_of


class Hasty(World):
    """A proxy that waits for no time at all."""

    failover_s = 0.0


async def turn() -> None:
    """Let timers without a delay fire."""
    await asyncio.sleep(0.001)


async def test_the_next_gateway_is_tried_and_the_silent_one_is_to_stop() -> None:
    world = Hasty(["first"], ["second"], role="trunk")
    await turn()
    assert list(world.branches) == ["first", "second"]
    assert world.branches["first"].cancelled == [""]
    assert len(world.lost) == 1
    world.branches["second"].says(200)
    assert world.tx.statuses == [200]


async def test_a_gateway_that_has_said_100_keeps_the_call() -> None:
    world = Hasty(["first"], ["second"], role="trunk")
    world.branches["first"].says(100)
    await turn()
    assert list(world.branches) == ["first"]


async def test_the_last_gateway_has_all_the_time_of_its_transaction() -> None:
    world = Hasty(["only"], role="trunk")
    await turn()
    assert world.branches["only"].cancelled == []
    assert world.outcome is None


async def test_what_a_late_gateway_rings_is_not_told_but_its_answer_is() -> None:
    world = Hasty(["first"], ["second"], role="trunk")
    await turn()
    world.branches["first"].says(180)
    assert world.tx.statuses == []
    world.branches["first"].says(200)
    assert world.tx.statuses == [200]


async def test_nodes_are_not_left_so_soon() -> None:
    world = Hasty(["n1"], ["n2"], role="node")
    await turn()
    assert list(world.branches) == ["n1"]


def test_a_gateway_says_what_dns_need_not() -> None:
    assert str(uri_of(Gateway("192.0.2.1"), "+1")) == "sip:+1@192.0.2.1:5060"
    assert str(uri_of(Gateway("2001:db8::1", 5070, "tcp"))) == "sip:[2001:db8::1]:5070;transport=tcp"
    assert str(uri_of(Gateway("c.test", 0, ""), "+1")) == "sip:+1@c.test"
    assert str(uri_of(Gateway("c.test", 0, "tls"), "+1")) == "sip:+1@c.test;transport=tls"
    assert str(uri_of(Gateway("c.test", 0, "udp"), "+1")) == "sip:+1@c.test;transport=udp"
