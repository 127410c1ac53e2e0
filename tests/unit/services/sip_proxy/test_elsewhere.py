"""Dialogs that another node has than the one that their route names."""

from ringback.contracts.telephony import ClusterNode
from ringback.services.sip_proxy.elsewhere import Elsewhere, at_node, owner_of
from ringback.services.sip_proxy.marks import Mark, Side
from ringback.services.sip_proxy.targets import Target
from ringback.sip import NameAddr, Response
from ringback.sip.transport import Destination

EDGE = Side("edge", "192.0.2.1", 5060, key=b"a key of the edge")
INSIDE = Side("inside", "10.0.0.1", 5080)
NODE = ClusterNode(node="two", http="http://10.0.0.3:1", sip_host="10.0.0.3", sip_port=5068)
FLOW = Destination("udp", "198.51.100.1", 5070)


def test_only_a_node_names_an_owner_and_only_with_481() -> None:
    node = Target("node", "one", "inside", FLOW)
    named = [("X-Ringback-Owner", "two")]
    assert owner_of(node, Response(481, headers=named)) == "two"
    assert owner_of(node, Response(481)) == ""
    assert owner_of(node, Response(404, headers=named)) == ""
    assert owner_of(Target("phone", "x", "edge", FLOW), Response(481, headers=named)) == ""


def test_a_new_dialog_finds_the_node_that_took_it_and_the_flow_stays() -> None:
    routes = (EDGE.route(Mark("one", FLOW), "udp"), INSIDE.route(Mark("one"), "tcp"))
    moved = at_node(Target("node", "one", "inside", FLOW, record_routes=routes), NODE, (EDGE, INSIDE))
    assert moved.name == "two"
    assert moved.destination == Destination("tcp", "10.0.0.3", 5068)
    outer, inner = (NameAddr.parse(route).uri for route in moved.record_routes)
    assert Mark.decode(outer.user, EDGE.key) == Mark("two", FLOW)
    assert Mark.decode(inner.user).node == "two"
    assert "lr" in outer.params and inner.params["transport"] == "tcp"


def test_the_address_in_the_request_is_that_of_the_other_node() -> None:
    target = Target("node", "one", "inside", FLOW, uri="sip:media@10.0.0.2:5068;transport=tcp")
    assert at_node(target, NODE, (EDGE, INSIDE)).uri == "sip:media@10.0.0.3:5068;transport=tcp"


def test_what_was_said_is_remembered_and_the_oldest_forgotten() -> None:
    moved = Elsewhere(2)
    assert moved.node_of("a", "one") == "one"
    for call_id in ("a", "b", "a", "c"):
        moved.note(call_id, "two")
    assert [moved.node_of(call_id, "one") for call_id in "abc"] == ["two", "one", "two"]
