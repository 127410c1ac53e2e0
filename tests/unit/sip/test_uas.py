"""What a user agent server refuses, and in which order (RFC 3261 8.2)."""

import pytest

from ringback.sip import Request
from ringback.sip.uas import Capabilities, refuse

ABLE = Capabilities()


def request(method: str = "INVITE", uri: str = "sip:bob@example.com", *headers: tuple[str, str]) -> Request:
    made = Request(
        method,
        uri,
        [("Via", "SIP/2.0/UDP a;branch=z9hG4bK1"), ("From", "<sip:a@b>;tag=1"), ("To", "<sip:c@d>")],
    )
    for name, value in headers:
        made.add(name, value)
    return made


@pytest.mark.parametrize(
    ("made", "status", "header"),
    [
        (request("PUBLISH"), 405, "Allow"),
        (request("INVITE", "gopher:x"), 416, None),
        (request("INVITE", "sip:a@b", ("Require", "100rel, x")), 420, "Unsupported"),
        (request("INVITE", "sip:a@b", ("Accept", "text/plain")), 406, None),
    ],
)
def test_what_is_not_understood_is_refused(made: Request, status: int, header: str | None) -> None:
    refusal = refuse(made, ABLE, "t")
    assert refusal is not None
    assert refusal.status == status
    assert header is None or refusal.get(header)


@pytest.mark.parametrize(
    ("headers", "answer"),
    [
        ([("Content-Type", "text/x")], ("Accept", "application/sdp")),
        ([("Content-Type", "application/sdp"), ("e", "gzip")], ("Accept-Encoding", "identity")),
    ],
)
def test_rfc3261_21_4_13_a_415_names_what_would_be_taken_in_place_of_what_was_wrong(
    headers: list[tuple[str, str]], answer: tuple[str, str]
) -> None:
    made = request("INVITE", "sip:a@b", *headers)
    made.body = b"x"
    refusal = refuse(made, ABLE, "t")
    assert refusal is not None
    assert refusal.status == 415
    assert [pair for pair in refusal.headers if pair[0].startswith("Accept")] == [answer]


def test_an_ack_is_never_refused_for_its_extensions() -> None:
    assert refuse(request("ACK", "sip:a@b", ("Require", "x")), ABLE, "t") is None


@pytest.mark.parametrize("accept", ["*/*", "application/*", "text/plain, application/sdp;level=1"])
def test_an_accept_that_includes_sdp_is_fine(accept: str) -> None:
    assert refuse(request("INVITE", "sip:a@b", ("Accept", accept)), ABLE, "t") is None
