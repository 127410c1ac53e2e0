"""RFC 3263 4: from a URI to the addresses to try, without a name server."""

from collections import Counter
from collections.abc import Mapping
from random import Random

import pytest

from ringback.sip.locate import Able, Naptr, Question, Record, Srv, in_order, locate
from ringback.sip.uri import SipUri

NAPTR_ALL = [
    Naptr(50, 50, "s", "SIPS+D2T", "_sips._tcp.example.test"),
    Naptr(90, 50, "s", "SIP+D2T", "_sip._tcp.example.test"),
    Naptr(100, 50, "s", "SIP+D2U", "_sip._udp.example.test"),
]
ZONE: dict[tuple[str, str], list[Record]] = {
    ("example.test", "NAPTR"): [*NAPTR_ALL],
    ("_sips._tcp.example.test", "SRV"): [Srv(0, 0, 5061, "secure.example.test")],
    ("_sip._tcp.example.test", "SRV"): [Srv(0, 0, 5070, "one.example.test")],
    ("_sip._udp.example.test", "SRV"): [
        Srv(20, 0, 5080, "two.example.test"),
        Srv(10, 0, 5090, "one.example.test"),
    ],
    ("example.test", "A"): [*("192.0.2.9",)],
    ("one.example.test", "A"): [*("192.0.2.1", "192.0.2.11")],
    ("one.example.test", "AAAA"): [*("2001:db8::1",)],
    ("two.example.test", "A"): [*("192.0.2.2",)],
    ("secure.example.test", "A"): [*("192.0.2.3",)],
    ("plain.test", "A"): [*("192.0.2.4",)],
    ("plain.test", "AAAA"): [*("2001:db8::4",)],
    ("_sip._udp.closed.test", "SRV"): [Srv(0, 0, 0, ".")],
    ("closed.test", "A"): [*("192.0.2.5",)],
}
FOUR = Able(families=(4,))


def ask(uri: str, able: Able = FOUR, zone: Mapping[tuple[str, str], list[Record]] = ZONE) -> list[str]:
    """The targets as text, after the questions that were asked."""
    asked: list[Question] = []
    steps = locate(SipUri.parse(uri), able, lambda: 0.0)
    try:
        question = next(steps)
        while True:
            asked.append(question)
            question = steps.send(zone.get((question.name, question.kind), []))
    except StopIteration as end:
        return [f"{item}{'=' + item.identity if item.identity else ''}" for item in end.value]


@pytest.mark.parametrize(
    ("uri", "targets"),
    [
        ("sip:192.0.2.7", ["udp:192.0.2.7:5060"]),
        ("sips:192.0.2.7", ["tls:192.0.2.7:5061"]),
        ("sip:192.0.2.7:5099", ["udp:192.0.2.7:5099"]),
        ("sip:192.0.2.7;transport=tcp", ["tcp:192.0.2.7:5060"]),
        ("sip:192.0.2.7;transport=TLS", ["tls:192.0.2.7:5061"]),
        ("sips:192.0.2.7;transport=tcp", ["tls:192.0.2.7:5061"]),
        ("sip:example.test;maddr=192.0.2.8", ["udp:192.0.2.8:5060"]),
        ("sip:192.0.2.7;maddr=plain.test:1;transport=tcp", []),
        ("sip:plain.test:5099", ["udp:192.0.2.4:5099"]),
        ("sips:plain.test:5099", ["tls:192.0.2.4:5099=plain.test"]),
        ("sip:browser.test;transport=ws", []),
        ("sip:192.0.2.7;transport=sctp", []),
        ("sips:192.0.2.7;transport=udp", []),
    ],
)
def test_4_1_an_explicit_port_address_transport_or_maddr_needs_no_naptr(uri: str, targets: list[str]) -> None:
    assert ask(uri) == targets


def test_4_1_naptr_chooses_the_transport_and_only_its_lowest_order() -> None:
    assert ask("sip:example.test") == ["tls:192.0.2.3:5061=example.test"]
    assert ask("sip:example.test", Able(("udp", "tcp"), (4,))) == [
        "tcp:192.0.2.1:5070",
        "tcp:192.0.2.11:5070",
    ]


def test_4_1_a_sips_uri_never_leaves_tls() -> None:
    assert ask("sips:example.test") == ["tls:192.0.2.3:5061=example.test"]
    assert ask("sips:example.test", Able(("udp", "tcp"), (4,))) == []


def test_4_1_without_naptr_each_transport_of_ours_is_asked_for_by_srv() -> None:
    without = {key: value for key, value in ZONE.items() if key[1] != "NAPTR"}
    assert ask("sip:example.test", zone=without)[:2] == ["udp:192.0.2.1:5090", "udp:192.0.2.11:5090"]
    assert ask("sip:example.test", zone=without)[-1] == "tls:192.0.2.3:5061=example.test"


def test_4_1_naptr_that_nobody_can_use_is_as_if_there_were_none() -> None:
    sctp: list[Record] = [Naptr(1, 1, "s", "SIP+D2S", "_sip._sctp.example.test")]
    assert ask("sip:example.test", zone={**ZONE, ("example.test", "NAPTR"): sctp})[0] == "udp:192.0.2.1:5090"


def test_4_2_an_explicit_transport_asks_for_its_own_srv() -> None:
    assert ask("sip:example.test;transport=udp") == [
        "udp:192.0.2.1:5090",
        "udp:192.0.2.11:5090",
        "udp:192.0.2.2:5080",
    ]


def test_4_2_without_any_srv_the_address_of_the_name_and_the_default_port() -> None:
    assert ask("sip:plain.test") == ["udp:192.0.2.4:5060"]
    assert ask("sip:plain.test;transport=tls") == ["tls:192.0.2.4:5061=plain.test"]
    assert ask("sips:plain.test") == ["tls:192.0.2.4:5061=plain.test"]


def test_4_2_both_families_the_preferred_first() -> None:
    assert ask("sip:plain.test", Able()) == ["udp:2001:db8::4:5060", "udp:192.0.2.4:5060"]
    assert ask("sip:[2001:db8::7]", Able()) == ["udp:2001:db8::7:5060"]
    assert ask("sip:[2001:db8::7]", FOUR) == []


def test_rfc2782_a_dot_says_that_the_service_is_not_there() -> None:
    assert ask("sip:closed.test") == []


def test_4_3_what_a_zone_says_is_bounded() -> None:
    many: list[Record] = [Srv(1, 0, port, "plain.test") for port in range(1, 200)]
    assert (
        len(ask("sip:example.test;transport=tcp", zone={**ZONE, ("_sip._tcp.example.test", "SRV"): many}))
        == 32
    )


def test_rfc2782_weights_share_the_calls_and_priorities_come_first() -> None:
    random = Random(1)
    records = [Srv(1, 60, 1, "a"), Srv(1, 20, 2, "b"), Srv(0, 0, 3, "c"), Srv(1, 0, 4, "d")]
    firsts: Counter[str] = Counter()
    for _ in range(1000):
        order = [item.target for item in in_order(records, random.random)]
        assert order[0] == "c"
        assert sorted(order) == ["a", "b", "c", "d"]
        firsts[order[1]] += 1
    assert firsts["a"] > 2 * firsts["b"] > 4 * firsts["d"] > 0


def test_without_weights_the_order_stays_as_it_is_written() -> None:
    records = [Srv(1, 0, port, "a") for port in range(5)]
    assert in_order(records, Random(1).random) == records
