"""REGISTER through the proxy without transactions: what passes, what comes back, what is repeated."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from ringback.domain.configuration import Tenant
from ringback.services.sip_proxy.bans import Offence
from ringback.services.sip_proxy.flows import Flows
from ringback.services.sip_proxy.metrics import ProxyMetrics
from ringback.services.sip_proxy.registering import Registering
from ringback.services.sip_proxy.registers import Registers
from ringback.sip import Request, Response, response_to
from ringback.sip.parser import parse_message
from ringback.sip.transport import Destination, Source

PHONE = Source("udp", "192.0.2.7", 5062)
REGISTRAR = Source("tcp", "10.0.0.3", 5066)
AUTHORIZATION = 'Authorization: Digest username="1001", response="x"\r\n'


def register(branch: str = "z9hG4bKone", *, more: str = AUTHORIZATION, via: str = "") -> Request:
    text = (
        "REGISTER sip:demo.example SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 192.0.2.7:5062;branch={branch};rport=5062;received=192.0.2.7\r\n{via}"
        "Max-Forwards: 70\r\nFrom: <sip:1001@demo.example>;tag=a\r\nTo: <sip:1001@demo.example>\r\n"
        f"Call-ID: c\r\nCSeq: 7 REGISTER\r\nContact: <sip:1001@192.0.2.7:5062>\r\n{more}"
        "Content-Length: 0\r\n\r\n"
    )
    found = parse_message(text.encode())
    assert isinstance(found, Request)
    return found


class Ends:
    """An endpoint that keeps what it is told."""

    def __init__(self) -> None:
        self.takes: dict[str, Callable[[Request, Source], bool]] = {}
        self.takes_answer: Callable[[bytes, Source], bool] | None = None
        self.on_connection_lost: Callable[[tuple[str, int]], None] = lambda remote: None
        self.counters = SimpleNamespace(repeated=0)
        self.sent: list[tuple[bytes, Destination]] = []
        self.failed: list[Callable[[], None] | None] = []
        self.received: list[Request] = []
        self.known = False

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

    def knows(self, request: Request) -> bool:
        return self.known


class Stage:
    """The registers between two endpoints, with a clock that is moved."""

    def __init__(self) -> None:
        self.now = 100.0
        self.tenants: list[Tenant] | None = [Tenant(id="demo", domain="demo.example")]
        self.refusal: int = 0
        self.offences: list[Offence] = []
        self.proven: list[Source] = []
        self.distrusted: list[str] = []
        self.edge, self.inside = Ends(), Ends()
        core: Any = SimpleNamespace(
            ctx=SimpleNamespace(monotonic=lambda: self.now),
            callers=SimpleNamespace(
                tenants_at_hand=lambda: self.tenants,
                pick=lambda tenants, hosts: next((item for item in tenants if item.domain in hosts), None),
            ),
            directory=SimpleNamespace(
                registrar_order=lambda now: [("first", Destination("tcp", "10.0.0.3", 5066))],
                distrust=lambda name, now: self.distrusted.append(name),
            ),
            metrics=ProxyMetrics(CollectorRegistry()),
            returning=SimpleNamespace(registered=lambda request, source, tenant: None),
            guard=SimpleNamespace(
                prove=self.proven.append, offend=lambda source, offence: self.offences.append(offence)
            ),
            flows=Flows(90),
        )
        self.registers = Registers(core, Registering(core), self.admit)
        self.registers.connect(self.edge, self.inside)  # type: ignore[arg-type]

    def admit(self, request: Request, source: Source) -> Response | None:
        return response_to(request, self.refusal) if self.refusal else None

    def comes(self, request: Request, source: Source = PHONE) -> bool:
        return self.edge.takes["REGISTER"](request, source)

    def passed(self) -> Request:
        found = parse_message(self.inside.sent[-1][0])
        assert isinstance(found, Request)
        return found

    def answers(self, status: int, *headers: tuple[str, str], to: Request | None = None) -> bool:
        response = response_to(to or self.passed(), status, to_tag="r", headers=headers)
        assert self.inside.takes_answer is not None
        return self.inside.takes_answer(response.to_bytes(), REGISTRAR)


@pytest.fixture
async def stage() -> Stage:
    return Stage()


async def test_rfc3261_16_6_a_plain_register_passes_with_our_via_on_top_and_comes_back_without(
    stage: Stage,
) -> None:
    request = register()
    assert stage.comes(request)
    passed = stage.passed()
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
    assert answer.get("Via") == request.get("Via")
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
    ],
)
async def test_what_is_not_plain_takes_the_ordinary_way(stage: Stage, request_: Request) -> None:
    assert not stage.comes(request_)
    assert stage.inside.sent == []


async def test_what_the_transactions_have_already_stays_theirs(stage: Stage) -> None:
    stage.tenants, tenants = None, stage.tenants
    assert not stage.comes(register())
    stage.tenants, stage.edge.known = tenants, True
    assert not stage.comes(register())
    stage.edge.known = False
    assert stage.comes(register("z9hG4bKtwo"))


async def test_a_refusal_at_the_door_and_a_strange_domain(stage: Stage) -> None:
    stage.refusal = 503
    assert stage.comes(register())
    assert stage.edge.sent[0][0].startswith(b"SIP/2.0 503 ")
    stage.refusal, stage.tenants = 0, []
    assert stage.comes(register())
    assert (stage.inside.sent, len(stage.edge.received)) == ([], 1)


async def test_what_a_lost_registrar_has_not_answered_takes_the_ordinary_way(stage: Stage) -> None:
    one, two = register(), register("z9hG4bKtwo")
    assert stage.comes(one) and stage.comes(two)
    failed = stage.inside.failed[0]
    assert failed is not None
    failed()
    stage.inside.on_connection_lost(("10.0.0.3", 5066))
    assert stage.edge.received == [one, two]
    assert stage.distrusted == ["first", "first"]
    assert len(stage.registers) == 0


async def test_answers_of_others_are_left_to_others(stage: Stage) -> None:
    assert stage.comes(register())
    other = register("z9hG4bKother")
    assert not stage.answers(200, to=other)
    answer = response_to(stage.passed(), 200, to_tag="r").to_bytes()
    assert stage.inside.takes_answer is not None
    assert not stage.inside.takes_answer(answer, Source("tcp", "10.0.0.9", 5066))
    assert stage.answers(100)
    assert len(stage.registers) == 1


async def test_a_registrar_that_is_silent_is_not_asked_first_for_a_while(stage: Stage) -> None:
    assert stage.comes(register())
    stage.now += 33.0
    stage.registers._sweep()
    assert (stage.distrusted, len(stage.registers), stage.registers._known) == (["first"], 0, {})
