"""Digest access authentication (RFC 7616, RFC 8760)."""

import hashlib
import hmac
from typing import Any

import pytest

from ringback.sip.digest import (
    Credentials,
    DigestClient,
    DigestServer,
    Verdict,
    ha1,
    parse_credentials,
    read_credentials,
    response_hash,
)

SECRET = b"a secret of this test"


def exchange(server: DigestServer, password: str, algorithm: str, now: float = 1000.0) -> tuple[Verdict, str]:
    challenges = [item for item in server.challenges(now, b"\x01" * 8) if f"algorithm={algorithm}," in item]
    value = DigestClient("1001", password).answer(challenges, "REGISTER", "sip:demo", "c0ffee")
    assert value is not None
    return server.verify(parsed(value), "REGISTER", stored(), now), value


def stored() -> dict[str, str]:
    return {name: ha1("1001", "demo", "right", name) for name in ("MD5", "SHA-256", "SHA-512-256")}


def parsed(value: str) -> dict[str, str]:
    credentials = parse_credentials(value)
    assert credentials is not None
    return credentials


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616_3_9_1(algorithm: str, expected: str) -> None:
    params = {
        "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "nc": "00000001",
        "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    }
    secret = ha1("Mufasa", "http-auth@example.org", "Circle of Life", algorithm)
    assert response_hash(algorithm, secret, "GET", params, "/dir/index.html", "auth") == expected


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512-256"])
def test_the_right_password_is_let_in_and_the_wrong_one_is_not(algorithm: str) -> None:
    server = DigestServer("demo", SECRET, algorithms=("SHA-512-256", "SHA-256", "MD5"))
    assert exchange(server, "right", algorithm)[0] is Verdict.OK
    assert exchange(server, "wrong", algorithm)[0] is Verdict.WRONG


def test_what_was_not_asked_for_is_not_taken() -> None:
    """RFC 8760 2.4: a server that has given MD5 up is not talked back into it."""
    _, value = exchange(DigestServer("demo", SECRET), "right", "MD5")
    strict = DigestServer("demo", SECRET, algorithms=("SHA-512-256",))
    assert strict.verify(parsed(value), "REGISTER", stored(), 1001.0) is Verdict.WRONG


def test_an_answer_cannot_be_used_twice() -> None:
    """RFC 7616 3.4.6: the nonce count must grow."""
    server = DigestServer("demo", SECRET)
    verdict, value = exchange(server, "right", "MD5")
    assert verdict is Verdict.OK
    assert server.verify(parsed(value), "REGISTER", stored(), 1001.0) is Verdict.STALE


def test_an_old_nonce_is_stale_and_a_foreign_one_is_wrong() -> None:
    server = DigestServer("demo", SECRET, lifetime=60)
    _, value = exchange(server, "right", "MD5")
    assert server.verify(parsed(value), "REGISTER", stored(), 1061.0) is Verdict.STALE
    other = DigestServer("demo", b"another secret")
    assert other.verify(parsed(value), "REGISTER", stored(), 1001.0) is Verdict.WRONG


def test_rfc7616_5_5_an_answer_that_one_node_has_taken_is_stale_at_another() -> None:
    """Stale, not wrong: the phone is asked again and its user notices nothing."""
    one, other = (DigestServer("demo", SECRET, issuer=name) for name in ("a1", "b2"))
    verdict, value = exchange(one, "right", "SHA-256")
    assert verdict is Verdict.OK
    assert other.verify(parsed(value), "REGISTER", stored(), 1001.0) is Verdict.STALE
    assert exchange(other, "right", "SHA-256")[0] is Verdict.OK
    assert other.verify({**parsed(value), "response": "0"}, "REGISTER", stored(), 1001.0) is Verdict.WRONG


def test_an_issuer_cannot_be_put_in_place_of_another() -> None:
    one, other = (DigestServer("demo", SECRET, issuer=name) for name in ("a1", "b2"))
    nonce = one.nonce(1000.0, b"r").replace("-a1-", "-b2-")
    value = DigestClient("1001", "right").answer(
        [f'Digest realm="demo", nonce="{nonce}", algorithm=MD5, qop="auth"'], "REGISTER", "sip:demo", "c"
    )
    assert other.verify(parsed(value or ""), "REGISTER", stored(), 1001.0) is Verdict.WRONG


def test_what_is_older_than_the_counts_that_were_let_go_is_asked_again() -> None:
    """However many phones register in the life of a nonce, no answer is taken twice."""
    server = DigestServer("demo", SECRET, max_nonces=2)
    values = [answer_at(server, at) for at in (1000.0, 1001.0, 1002.0)]
    again = [server.verify(parsed(value), "REGISTER", stored(), 1003.0) for value in values]
    assert again == [Verdict.STALE] * 3
    answer_at(server, 1003.0)


def test_counts_of_nonces_that_are_too_old_are_let_go_and_younger_ones_stay_good() -> None:
    server = DigestServer("demo", SECRET, lifetime=300.0, max_nonces=3)
    old = [answer_at(server, 1000.0 + at) for at in range(3)]
    answer_at(server, 1200.0)  # one too many: the first is let go
    answer_at(server, 1400.0)
    assert len(server._counts) == 2
    assert [server.verify(parsed(value), "REGISTER", stored(), 1400.0) for value in old] == [
        Verdict.STALE
    ] * 3
    answer_at(server, 1100.0)  # younger than what was let go only because it was too much


def answer_at(server: DigestServer, now: float) -> str:
    """An answer that is right and is taken, with a nonce of its own."""
    challenges = server.challenges(now, int(now).to_bytes(4, "big"))
    value = DigestClient("1001", "right").answer(challenges, "REGISTER", "sip:demo", "c")
    assert value is not None
    assert server.verify(parsed(value), "REGISTER", stored(), now) is Verdict.OK
    return value


def test_a_client_may_answer_every_challenge_with_the_same_count() -> None:
    server, client = DigestServer("demo", SECRET), DigestClient("1001", "right")
    values = []
    for challenge in server.challenges(0.0, b"r"):
        client._uses.clear()
        values.append(client.answer([challenge], "REGISTER", "sip:demo", "c") or "")
    only_md5 = {"MD5": stored()["MD5"]}
    assert server.check(values, "REGISTER", "1001", stored(), 1.0) is Verdict.OK
    assert server.check(values, "REGISTER", "1001", stored(), 1.0) is Verdict.STALE
    assert DigestServer("demo", SECRET).check(values, "REGISTER", "1001", only_md5, 1.0) is Verdict.OK
    assert DigestServer("demo", SECRET).check(values, "REGISTER", "1002", stored(), 1.0) is Verdict.WRONG


def test_another_method_is_wrong() -> None:
    server = DigestServer("demo", SECRET)
    _, value = exchange(server, "right", "MD5")
    assert server.verify(parsed(value), "INVITE", stored(), 1000.0) is Verdict.WRONG


def test_an_account_without_the_algorithm_is_refused() -> None:
    _, value = exchange(DigestServer("demo", SECRET), "right", "MD5")
    only = {"SHA-256": stored()["SHA-256"]}
    assert DigestServer("demo", SECRET).verify(parsed(value), "REGISTER", only, 1000.0) is Verdict.WRONG


def test_the_strongest_algorithm_comes_first_and_is_chosen() -> None:
    """RFC 8760 2.4."""
    challenges = DigestServer("demo", SECRET).challenges(0.0, b"r")
    value = DigestClient("1001", "right").answer(challenges, "INVITE", "sip:x", "c")
    assert value is not None
    assert "algorithm=SHA-256" in value


def test_a_client_counts_its_uses_of_a_nonce() -> None:
    client = DigestClient("1001", "right")
    challenges = DigestServer("demo", SECRET).challenges(0.0, b"r")
    counts = [parsed(client.answer(challenges, "INVITE", "sip:x", "c") or "")["nc"] for _ in range(2)]
    assert counts == ["00000001", "00000002"]


@pytest.mark.parametrize(
    "value", ["Basic abc", "Digest", "NoOneKnowsThisScheme opaque-data=here", 'Digest a="']
)
def test_what_is_not_digest_gives_nothing_to_check(value: str) -> None:
    assert not parse_credentials(value)


class TestNobodyLearnsWhoThereIs:
    """A user that there is not costs the same work and gets the same word as a wrong password."""

    @pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
    def test_the_same_hashes_are_computed(self, monkeypatch: pytest.MonkeyPatch, algorithm: str) -> None:
        server, hashed = DigestServer("demo", SECRET), list[str]()
        value = exchange(server, "wrong", algorithm)[1]

        for name in ("md5", "sha256", "new"):
            plain = getattr(hashlib, name)

            def counting(*given: Any, plain: Any = plain, **options: Any) -> Any:
                hashed.append(algorithm)
                return plain(*given, **options)

            monkeypatch.setattr(hashlib, name, counting)
        work = []
        # What was asked for is hashed once for all of them.
        assert server.check([value], "REGISTER", "1001", stored(), 1000.0) is Verdict.WRONG
        for user, known in (("1001", stored()), ("1002", stored()), ("1001", {}), ("", {})):
            hashed.clear()
            assert server.check([value], "REGISTER", user, known, 1000.0) is Verdict.WRONG
            work.append(list(hashed))
        assert work == [[algorithm]] * 4

    def test_an_empty_name_is_nobody_even_with_an_empty_password(self) -> None:
        server = DigestServer("demo", SECRET)
        asked = server.challenges(1000.0, b"1")
        value = DigestClient("", "").answer(asked, "REGISTER", "sip:demo", "c")
        assert value is not None
        assert server.check([value], "REGISTER", "", {}, 1000.0) is Verdict.WRONG


def test_an_answer_without_qop_is_good_once() -> None:
    """RFC 7616 3.4: there is no nonce count that could grow."""
    server = DigestServer("demo", SECRET)
    old_style = [item.replace(', qop="auth"', "") for item in server.challenges(1000.0, b"1")]
    value = DigestClient("1001", "right").answer(old_style, "REGISTER", "sip:demo", "c")
    assert value is not None
    verdicts = [server.verify(parsed(value), "REGISTER", stored(), 1000.0) for _ in range(2)]
    assert verdicts == [Verdict.OK, Verdict.STALE]


@pytest.mark.parametrize("field", ["uri", "nonce", "nc", "cnonce", "response", "username", "realm"])
def test_bytes_that_are_no_text_are_wrong_and_break_nothing(field: str) -> None:
    server = DigestServer("demo", SECRET)
    value = exchange(server, "right", "MD5", 1001.0)[1]
    broken = {**parsed(value), field: "\udcff\udc80é"}
    if field != "response":
        qop = broken["qop"]
        broken["response"] = response_hash("MD5", stored()["MD5"], "REGISTER", broken, broken["uri"], qop)
    assert server.verify(broken, "REGISTER", stored(), 1001.0) in (Verdict.WRONG, Verdict.STALE, Verdict.OK)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('Username="a", nc=00000001,qop=auth,   uri="sip:x,y=z"', {"username", "nc", "qop", "uri"}),
        ('username = "a" , nc=1', {"username", "nc"}),
        ('username="a",', {"username"}),
        ('username="",nc=', {"username", "nc"}),
        ("", set()),
        ('username="a" nc=1', None),
        ('username="a", =1', None),
        ('username="a', None),
        ('a="1",a="2"', {"a"}),
    ],
)
def test_credentials_are_read_the_same_however_they_are_spaced(text: str, expected: set[str] | None) -> None:
    """RFC 3261 25.1: white space may stand around commas and equal signs."""
    found, spaced = (
        parse_credentials(f"Digest {text}"),
        parse_credentials(f"Digest \t{text}".replace("=", " =")),
    )
    assert (None if found is None else set(found)) == expected
    if found is not None and "uri" not in found:
        assert found == spaced


