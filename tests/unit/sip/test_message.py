"""Messages: access, change, serialisation (RFC 3261 7)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.sip import NameAddr, Request, Response, SipParseError, cancel_for, parse_message, response_to

INVITE = (
    b"INVITE sip:bob@biloxi.example.com SIP/2.0\r\n"
    b"v: SIP/2.0/UDP a.example.com;branch=z9hG4bK1, SIP/2.0/UDP b.example.com;branch=z9hG4bK2\r\n"
    b"Via: SIP/2.0/UDP c.example.com;branch=z9hG4bK3\r\n"
    b"Record-Route: <sip:p.example.com;lr>\r\n"
    b"Route: <sip:r1;lr>, <sip:r2;lr>\r\n"
    b"f: <sip:alice@example.com>;tag=1\r\n"
    b"TO: <sip:bob@example.com>\r\n"
    b"Subject: one\r\n two\r\n"
    b"i: abc\r\nCSEQ: 7 INVITE\r\nx-own: 1\r\nl: 2\r\n\r\nhiXX"
)


def invite() -> Request:
    message = parse_message(INVITE)
    assert isinstance(message, Request)
    return message


def test_compact_and_odd_spellings_are_one_name() -> None:
    message = invite()
    assert message.call_id == "abc"
    assert message.get("X-Own") == message.get("x-OWN") == "1"
    assert message.from_tag == "1"


def test_the_prack_of_libre_is_read_and_no_other_bare_line_break() -> None:
    """Its RAck ends with LF alone; elsewhere that would hide a header from one of two hops."""
    rack = b"RAck: 7 62019 INVITE\nContent-Length: 0\r\n\r\n"
    prack = INVITE.replace(b"INVITE", b"PRACK").partition(b"l: 2")[0] + rack
    message = parse_message(prack)
    assert message.get("RAck") == "7 62019 INVITE"
    assert b"RAck: 7 62019 INVITE\r\n" in message.to_bytes()
    for hidden in (rack.replace(b"RAck", b"Subject"), rack.replace(b"Content-Length: 0", b"X-Own: 0")):
        with pytest.raises(SipParseError):
            parse_message(prack.replace(rack, hidden))


def test_folded_lines_are_joined() -> None:
    """RFC 3261 7.3.1."""
    assert invite().get("Subject") == "one two"


def test_bytes_after_the_body_of_a_datagram_are_dropped() -> None:
    """RFC 3261 18.3."""
    assert invite().body == b"hi"


def test_values_are_counted_over_lines_and_commas() -> None:
    message = invite()
    assert len(message.values("Via")) == 3
    assert message.pop_first("Via") == "SIP/2.0/UDP a.example.com;branch=z9hG4bK1"
    assert message.via.branch == "z9hG4bK2"
    message.prepend("Via", "SIP/2.0/TCP z;branch=z9hG4bK9")
    assert message.via.host == "z"
    assert [route.uri.host for route in message.routes] == ["r1", "r2"]


def test_a_changed_header_is_read_anew() -> None:
    message = invite()
    assert message.to_tag is None
    message.set("To", "<sip:bob@example.com>;tag=9")
    assert message.to_tag == "9"


def test_the_content_length_is_that_of_the_body() -> None:
    message = invite()
    message.set_body(b"12345", "text/plain")
    assert b"Content-Length: 5\r\n\r\n12345" in message.to_bytes()
    assert parse_message(message.to_bytes()).content_type == "text/plain"


def test_a_line_break_cannot_be_smuggled_into_a_header() -> None:
    message = invite()
    for change in (message.add, message.set, message.prepend):
        with pytest.raises(ValueError, match="line break"):
            change("X-Own", "a\r\nEvil: 1")
    with pytest.raises(ValueError, match="line break"):
        Request("INVITE", "sip:a@b\r\nEvil: 1")


def test_a_copy_can_be_changed_alone() -> None:
    message = invite()
    twin = message.copy()
    twin.set("Call-ID", "other")
    twin.retarget("sip:else@example.com")
    assert message.call_id == "abc"
    assert message.uri.user == "bob"


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        (b"CSEQ: 7 INVITE", b"CSEQ: 7 BYE", 400),
        (b"i: abc\r\n", b"", 400),
        (b"i: abc\r\n", b"i: abc\r\ni: abd\r\n", 400),
        (b"SIP/2.0\r\nv", b"SIP/3.0\r\nv", 505),
        (b"l: 2", b"l: 99", 400),
        (b"f: <sip:alice@example.com>", b"f: <sip:alice@example.com:99999>", 400),
        (b"f: <sip:alice@example.com>", b"f: <sip:alice@-example.com>", 400),
        (b"f: <sip:alice@example.com>", b"f: <sip:al\x7fice@example.com>", 400),
        (b"<sip:p.example.com;lr>", b"<sip:p.example.com;lr", 400),
        (b"<sip:r2;lr>", b"<sip:@r2;lr>", 400),
        (b"\r\nx-own: 1", b"\r\nx-own 1", 400),
        (b"\r\nx-own: 1", b"\r\nx-own: 1\rEvil: 2", 400),
    ],
)
def test_a_broken_request_says_what_it_deserves_and_can_be_addressed(
    old: bytes, new: bytes, status: int
) -> None:
    with pytest.raises(SipParseError) as caught:
        parse_message(INVITE.replace(old, new))
    assert caught.value.status == status
    assert isinstance(caught.value.message, Request)
    assert caught.value.message.via.host == "a.example.com"


class TestRfc3261Section8_2_6:  # noqa: N801
    """Responses."""

    def test_a_response_copies_what_routes_it(self) -> None:
        response = response_to(invite(), 486, to_tag="77")
        assert response.values("Via") == invite().values("Via")
        assert response.to_tag == "77"
        assert (response.from_tag, response.call_id, str(response.cseq)) == ("1", "abc", "7 INVITE")
        assert not response.has("Record-Route")
        assert isinstance(parse_message(response.to_bytes()), Response)

    def test_100_has_no_tag_and_180_has_the_record_route(self) -> None:
        assert response_to(invite(), 100, to_tag="77").to_tag is None
        assert response_to(invite(), 180, to_tag="77").get("Record-Route") == "<sip:p.example.com;lr>"

    def test_a_tag_that_is_there_is_kept(self) -> None:
        request = invite()
        request.set("To", "<sip:bob@example.com>;tag=old")
        assert response_to(request, 200, to_tag="new").to_tag == "old"


def test_a_cancel_has_the_top_via_alone_and_the_routes() -> None:
    """RFC 3261 9.1."""
    cancel = cancel_for(invite())
    assert cancel.get_all("Via") == ["SIP/2.0/UDP a.example.com;branch=z9hG4bK1"]
    assert str(cancel.cseq) == "7 CANCEL"
    assert cancel.values("Route") == ["<sip:r1;lr>", "<sip:r2;lr>"]
    assert isinstance(parse_message(cancel.to_bytes()), Request)


class TestTags:
    """A tag is read without parsing the address where it is written plainly; both ways agree."""

    @pytest.mark.parametrize(
        "value",
        [
            "<sip:a@b>;tag=1",
            "<sip:a;tag=9@b;tag=8>;tag=1",
            "<sip:a@b;tag=8>",
            "<sip:a@b>",
            "sip:a@b;x=1;tag=x;y=2",
            "sip:a@b",
            '"a>b;tag=2" <sip:a@b>;tag=3',
            '<sip:a@b>;x=">;tag=evil"',
            "<sip:a@b>;mytag=3",
            "Bob <sip:a@b>;tag=4",
            "<sip:a@b> ; tag=4",
            "<sip:a@b>;TAG=5",
            "<sip:a@b>;tag=3;tag=4",
            "<sip:a@b>;tag=3;Tag=4",
            "<sip:a@b>;tag",
            "<sip:a@b>;tag=",
        ],
    )
    def test_it_is_that_of_the_parsed_address(self, value: str) -> None:
        request = Request("BYE", "sip:a@b", [("From", value), ("To", value)])
        assert request.from_tag == request.to_tag == NameAddr.parse(value).tag


CHANGES = ("add", "set", "prepend", "replace_first", "pop_first", "remove", "copy")
NAMES = ("Via", "Route", "Subject")
VALUES = ("5", "6, 7", "5, 5")


class TestFirstValues:
    """What was looked up is looked up again after any change."""

    def test_a_change_from_outside_is_seen(self) -> None:
        request = Request("BYE", "sip:a@b", [("Subject", "one"), ("X-Note", "n")])
        assert (request.get("Subject"), request.get("s")) == ("one", "one")
        request.headers = [("Subject", "two")]
        assert (request.get("Subject"), request.get("X-Note")) == ("two", None)
        request.headers[:0] = [("Subject", "three")]
        assert request.get("subject") == "three"
        del request.headers[0]
        request.add("X-Note", "n")
        assert (request.get("Subject"), request.get("X-Note")) == ("two", "n")

    def test_a_change_by_its_own_methods_is_seen(self) -> None:
        request = Request("BYE", "sip:a@b", [("Route", "<sip:1;lr>, <sip:2;lr>"), ("Route", "<sip:3;lr>")])
        assert request.pop_first("Route") == "<sip:1;lr>"
        assert request.get("Route") == "<sip:2;lr>"
        request.replace_first("Route", "<sip:4;lr>")
        assert request.get("Route") == "<sip:4;lr>"
        assert request.pop_first("Route") == "<sip:4;lr>"
        assert request.get("Route") == "<sip:3;lr>"
        request.remove("Route")
        assert request.get("Route") is None
        request.add("Route", "<sip:5;lr>")
        request.set("Route", "<sip:6;lr>")
        assert request.get("Route") == "<sip:6;lr>"

    def test_a_copy_goes_its_own_way(self) -> None:
        request = Request("BYE", "sip:a@b", [("Subject", "one")])
        assert request.get("Subject") == "one"
        twin = request.copy()
        twin.set("Subject", "two")
        assert (request.get("Subject"), twin.get("Subject")) == ("one", "two")

    @given(st.lists(st.tuples(st.sampled_from(CHANGES), st.sampled_from(NAMES), st.sampled_from(VALUES))))
    def test_any_changes_leave_what_a_look_at_all_lines_finds(
        self, changes: list[tuple[str, str, str]]
    ) -> None:
        request = Request("BYE", "sip:a@b", [("Via", "1"), ("Route", "2, 3"), ("Route", "4")])
        for change, name, value in changes:
            if change == "copy":
                request = request.copy()
            elif change in ("pop_first", "remove"):
                getattr(request, change)(name)
            else:
                getattr(request, change)(name, value)
            for known in NAMES:
                assert request.get(known) == next(iter(request.get_all(known)), None)


def test_a_copy_that_goes_on_has_its_new_lines_on_top_and_leaves_the_original_as_it_was() -> None:
    message = invite()
    message.add("Max-Forwards", "70")
    before = list(message.headers)
    copy = message.onward([("Record-Route", "<sip:b;lr>")], {"Max-Forwards": "69", "X-Own": "2"})
    assert message.headers == before
    assert copy.get_all("Record-Route") == ["<sip:b;lr>", "<sip:p.example.com;lr>"]
    assert (copy.max_forwards, copy.get_all("X-Own"), copy.get("Record-Route")) == (69, ["2"], "<sip:b;lr>")
    again = parse_message(copy.to_bytes())
    assert again.headers == copy.headers
    assert again.body == b"hi"
    with pytest.raises(ValueError, match="line break"):
        message.onward([], {"X-Own": "a\r\nb"})
