"""REGISTER through the proxy without transactions: what passes, what comes back, what is repeated."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from ringback.domain.configuration import Tenant
from ringback.runtime.logs import get_log
from ringback.services.sip_proxy.bans import Offence
from ringback.services.sip_proxy.flows import Flows
from ringback.services.sip_proxy.metrics import ProxyMetrics
from ringback.services.sip_proxy.refusals import Refusals, Why
from ringback.services.sip_proxy.registering import Registering
from ringback.services.sip_proxy.registers import Registers
from ringback.sip import Request, Response, response_to
from ringback.sip.counters import Counters
from ringback.sip.parser import parse_message
from ringback.sip.transport import Destination, Source

PHONE = Source("udp", "192.0.2.7", 5062)
REGISTRAR = Source("tcp", "10.0.0.3", 5066)
AUTHORIZATION = 'Authorization: Digest username="1001", response="x"\r\n'


def register(
    branch: str = "z9hG4bKone", *, more: str = AUTHORIZATION, via: str = "", mine: str = "{branch};rport"
) -> bytes:
    return (
        "REGISTER sip:demo.example SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 192.0.2.7:5062;branch={mine.format(branch=branch)}\r\n{via}"
        "Max-Forwards: 70\r\nFrom: <sip:1001@demo.example>;tag=a\r\nTo: <sip:1001@demo.example>\r\n"
        f"Call-ID: c\r\nCSeq: 7 REGISTER\r\nContact: <sip:1001@192.0.2.7:5062>\r\n{more}"
        "Content-Length: 0\r\n\r\n"
    ).encode()


def read(data: bytes) -> Request:
    found = parse_message(data)
    assert isinstance(found, Request)
    return found


class Ends:
    """An endpoint that keeps what it is told."""

    def __init__(self) -> None:
        self.takes_unread: dict[bytes, Callable[[bytes, Source], bool]] = {}
        self.on_connection_lost: Callable[[tuple[str, int]], None] = lambda remote: None
        self.counters = Counters()
        self.sent: list[tuple[bytes, Destination]] = []
        self.failed: list[Callable[[], None] | None] = []
        self.received: list[Request] = []

    def local_address(self, transport: str, toward: str = "") -> tuple[str, int]:
        return "10.0.0.2", 5080

    def send_bytes(
        self, data: bytes, destination: Destination, failed: Callable[[], None] | None = None
    ) -> None:
        self.sent.append((data, destination))
        self.failed.append(failed)

    def send(self, message: Response, destination: Destination) -> None:
        self.sent.append((message.to_bytes(), destination))

    def receive(self, request: Request, source: Source) -> None:
        self.received.append(request)


class Stage:
    """The registers between two endpoints, with a clock that is moved."""

    def __init__(self) -> None:
        self.now = 100.0
        self.registrar = "10.0.0.3"
        self.tenants: list[Tenant] | None = [Tenant(id="demo", domain="demo.example")]
        self.turned: tuple[int, Why] | None = None
        self.offences: list[Offence] = []
        self.proven: list[Source] = []
        self.distrusted: list[str] = []
        self.edge, self.inside = Ends(), Ends()
        core: Any = SimpleNamespace(
            ctx=SimpleNamespace(monotonic=lambda: self.now),
            callers=SimpleNamespace(
                tenants_lately=lambda: self.tenants,
                pick=lambda tenants, hosts: next((item for item in tenants if item.domain in hosts), None),
            ),
            directory=SimpleNamespace(
                registrar=lambda now: ("first", Destination("tcp", self.registrar, 5066)),
                distrust=lambda name, now: self.distrusted.append(name),
            ),
            metrics=ProxyMetrics(CollectorRegistry()),
            returning=SimpleNamespace(registered=lambda request, source, tenant: None),
            guard=SimpleNamespace(
                prove=self.proven.append, offend=lambda source, offence: self.offences.append(offence)
            ),
            flows=Flows(90),
        )
        core.ctx.log = get_log("test", "test")
        core.refusals = Refusals(core.ctx, core.metrics)
        self.registers = Registers(core, Registering(core), lambda source: self.turned)
        self.registers.connect(self.edge, self.inside)  # type: ignore[arg-type]

    def comes(self, data: bytes, source: Source = PHONE) -> bool:
        return self.edge.takes_unread[b"REGISTER"](data, source)

    def passed(self) -> Request:
        return read(self.inside.sent[-1][0])

    def answers(self, status: int, *headers: tuple[str, str], to: Request | None = None) -> bool:
        response = response_to(to or self.passed(), status, to_tag="r", headers=headers)
        return self.inside.takes_unread[b"SIP/2.0 "](response.to_bytes(), REGISTRAR)


@pytest.fixture
async def stage() -> Stage:
    return Stage()


async def test_rfc3261_16_6_a_plain_register_passes_with_our_via_on_top_and_comes_back_without(
    stage: Stage,
) -> None:
    assert stage.comes(register())
    request, passed = read(register()), stage.passed()
    assert stage.inside.sent[0][1] == Destination("tcp", "10.0.0.3", 5066)
    assert [via.split(";")[0] for via in passed.values("Via")] == [
        "SIP/2.0/TCP 10.0.0.2:5080",
        "SIP/2.0/UDP 192.0.2.7:5062",
    ]
    assert passed.max_forwards == 69
    assert passed.get("X-Ringback-Tenant") == "demo"
    assert passed.get("X-Ringback-Received") == "udp:192.0.2.7:5062"
    for name in ("From", "To", "Call-ID", "CSeq", "Contact", "Authorization"):
        assert passed.get_all(name) == request.get_all(name)
    assert stage.answers(200, ("Contact", "<sip:1001@192.0.2.7:5062>;expires=60"))
    data, where = stage.edge.sent[0]
    answer = parse_message(data)
    assert isinstance(answer, Response)
    assert (answer.status, where, len(answer.get_all("Via"))) == (200, PHONE, 1)
    assert answer.get("Via") == f"{request.get('Via')}=5062;received=192.0.2.7"
    assert passed.values("Via")[1] == answer.get("Via")
    assert stage.proven == [PHONE]
    assert len(stage.registers) == 0


async def test_rfc3261_17_2_a_repeated_register_is_passed_once_and_gets_the_same_answer(
    stage: Stage,
) -> None:
    assert stage.comes(register()) and stage.comes(register())
    assert len(stage.inside.sent) == 1
    assert stage.answers(401, ("WWW-Authenticate", 'Digest realm="demo", nonce="n"'))
    assert stage.comes(register())
    assert len(stage.inside.sent) == 1
    assert stage.edge.sent[0] == stage.edge.sent[1]
    assert stage.offences == [Offence.PASSWORD]  # once, however often it is said
    stage.now += 33.0
    stage.registers._sweep()
    assert stage.comes(register())
    assert len(stage.inside.sent) == 2


async def test_rfc7616_5_5_credentials_count_once_and_their_repetitions_get_the_same_200(
    stage: Stage,
) -> None:
    """The registrar counts nonces: what it met twice it would refuse. It meets a repetition never."""
    assert stage.comes(register()) and stage.comes(register())
    assert (len(stage.inside.sent), stage.edge.sent) == (1, [])
    assert stage.answers(200, ("Contact", "<sip:1001@192.0.2.7:5062>;expires=60"))
    stage.now += 31.0
    assert stage.comes(register()) and stage.comes(register())
    stage.registers._sweep()
    assert stage.comes(register())
    assert len(stage.inside.sent) == 1
    assert stage.edge.sent == [stage.edge.sent[0]] * 4
    assert stage.edge.sent[0][0].startswith(b"SIP/2.0 200 ")
    # What somebody else sends, or the same one under another branch, is no repetition.
    assert stage.comes(register(), Source("udp", "192.0.2.8", 5062))
    assert stage.comes(register("z9hG4bKother"))
    assert len(stage.inside.sent) == 3


async def test_who_has_proved_nothing_yet_is_no_guesser_and_costs_no_memory(stage: Stage) -> None:
    assert stage.comes(register(more=""))
    assert stage.answers(401, ("WWW-Authenticate", 'Digest realm="demo", nonce="n"'))
    assert stage.offences == []
    assert stage.registers._known == {}
    assert stage.comes(register("z9hG4bKtwo"))
    assert stage.answers(401, ("WWW-Authenticate", 'Digest realm="demo", nonce="n", stale=true'))
    assert stage.offences == []


@pytest.mark.parametrize(
    "request_",
    [
        register(more="X-Ringback-Tenant: other\r\n"),
        register(more="Path: <sip:p.example;lr>\r\n"),
        register(more="Route: <sip:p.example;lr>\r\n"),
        register(more="Proxy-Require: gin\r\n"),
        register(more="Contact: <sip:other@192.0.2.7>\r\n"),
        register(more="User-Agent: Gerät\r\n"),
        register(via="Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKbehind\r\n"),
        register("old-fashioned"),
        register().replace(b"Max-Forwards: 70", b"Max-Forwards: 0"),
        register().replace(b"To: <sip:1001@demo.example>", b"To: <sip:1001@demo.example>;tag=b"),
    ],
)
async def test_what_is_not_plain_takes_the_ordinary_way(stage: Stage, request_: bytes) -> None:
    assert not stage.comes(request_)
    assert stage.inside.sent == []


@pytest.mark.parametrize(
    ("mine", "source", "marked"),
    [
        ("{branch}", PHONE, "{branch}"),
        ("{branch};rport;x=1", PHONE, "{branch};rport=5062;x=1;received=192.0.2.7"),
        ("{branch}", Source("udp", "192.0.2.99", 5062), "{branch};received=192.0.2.99"),
    ],
)
async def test_rfc3261_18_2_1_rfc3581_4_a_via_is_marked_however_it_is_written(
    stage: Stage, mine: str, source: Source, marked: str
) -> None:
    branch, start = "z9hG4bKone", "SIP/2.0/UDP 192.0.2.7:5062;branch="
    assert stage.comes(register(mine=mine), source)
    assert stage.passed().values("Via")[1] == start + marked.format(branch=branch)
    assert stage.answers(200)
    assert (stage.edge.sent[0][1].host, stage.edge.sent[0][1].port) == (source.host, source.port)


async def test_rfc3581_4_rport_before_the_branch(stage: Stage) -> None:
    data = register().replace(b";branch=z9hG4bKone;rport", b";rport;branch=z9hG4bKone")
    assert stage.comes(data) and stage.comes(data)
    assert [via.partition(";")[2] for via in stage.passed().values("Via")[1:]] == [
        "rport=5062;branch=z9hG4bKone;received=192.0.2.7"
    ]
    assert len(stage.inside.sent) == 1


async def test_rfc3261_16_6_a_register_without_max_forwards_gets_one(stage: Stage) -> None:
    assert stage.comes(register().replace(b"Max-Forwards: 70\r\n", b""))
    assert stage.passed().max_forwards == 70


async def test_what_the_transactions_have_already_stays_theirs(stage: Stage) -> None:
    stage.tenants, tenants = None, stage.tenants
    assert stage.comes(register())
    stage.tenants = tenants
    assert not stage.comes(register())
    assert (len(stage.edge.received), stage.inside.sent) == (1, [])
    assert stage.edge.received[0].via.params["received"] == "192.0.2.7"
    assert stage.comes(register("z9hG4bKtwo"))
    stage.now += 33.0
    stage.registers._sweep()
    assert stage.comes(register())


async def test_a_refusal_at_the_door_and_a_strange_domain(stage: Stage) -> None:
    stage.turned = 7, Why.SOURCE_RATE
    assert stage.comes(register())
    refused = parse_message(stage.edge.sent[0][0])
    assert isinstance(refused, Response)
    assert (refused.status, refused.get("Retry-After")) == (503, "7")
    stage.turned, stage.tenants = None, []
    assert stage.comes(register())
    assert (stage.inside.sent, len(stage.edge.received)) == ([], 1)


@pytest.mark.parametrize("registrar", ["10.0.0.3", "registrar.internal"])
async def test_what_a_lost_registrar_has_not_answered_takes_the_ordinary_way(
    stage: Stage, registrar: str
) -> None:
    stage.registrar = registrar
    one, two = register(), register("z9hG4bKtwo")
    assert stage.comes(one) and stage.comes(two)
    failed = stage.inside.failed[0]
    assert failed is not None
    failed()
    stage.inside.on_connection_lost((registrar, 5066))
    assert [request.via.branch for request in stage.edge.received] == ["z9hG4bKone", "z9hG4bKtwo"]
    assert not stage.comes(one)
    assert stage.distrusted == ["first", "first"]
    assert len(stage.registers) == 0


async def test_answers_of_others_are_left_to_others(stage: Stage) -> None:
    assert stage.comes(register())
    other = read(register("z9hG4bKother"))
    assert not stage.answers(200, to=other)
    answer = response_to(stage.passed(), 200, to_tag="r").to_bytes()
    assert not stage.inside.takes_unread[b"SIP/2.0 "](answer, Source("tcp", "10.0.0.9", 5066))
    assert stage.answers(100)
    assert len(stage.registers) == 1


async def test_a_registrar_that_is_known_by_its_name_answers_from_its_address(stage: Stage) -> None:
    stage.registrar = "registrar.internal"
    assert stage.comes(register())
    assert stage.answers(200)
    assert (len(stage.registers), stage.proven) == (0, [PHONE])


async def test_rfc3261_18_2_1_a_registrar_may_mark_our_via(stage: Stage) -> None:
    """Where it sees another address of ours than our Via says; and it may write each Via on a line."""
    for branch, separator in (("z9hG4bKone", ", "), ("z9hG4bKtwo", "\r\nVia: ")):
        assert stage.comes(register(branch))
        passed = stage.passed()
        ours, theirs = passed.values("Via")
        answer = response_to(passed, 200, to_tag="r").to_bytes()
        marked = f"{ours};received=10.0.0.9{separator}{theirs}".encode()
        answer = answer.replace(f"{ours}, {theirs}".encode(), marked)
        assert stage.inside.takes_unread[b"SIP/2.0 "](answer, REGISTRAR)
        back = parse_message(stage.edge.sent[-1][0])
        assert back.values("Via") == [theirs]


async def test_a_registrar_that_is_silent_is_not_asked_first_for_a_while(stage: Stage) -> None:
    assert stage.comes(register())
    stage.now += 33.0
    stage.registers._sweep()
    assert (stage.distrusted, len(stage.registers), stage.registers._known) == (["first"], 0, {})
