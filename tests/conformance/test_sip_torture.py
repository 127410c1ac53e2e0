"""RFC 4475 and RFC 5118: every message of the suites gets the treatment that its section asks for."""

import csv
import os
from pathlib import Path

import pytest

from ringback.sip import Request, Response, SipParseError, parse_message
from ringback.sip.ids import IdSource
from ringback.sip.layer import ResponseReceived, TransactionLayer
from ringback.sip.uas import Capabilities, refuse

PROJECT = Path(__file__).resolve().parents[2]
SUITES = Path(os.environ.get("RINGBACK_SUITES", PROJECT / "../shared/suites"))
RFC4475 = SUITES / "rfc4475"
RFC5118 = SUITES / "rfc5118"
BAD_IPV6 = {"ipv6-bad"}

needs_4475 = pytest.mark.skipif(not RFC4475.is_dir(), reason=f"no suite at {RFC4475}")
needs_5118 = pytest.mark.skipif(not RFC5118.is_dir(), reason=f"no suite at {RFC5118}")


def cases() -> list[tuple[str, str]]:
    if not RFC4475.is_dir():
        return []
    with (RFC4475 / "expected.tsv").open() as table:
        return [(row["file"], row["expect"]) for row in csv.DictReader(table, delimiter="\t")]


def treatment(data: bytes) -> str:
    """What a user agent server that knows the core methods and SDP does with these bytes."""
    try:
        message = parse_message(data)
    except SipParseError as error:
        return "discard" if isinstance(error.message, Response | None) else str(error.status)
    if isinstance(message, Response):
        return "accept" if reaches_a_user(message) else "discard"
    able = Capabilities(
        Capabilities().methods | {"REGISTER", "MESSAGE", message.method},
        content_types=frozenset({"application/sdp", "multipart/mixed"}),
    )
    refusal = refuse(message, able, "tag")
    return "accept" if refusal is None else str(refusal.status)


def reaches_a_user(response: Response) -> bool:
    """True if the response goes to a transaction that sent exactly the request it answers."""
    if len(response.values("Via")) != 1:
        return False
    layer = TransactionLayer(IdSource(bytes))
    request = Request(response.cseq.method, "sip:user@example.com", [("Max-Forwards", "70")])
    for name in ("Via", "From", "To", "Call-ID", "CSeq"):
        request.add(name, response.get(name))
    layer.request(request, 0.0, reliable=True, peer=None)
    layer.outputs.clear()
    layer.receive(response, 0.0, reliable=True, peer=None)
    return any(isinstance(output, ResponseReceived) for output in layer.outputs)


def allowed(expected: str) -> set[str]:
    if "never crash" in expected:
        return {"accept", "400"}
    numbers = {word.strip(",()") for word in expected.split() if word.strip(",()").isdigit()}
    if expected.startswith("reject"):
        return numbers - {"2543"} | (
            {"accept"} if "or accept" in expected or "or answer" in expected else set()
        )
    return {"discard"} if expected.startswith("discard") else {"accept"}


@needs_4475
@pytest.mark.parametrize(("name", "expected"), cases())
def test_rfc_4475(name: str, expected: str) -> None:
    if name == "zeromf":
        message = parse_message((RFC4475 / "zeromf.dat").read_bytes())
        assert message.max_forwards == 0
        return
    assert treatment((RFC4475 / f"{name}.dat").read_bytes()) in allowed(expected)


@needs_4475
def test_all_49_messages_of_rfc_4475_are_judged() -> None:
    assert len(cases()) == 49


@needs_5118
@pytest.mark.parametrize("name", sorted(path.name for path in RFC5118.glob("*")))
def test_rfc_5118(name: str) -> None:
    data = (RFC5118 / name).read_bytes()
    if name in BAD_IPV6:
        assert treatment(data) == "400"
        return
    message = parse_message(data)
    again = parse_message(message.to_bytes())
    assert again.get("To") == message.get("To")
    assert message.via.reply_address[1] in (5060, 6050, 19823)
    assert isinstance(message, Request)
    if name == "port-ambiguous":
        assert message.uri.host == "2001:db8::10:5070"
        assert message.uri.port is None
    if name == "port-unambiguous":
        assert (message.uri.host, message.uri.port) == ("2001:db8::10", 5070)
    if name == "ipv6-bug-abnf-3-colons":
        assert message.uri.host == "2001:db8::c000:201"
    if name.startswith("via-received"):
        assert message.via.reply_address[0] == "2001:db8::9:255"
