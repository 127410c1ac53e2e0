"""What the hand phones say to what they cannot do: one line, whatever was given."""

import pytest

from ringback.commands.siptools.phones import UnusableUriError, call, ping, register

NOBODY = "127.0.0.1:9"


@pytest.mark.parametrize(
    ("user", "domain", "number", "word"),
    [("a b", "", "8000", "--user"), ("1001", "x y", "8000", "--domain"), ("1001", "", "80 00", "NUMBER")],
)
def test_names_that_make_no_uri_are_named(user: str, domain: str, number: str, word: str) -> None:
    with pytest.raises(UnusableUriError, match=word):
        call(number, user, "secret", NOBODY, domain, "udp", 1)


def test_a_server_is_given_as_a_host_or_as_a_uri_and_nothing_else() -> None:
    with pytest.raises(UnusableUriError, match="host:port"):
        register("1001", "secret", "bad host", "", "tcp", 0)


@pytest.mark.parametrize(("way", "why"), [("ws", "RFC 7118"), ("sctp", "none of udp, tcp and tls")])
def test_a_way_that_ping_does_not_go_is_said_in_one_line(
    way: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ping(f"sip:somebody@127.0.0.1:5099;transport={way}", times=1) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert why in line


def test_rfc3261_19_1_2_a_server_over_ipv6_stands_in_brackets(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody listens there, which is what has to be said."""
    for server in ("[::1]:9", "sip:[::1]:9"):
        assert register("1001", "secret", server, "", "tcp", 0) == 1
        assert "Nothing listens there" in capsys.readouterr().out
