"""RFC 3261 10.2: registering at a carrier, refreshed, challenged, refused, backed off."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from ringback.sip import NameAddr, Request, Response
from ringback.sip.digest import DigestServer, Verdict, ha1
from ringback.sip.ids import IdSource
from ringback.sip.registration import Account, Registration, State
from ringback.sip.uri import SipUri

CONTACT = NameAddr.parse("<sip:alice@192.0.2.1:5060>")
SERVER = DigestServer("carrier.test", b"secret", algorithms=("SHA-256", "MD5"))
STORED = {name: ha1("alice", "carrier.test", "pass", name) for name in ("SHA-256", "MD5")}


def made(password: str = "pass") -> Registration:
    numbers = count(1)
    ids = IdSource(lambda size: next(numbers).to_bytes(size, "big"))
    registrar, aor = SipUri.parse("sip:carrier.test"), SipUri.parse("sip:alice@carrier.test")
    return Registration(Account(registrar, aor, "alice", password, 3600), ids, lambda: 0.0)


def answer(
    line: Registration,
    status: int,
    headers: Sequence[tuple[str, str]] = (),
    now: float = 100.0,
    local: bool = False,
) -> None:
    response = Response(status, local=local)
    for name, value in headers:
        response.add(name, value)
    line.answered(response, CONTACT, now)


def challenge(now: float = 100.0, stale: bool = False) -> list[tuple[str, str]]:
    return [("WWW-Authenticate", value) for value in SERVER.challenges(now, b"r", stale=stale)]


def verdict(request: Request, now: float = 100.0) -> Verdict:
    return SERVER.check(request.get_all("Authorization"), "REGISTER", "alice", STORED, now)


def test_10_2_a_challenge_is_answered_at_once_and_the_next_refresh_needs_none() -> None:
    line = made()
    first = line.request(CONTACT)
    assert not first.has("Authorization")
    assert first.values("Contact") == [f"{CONTACT};expires=3600"]
    answer(line, 401, challenge())
    assert line.due_at == 100.0
    second = line.request(CONTACT)
    assert (second.cseq.number, second.call_id) == (first.cseq.number + 1, first.call_id)
    assert verdict(second) is Verdict.OK
    answer(line, 200, [("Contact", f"{CONTACT};expires=600"), ("Contact", "<sip:other@x>;expires=60")])
    assert (line.state, line.until, line.due_at) == (State.REGISTERED, 700.0, 580.0)
    assert verdict(line.request(CONTACT)) is Verdict.OK  # the same nonce, counted on
    assert line.is_registered(699.0)


def test_22_2_a_wrong_password_is_not_tried_again_at_once_but_a_stale_nonce_is() -> None:
    line = made("wrong")
    line.request(CONTACT)
    answer(line, 401, challenge())
    line.request(CONTACT)
    answer(line, 401, challenge(stale=True))
    assert line.due_at == 100.0
    line.request(CONTACT)
    answer(line, 401, challenge())
    assert (line.state, line.due_at) == (State.UNREGISTERED, 115.0)
    assert line.reason.startswith("401")


def test_22_3_an_outbound_proxy_and_the_registrar_may_both_ask_and_the_next_refresh_needs_none() -> None:
    line, proxy, registrar = made(), DigestServer("edge.test", b"key"), DigestServer("carrier.test", b"key")
    stored = {name: ha1("alice", "edge.test", "pass", name) for name in ("SHA-256", "MD5")}
    line.request(CONTACT)
    answer(line, 407, [("Proxy-Authenticate", value) for value in proxy.challenges(100.0, b"p")])
    line.request(CONTACT)
    answer(line, 401, [("WWW-Authenticate", value) for value in registrar.challenges(100.0, b"r")])
    assert line.due_at == 100.0
    for _ in range(2):
        both = line.request(CONTACT)
        for server, name, known in (
            (proxy, "Proxy-Authorization", stored),
            (registrar, "Authorization", STORED),
        ):
            assert server.check(both.get_all(name), "REGISTER", "alice", known, 100.0) is Verdict.OK
        answer(line, 200)


def test_without_a_password_no_challenge_can_be_answered() -> None:
    line = made("")
    line.request(CONTACT)
    answer(line, 401, challenge())
    assert line.state is State.UNREGISTERED


def test_10_2_8_a_time_that_is_too_brief_is_asked_again_with_the_registrars() -> None:
    line = made()
    line.request(CONTACT)
    answer(line, 423, [("Min-Expires", "7200")])
    assert line.due_at == 100.0
    assert line.request(CONTACT).expires == 7200
    answer(line, 423, [("Min-Expires", "60")])
    assert line.due_at > 100.0  # nonsense: not at once for ever


def test_rfc5626_4_5_each_refusal_doubles_the_pause_up_to_half_an_hour() -> None:
    line = made()
    pauses = []
    for _ in range(9):
        line.request(CONTACT)
        answer(line, 503)
        pauses.append(line.due_at - 100.0)
    assert pauses[:3] == [15.0, 30.0, 60.0]
    assert pauses[-1] == 900.0


def test_silence_leaves_a_registration_until_its_time_is_over_and_a_refusal_ends_it() -> None:
    line = made()
    line.request(CONTACT)
    answer(line, 200, [("Expires", "1000")])
    line.request(CONTACT)
    answer(line, 408, local=True, now=900.0)
    assert line.is_registered(1099.0)
    line.request(CONTACT)
    answer(line, 403, now=950.0)
    assert not line.is_registered(951.0)


def test_10_2_2_it_is_removed_with_no_time_at_all() -> None:
    request = made().request(CONTACT, remove=True)
    assert request.expires == 0
    assert request.values("Contact") == [f"{CONTACT};expires=0"]


URN = "urn:uuid:00000000-0000-4000-8000-000000000001"


def with_flows() -> Registration:
    line = made()
    line.account = replace(line.account, instance=URN)
    return Registration(line.account, IdSource(lambda size: b"\1" * size), lambda: 0.5)


def test_rfc5626_4_2_1_a_line_says_which_flow_it_is_and_without_support_on_the_way_says_nothing() -> None:
    line = with_flows()
    first = line.request(CONTACT)
    assert first.values("Contact") == [f'{CONTACT};+sip.instance="<{URN}>";reg-id=1;expires=3600']
    assert first.values("Supported") == ["path", "outbound"]
    answer(line, 439)
    assert (line.state, line.due_at) == (State.ASKING, 100.0)
    second = line.request(CONTACT)
    assert (second.values("Contact"), second.get("Supported")) == ([f"{CONTACT};expires=3600"], None)
    answer(line, 439)
    assert line.state is State.UNREGISTERED


def test_rfc5626_4_4_a_flow_is_kept_alive_where_the_registrar_knows_flows() -> None:
    line = with_flows()
    line.request(CONTACT)
    answer(line, 200)
    assert not line.keeps_flow
    line.request(CONTACT)
    answer(line, 200, [("Require", "outbound")])
    assert line.keeps_flow
    assert (line.alive_again("udp"), line.alive_again("tls")) == (29 * 0.9, 120 * 0.9)
    line.request(CONTACT)
    answer(line, 200, [("Require", "outbound"), ("Flow-Timer", "60")])
    assert line.alive_again("udp") == 54.0
    line.flow_failed(500.0)
    assert (line.state, line.due_at, line.is_registered(500.0)) == (State.UNREGISTERED, 500.0, False)


def test_rfc5626_4_2_a_second_flow_goes_over_its_edge_under_a_number_of_its_own() -> None:
    line = made()
    line.account = replace(
        line.account,
        instance="urn:uuid:1",
        reg_id=2,
        edge=SipUri.parse("sip:edge2.carrier.test;transport=tcp"),
    )
    line._outbound = True
    register = line.request(CONTACT)
    assert NameAddr.parse(register.values("Contact")[0]).params["reg-id"] == "2"
    assert register.get_all("Route") == ["<sip:edge2.carrier.test;transport=tcp;lr>"]
    assert str(register.uri) == "sip:carrier.test"
    assert str(line.account.next_hop) == "sip:edge2.carrier.test;transport=tcp"
    assert "Route" not in made().request(CONTACT).first_values()
