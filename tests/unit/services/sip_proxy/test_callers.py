"""Which trunk an address belongs to."""

from ringback.domain.configuration import Extension, Gateway, RoutePoint, Trunk
from ringback.services.sip_proxy.callers import Numbers

NUMBERS = Numbers(
    [
        Extension(id="1001"),
        RoutePoint(id="8000", script="s"),
        Trunk(id="first", addresses=("127.0.0.0/8", "nonsense"), gateways=(Gateway("127.0.0.1", 5090),)),
        Trunk(id="second", addresses=("127.0.0.0/8",), gateways=(Gateway("127.0.0.1", 5091),)),
        Trunk(id="six", addresses=("2001:db8::/32",)),
    ]
)


def trunk_at(host: str, port: int = 5060) -> str | None:
    found = NUMBERS.trunk_at(host, port)
    return found.id if found else None


def test_only_phones_are_extensions() -> None:
    assert set(NUMBERS.extensions) == {"1001"}


def test_a_network_takes_every_address_in_it() -> None:
    assert trunk_at("127.9.9.9") == "first"
    assert trunk_at("2001:db8::5") == "six"
    assert trunk_at("192.0.2.1") is None


def test_a_gateway_that_is_exactly_there_comes_first() -> None:
    assert trunk_at("127.0.0.1", 5091) == "second"
