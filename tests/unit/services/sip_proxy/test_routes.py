"""The headers of routing (RFC 3261 16, RFC 5658)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.services.sip_proxy.marks import Mark, Side
from ringback.services.sip_proxy.routes import branch_for, loops, onward, outer_mark, take_routes
from ringback.sip import NameAddr, Request, SipUri
from ringback.sip.transport import Destination

EDGE = Side("edge", "192.0.2.1", 5060)
INSIDE = Side("inside", "10.0.0.1", 5080)
SIDES = (EDGE, INSIDE)


def request() -> Request:
    return Request(
        "INVITE",
        "sip:8000@192.0.2.1",
        [
            ("Via", "SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK1"),
            ("From", "<sip:a@b>;tag=1"),
            ("To", "<sip:8000@192.0.2.1>"),
            ("Call-ID", "c"),
            ("CSeq", "1 INVITE"),
        ],
    )


@given(
    st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable()),
    st.sampled_from(["udp", "tcp"]),
    st.ip_addresses(),
    st.integers(1, 65535),
)
def test_a_mark_survives_the_trip_through_a_route(node: str, transport: str, host: object, port: int) -> None:
    mark = Mark(node, Destination(transport, str(host), port))
    uri = NameAddr.parse(EDGE.route(mark, transport)).uri
    assert EDGE.owns(uri)
    assert Mark.decode(uri.user) == mark


@pytest.mark.parametrize("user", [None, "", "alice", "a~b", "n~xyz~h~1", "n~udp~h~x", "~~~"])
def test_a_foreign_user_part_gives_no_flow(user: str | None) -> None:
    assert Mark.decode(user).flow is None


def test_both_routes_of_ours_are_taken_and_the_rest_stays() -> None:
    made = request()
    routes = (EDGE.route(Mark("n1"), "udp"), INSIDE.route(Mark("n1"), "tcp"), "<sip:next;lr>")
    made.add("Route", ", ".join(routes))
    assert [taken.side.name for taken in take_routes(made, SIDES)] == ["edge", "inside"]
    assert made.values("Route") == ["<sip:next;lr>"]


def test_what_is_remembered_of_a_route_holds_for_an_equal_face() -> None:
    def outer() -> Mark | None:
        made = request()
        made.add("Route", Side("edge", "192.0.2.9", 5060).route(Mark("n1"), "udp"))
        return outer_mark(take_routes(made, (Side("edge", "192.0.2.9", 5060), INSIDE)))

    assert outer() == outer() == Mark("n1")


def test_a_request_inside_has_no_outer_mark() -> None:
    made = request()
    made.add("Route", INSIDE.route(Mark("n1"), "tcp"))
    assert outer_mark(take_routes(made, SIDES)) is None


def test_a_foreign_route_is_not_taken() -> None:
    made = request()
    made.add("Route", "<sip:192.0.2.1:5070;lr>")
    assert take_routes(made, SIDES) == []


def test_hops_are_counted_down_in_the_copy_alone() -> None:
    made = request()
    assert onward(made).max_forwards == 70
    made.set("Max-Forwards", "5")
    assert (onward(made).max_forwards, made.max_forwards) == (4, 5)


def test_an_unchanged_request_loops_and_a_spiral_does_not() -> None:
    """RFC 3261 16.3 step 4."""
    made = request()
    made.prepend("Via", f"SIP/2.0/TCP 10.0.0.1:5080;branch={branch_for(made, 'r')}")
    assert loops(made, SIDES)
    made.uri = SipUri.parse("sip:8001@192.0.2.1")
    assert not loops(made, SIDES)


def test_what_a_strict_router_did_is_undone() -> None:
    """RFC 3261 16.4: our Record-Route in the Request-URI, the target in the last Route."""
    made = request()
    made.uri = NameAddr.parse(EDGE.route(Mark("n1"), "udp")).uri
    made.add("Route", f"{INSIDE.route(Mark('n1'), 'tcp')}, <sip:next;lr>")
    made.add("Route", "<sip:bob@198.51.100.7>")
    assert [(taken.side.name, taken.mark.node) for taken in take_routes(made, SIDES)] == [
        ("edge", "n1"),
        ("inside", "n1"),
    ]
    assert (made.raw_uri, made.values("Route")) == ("sip:bob@198.51.100.7", ["<sip:next;lr>"])


def test_a_request_for_one_of_our_own_numbers_is_not_repaired() -> None:
    made = request()
    made.add("Route", "<sip:next;lr>")
    assert take_routes(made, SIDES) == []
    assert made.raw_uri == "sip:8000@192.0.2.1"


class TestFlowTokens:
    """RFC 5626 5.2: nobody but this proxy makes it send somewhere."""

    FLOW = Mark("n1", Destination("udp", "192.0.2.7", 40_000))

    def test_a_sealed_flow_is_read_again(self) -> None:
        assert Mark.decode(self.FLOW.encode(b"key"), b"key") == self.FLOW
        proven = Mark("n1", shift=1, trunk="demo/line~1")
        assert Mark.decode(proven.encode(b"key"), b"key") == proven

    def test_a_flow_that_was_changed_sealed_by_another_or_not_at_all_is_none(self) -> None:
        ours = self.FLOW.encode(b"key")
        changed = ours[:-2] + ("A" if ours[-2] != "A" else "B") + ours[-1]
        for text in (changed, self.FLOW.encode(b"other"), ours[:9], "é", "~"):
            assert Mark.decode(text, b"key") == Mark(text.partition("~")[0])
        for text in (self.FLOW.encode(), "n1~udp~~1~", "n1~5", "n1"):
            assert Mark.decode(text, b"key") == Mark("n1")

    def test_outside_sees_no_name_and_the_same_word_each_time(self) -> None:
        edge = Side("edge", "192.0.2.1", 5060, key=b"key")
        for mark in (Mark("node-7"), Mark("node-7", self.FLOW.flow), Mark("node-7", None, 1, "demo/line")):
            word = mark.encode(b"key")
            assert word == mark.encode(b"key") != mark.encode(b"other")
            assert re.fullmatch(r"[A-Za-z0-9_-]+", word)
            assert not any(name in edge.route(mark, "udp") for name in ("node", "192.0.2.7", "demo", "line"))
            assert Mark.decode(NameAddr.parse(edge.route(mark, "udp")).uri.user, b"key") == mark
        assert Mark().encode(b"key") == ""


def test_a_face_with_two_versions_of_ip_is_called_by_the_one_of_the_other_side() -> None:
    both = Side("edge", "192.0.2.1", 5060, second="2001:db8::1")
    assert both.route(Mark("n"), "udp", "2001:db8::9") == "<sip:n@[2001:db8::1]:5060;lr>"
    assert both.route(Mark("n"), "udp", "192.0.2.9") == "<sip:n@192.0.2.1:5060;lr>"
    flow = Mark("n", Destination("udp", "2001:db8::9", 5060))
    assert "@[2001:db8::1]:" in both.route(flow, "udp")
    for host in ("192.0.2.1", "[2001:db8::1]"):
        assert both.owns(SipUri.parse(f"sip:n@{host}:5060;lr"))
    assert not both.owns(SipUri.parse("sip:n@[2001:db8::2]:5060"))