@pytest.mark.parametrize(
    ("value", "params"),
    [
        ('Digest a="1", b=2', {"a": "1", "b": "2"}),
        ('digest  A="x, y",b=2 , c="q\\"r"', {"a": "x, y", "b": "2", "c": 'q"r'}),
        ('Digest a="", b="2"', {"a": "", "b": "2"}),
        ('Digest a="1, b=2', None),
        ('Digest a="1"x, b=2', None),
        ("Digest a b=2", None),
        ('Digest a,b="1"', None),
        ("Basic a=1", None),
    ],
)
def test_credentials_are_read_however_they_are_written(value: str, params: dict[str, str] | None) -> None:
    assert parse_credentials(value) == params
    assert read_credentials(value) == (None if params is None else Credentials.of(params))


@pytest.mark.parametrize("end", ["", ", ", ","])
@pytest.mark.parametrize("qop", ["", ", qop=auth", ', qop="auth"', ', qop="auth', ", qop=auth-int"])
def test_usual_credentials_are_read_at_one_look_as_all_others(qop: str, end: str) -> None:
    value = (
        'Digest username="a b", realm="demo", nonce="n-1", uri="sip:demo;x=1", response="00ff", '
        f'algorithm=MD5, cnonce="c", nc=00000001, opaque="o", cnonce="d"{qop}{end}'
    )
    params = parse_credentials(value)
    assert read_credentials(value) == (None if params is None else Credentials.of(params))


def test_a_signature_is_an_hmac_with_sha_256() -> None:
    """RFC 2104: nodes that sign by the library know each other's nonces."""
    for key in (b"k", b"k" * 64, b"k" * 65):
        server = DigestServer("demo", key, issuer="here")
        body, _, signature = server.nonce(1000.0, b"12345678").rpartition("-")
        assert signature == hmac.new(key, f"demo:{body}".encode(), "sha256").hexdigest()[:32]


def test_rfc7616_3_3_a_challenge_for_auth_int_alone_is_not_answered_and_one_beside_it_is() -> None:
    """What we say without the body's hash would be taken for a wrong password."""
    client = DigestClient("1001", "right")
    alone, both = (
        f'Digest realm="demo", nonce="n", algorithm=MD5, qop="{q}"' for q in ("auth-int", "auth-int,auth")
    )
    assert client.answer([alone], "REGISTER", "sip:demo", "c") is None
    assert "qop=auth," in (client.answer([alone, both], "REGISTER", "sip:demo", "c") or "")
