"""RFC 3261 22.2 and 22.3: who asks for a password gets it once, and all who ask get it."""

from itertools import count

import pytest

from ringback.sip import Response
from ringback.sip.challenges import Challenges
from ringback.sip.digest import DigestClient, DigestServer, Verdict, ha1

PROXY, REGISTRAR = (DigestServer(f"{name}.test", b"key") for name in ("proxy", "registrar"))
STORED = {
    server.realm: {name: ha1("kim", server.realm, "secret", name) for name in ("SHA-256", "MD5")}
    for server in (PROXY, REGISTRAR)
}
NUMBERS = count()


def refusal(*servers: DigestServer, stale: bool = False) -> Response:
    made = Response(407 if servers[0] is PROXY else 401)
    for server in servers:
        name = "Proxy-Authenticate" if server is PROXY else "WWW-Authenticate"
        for value in server.challenges(0.0, b"%d" % next(NUMBERS), stale=stale):
            made.add(name, value)
    return made


def verdicts(challenges: Challenges) -> list[Verdict]:
    """What proxy and registrar say of the next try."""
    found = challenges.answers("REGISTER", "sip:registrar.test", lambda: f"c{next(NUMBERS)}")
    return [
        server.check(
            [value for given, value in found if given == name], "REGISTER", "kim", STORED[server.realm], 0.0
        )
        for server, name in ((PROXY, "Proxy-Authorization"), (REGISTRAR, "Authorization"))
    ]


@pytest.fixture
def challenges() -> Challenges:
    return Challenges(DigestClient("kim", "secret"))


def test_22_3_a_proxy_and_then_a_registrar_are_answered_and_the_proxy_again(challenges: Challenges) -> None:
    assert challenges.hear(refusal(PROXY))
    assert verdicts(challenges) == [Verdict.OK, Verdict.WRONG]
    assert challenges.hear(refusal(REGISTRAR))
    assert verdicts(challenges) == [Verdict.OK, Verdict.OK]  # the proxy's nonce is counted on
    assert challenges.tries == 2


def test_16_7_challenges_that_were_gathered_are_answered_together(challenges: Challenges) -> None:
    assert challenges.hear(refusal(PROXY, REGISTRAR))
    assert verdicts(challenges) == [Verdict.OK, Verdict.OK]


def test_22_2_what_was_in_vain_is_not_tried_again_but_a_stale_nonce_is_for_a_while(
    challenges: Challenges,
) -> None:
    assert challenges.hear(refusal(PROXY))
    assert not challenges.hear(refusal(PROXY))
    assert [challenges.hear(refusal(PROXY, stale=True)) for _ in range(4)] == [True, True, True, False]
    challenges.settled()
    assert challenges.hear(refusal(PROXY))


def test_what_cannot_be_answered_is_not_tried(challenges: Challenges) -> None:
    unknown = Response(401)
    unknown.add("WWW-Authenticate", 'Basic realm="x"')
    unknown.add("WWW-Authenticate", 'Digest realm="x", nonce="n", algorithm=X')
    unknown.add("WWW-Authenticate", 'Digest realm="x", nonce="n", qop="auth-int"')
    assert not challenges.hear(unknown)
    assert challenges.answers("REGISTER", "sip:x", str) == []
