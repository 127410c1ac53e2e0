"""What may cross the edge (RFC 3261, RFC 3325, RFC 3326)."""

import pytest

from ringback.services.sip_proxy.hygiene import Hygiene, clean_reason
from ringback.services.sip_proxy.marks import Mark, Side
from ringback.sip import Request, Response

EDGE = Side("edge", "192.0.2.1", 5060, (("tls", 5061), ("wss", 8089)))
INSIDE = Side("inside", "10.0.0.1", 5080)
SIDES = (EDGE, INSIDE)
RULES = Hygiene("Ringback", ("application/sdp",))


def request(*headers: tuple[str, str], body: bytes = b"") -> Request:
    always = [("Via", "SIP/2.0/TCP 10.0.0.9:5068;branch=z9hG4bK1"), ("From", "<sip:a@b>;tag=1")]
    return Request("INVITE", "sip:x@y", [*always, *headers], body)


class TestInward:
    """From outside."""

    def test_nobody_speaks_like_the_platform(self) -> None:
        made = request(("x-ringback-tenant", "demo"), ("X-Other", "1"), ("Subject", "hello"))
        RULES.inward(made)
        assert [name for name, _ in made.headers] == ["Via", "From", "Subject"]

    def test_only_a_trusted_peer_asserts_and_nobody_prefers(self) -> None:
        """RFC 3325 5."""
        lines = (("P-Asserted-Identity", "<tel:+1>"), ("P-Preferred-Identity", "<tel:+2>"))
        trusted, other = request(*lines), request(*lines)
        RULES.inward(trusted, trusted=True)
        RULES.inward(other)
        assert (trusted.has("P-Asserted-Identity"), trusted.has("P-Preferred-Identity")) == (True, False)
        assert not other.has("P-Asserted-Identity")

    def test_what_is_no_text_becomes_text_and_what_is_stays(self) -> None:
        made = request(("Subject", "M\udcfcller"), ("Organization", "Müller"))
        assert made.from_.tag == "1"
        RULES.inward(made)
        assert (made.get("Subject"), made.get("Organization")) == ("M\ufffdller", "Müller")
        made.to_bytes().decode()

    @pytest.mark.parametrize(
        ("kind", "disposition", "refused", "left"),
        [
            ("application/sdp", "", False, b"x"),
            ("Application/SDP; charset=utf-8", "", False, b"x"),
            ("application/isup", "signal;handling=optional", False, b""),
            ("application/isup", "signal; handling = required", True, b"x"),
            ("text/html", "", True, b"x"),
        ],
    )
    def test_bodies_that_nobody_asked_for(
        self, kind: str, disposition: str, refused: bool, left: bytes
    ) -> None:
        made = request(("Content-Type", kind), ("Content-Disposition", disposition), body=b"x")
        assert RULES.refuses_body(made) is refused
        assert made.body == left

    def test_a_response_loses_such_a_body(self) -> None:
        made = Response(486, headers=[("Content-Type", "text/html")], body=b"<p>")
        RULES.inward(made)
        assert (made.body, made.has("Content-Type")) == (b"", False)


class TestOutward:
    """From inside."""

    def test_the_way_inside_is_not_seen(self) -> None:
        inner, outer = INSIDE.route(Mark("n1"), "tcp"), EDGE.route(Mark("n1"), "udp")
        made = request(
            ("Record-Route", f"{inner}, {outer}"),
            ("Record-Route", inner),
            ("Contact", "<sip:u@10.0.0.9:5068>"),
        )
        RULES.outward(made, SIDES, "udp")
        assert made.get_all("Record-Route") == [outer]
        assert (made.has("Via"), made.get("Contact")) == (False, "<sip:u@192.0.2.1:5060>")
        assert "10.0.0" not in made.to_bytes().decode()

    @pytest.mark.parametrize(
        ("transport", "contact"),
        [
            ("tcp", "<sip:u@192.0.2.1:5060;transport=tcp>;isfocus"),
            ("tls", "<sip:u@192.0.2.1:5061;transport=tls>;isfocus"),
            ("wss", "<sip:u@192.0.2.1:8089;transport=ws>;isfocus"),
        ],
    )
    def test_the_contact_leads_to_the_door_that_the_peer_uses(self, transport: str, contact: str) -> None:
        made = request(("Contact", "<sip:u@10.0.0.9:5068;transport=tcp>;isfocus"))
        RULES.outward(made, SIDES, transport)
        assert made.get("Contact") == contact

    @pytest.mark.parametrize(("status", "method"), [(302, "INVITE"), (200, "REGISTER")])
    def test_a_contact_that_says_where_others_are_stays(self, status: int, method: str) -> None:
        line = ("Contact", "<sip:1001@198.51.100.7>;expires=60")
        made = Response(status, headers=[("CSeq", f"1 {method}"), line])
        RULES.outward(made, SIDES, "udp")
        assert made.get("Contact") == line[1]

    def test_responses_keep_their_vias_and_lose_the_make_of_our_parts(self) -> None:
        vias = ["SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1"]
        made = Response(200, headers=[("Via", vias[0]), ("CSeq", "1 BYE"), ("Server", "Inner 1.2")])
        RULES.outward(made, SIDES, "udp")
        assert (made.get_all("Via"), made.get("Server")) == (vias, "Ringback")
        silent = Hygiene("", ())
        silent.outward(made, SIDES, "udp")
        assert not made.has("Server")

    def test_identities_go_to_trusted_peers_alone(self) -> None:
        """RFC 3325 7."""
        lines = (("P-Asserted-Identity", "<tel:+1>"), ("Privacy", "id"), ("P-Preferred-Identity", "<tel:+2>"))
        trusted, other = request(*lines), request(*lines)
        RULES.outward(trusted, SIDES, "udp", trusted=True)
        RULES.outward(other, SIDES, "udp")
        assert [name for name, _ in trusted.headers] == ["From", "P-Asserted-Identity", "Privacy"]
        assert [name for name, _ in other.headers] == ["From"]


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        ('SIP;cause=200;text="Call completed elsewhere"', "SIP;cause=200"),
        ('q.850 ; cause=16;text="a, b", SIP ;cause=600', "Q.850;cause=16, SIP;cause=600"),
        ("Inner;cause=1", ""),
        ("SIP;cause=abc", ""),
        ("SIP;cause=1234", ""),
        ('SIP;text="cause=5"', ""),
    ],
)
def test_a_reason_crosses_as_protocol_and_cause(value: str, clean: str) -> None:
    """RFC 3326 2."""
    assert clean_reason(value) == clean


def test_a_request_uri_and_a_phrase_that_are_no_text_become_text() -> None:
    made, answer = (
        Request("INVITE", "sip:m\udcfcller@y", [("CSeq", "1 INVITE")]),
        Response(486, "Besch\udce4ftigt"),
    )
    RULES.inward(made)
    RULES.inward(answer)
    assert (made.raw_uri, answer.reason) == ("sip:m\ufffdller@y", "Besch\ufffdftigt")
