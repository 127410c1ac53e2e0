"""Which trunk an address belongs to."""

from types import SimpleNamespace
from typing import Any, cast

from ringback.contracts.numbers import NumberChanges, TenantNumbers
from ringback.domain.configuration import Extension, Gateway, RoutePoint, Tenant, Trunk
from ringback.services.sip_proxy.callers import Callers, Numbers, Turned
from ringback.sip import Request
from ringback.sip.transport import Source

KNOWN = TenantNumbers()
KNOWN.take(
    NumberChanges(
        1,
        whole=True,
        dns=[
            Extension(id="1001"),
            RoutePoint(id="8000", script="s"),
            Trunk(id="first", addresses=("127.0.0.0/8", "nonsense"), gateways=(Gateway("127.0.0.1", 5090),)),
            Trunk(id="second", addresses=("127.0.0.0/8",), gateways=(Gateway("127.0.0.1", 5091),)),
            Trunk(id="six", addresses=("2001:db8::/32",)),
        ],
    ),
)
NUMBERS = Numbers(KNOWN).up_to_date()


def trunk_at(host: str, port: int = 5060) -> str | None:
    found = NUMBERS.trunk_at(host, port)
    return found.id if found else None


def test_only_phones_are_extensions() -> None:
    assert NUMBERS.extension("1001") == Extension(id="1001")
    assert NUMBERS.extension("8000") is None


def test_a_network_takes_every_address_in_it() -> None:
    assert trunk_at("127.9.9.9") == "first"
    assert trunk_at("2001:db8::5") == "six"
    assert trunk_at("192.0.2.1") is None


def test_a_gateway_that_is_exactly_there_comes_first() -> None:
    assert trunk_at("127.0.0.1", 5091) == "second"


def callers(**dns: list[Any]) -> Callers:
    """Two tenants, each with a domain of its own; the configuration is at hand."""
    known = {name: TenantNumbers() for name in dns}
    for name, numbers in known.items():
        numbers.take(NumberChanges(1, whole=True, dns=dns[name]))
    config = SimpleNamespace(
        tenants_at_hand=lambda: [Tenant(id=name, domain=f"{name}.example") for name in dns],
        numbers_at_hand=lambda name: known[name],
    )
    made = Callers.__new__(Callers)
    ctx = SimpleNamespace(common=SimpleNamespace(tenants=tuple(dns)), now=lambda: 1000.0)
    vars(made).update(_ctx=ctx, _key=b"k", _nonce_s=300.0, _algorithms=("MD5",), _config=config)
    vars(made).update(_numbers={}, _realms={}, _issuer="here", line_of=lambda request: None)
    return made


def asked(who: Callers, sender: str) -> Turned:
    headers = [("From", f"<{sender}>;tag=1"), ("To", "<sip:8000@192.0.2.1>")]
    answer = who.identify_now(
        Request("INVITE", "sip:8000@192.0.2.1", headers), Source("udp", "192.0.2.9", 5060)
    )
    return cast(Turned, answer)


def test_a_number_belongs_to_the_tenant_of_its_domain() -> None:
    who = callers(first=[Extension(id="1001")], second=[Extension(id="2001")])
    for sender, realm, stranger in (
        ("sip:1001@first.example", "first.example", False),
        ("sip:2001@SECOND.example", "second.example", False),
        ("sip:1001@second.example", "second.example", True),
        ("sip:1001@192.0.2.1", "first.example", False),
    ):
        turned = asked(who, sender)
        assert (turned.status, turned.stranger) == (407, stranger)
        assert f'realm="{realm}"' in turned.headers[0][1]


def test_nobody_there_is_asked_for_a_password_like_everybody() -> None:
    """Status, header names and realm are the same; the nonce alone differs."""
    who = callers(first=[Extension(id="1001")])
    known, unknown = (asked(who, f"sip:{number}@first.example") for number in ("1001", "9999"))
    shapes = [
        (turned.status, [(name, value.partition("nonce=")[0]) for name, value in turned.headers])
        for turned in (known, unknown)
    ]
    assert shapes[0] == shapes[1]


def test_who_comes_while_the_tenants_are_asked_for_again_does_not_wait() -> None:
    who, clock, asked_for = callers(demo=[]), SimpleNamespace(now=100.0), list[str]()
    config, at_hand = who._config, who._config.tenants_at_hand
    vars(who).update(_lately=(None, 0.0), _looking=False)
    vars(who._ctx).update(
        monotonic=lambda: clock.now, spawn=lambda work, name: (work.close(), asked_for.append(name))
    )
    vars(config).update(tenants_at_hand=lambda: None)
    assert who.tenants_lately() is None
    vars(config).update(tenants_at_hand=at_hand)
    known = who.tenants_lately()
    assert known is not None and [tenant.id for tenant in known] == ["demo"]
    vars(config).update(tenants_at_hand=lambda: None)
    clock.now += 5.0
    assert who.tenants_lately() is known and who.tenants_lately() is known
    assert asked_for == ["tenants"]
    clock.now += 6.0
    assert who.tenants_lately() is None
