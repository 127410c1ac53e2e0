"""Which node gets a request."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from ringback.contracts.telephony import ClusterNode, SipNode
from ringback.services.sip_proxy.nodes import NodeDirectory
from ringback.sip.transport import Destination


def node(name: str, calls: int = 0, capacity: int = 100, *, draining: bool = False) -> ClusterNode:
    return ClusterNode(
        node=name, http="", sip_host="h", sip_port=1, calls=calls, capacity=capacity, draining=draining
    )


@pytest.fixture
def directory() -> NodeDirectory:
    ctx = SimpleNamespace(address=lambda service, listener: ("127.0.0.1", 5066), monotonic=lambda: 0.0)
    return NodeDirectory(cast(Any, ctx), 1.0)


def order(directory: NodeDirectory, first: str = "", now: float = 0.0) -> list[str]:
    return [item.node for item in directory.cluster_order(first, now)]


def hold(directory: NodeDirectory, *nodes: ClusterNode) -> None:
    directory.cluster = {item.node: item for item in nodes}


def test_the_node_with_the_most_room_comes_first(directory: NodeDirectory) -> None:
    hold(directory, node("half", 50), node("empty"), node("big", 60, 1000))
    assert order(directory) == ["empty", "big", "half"]


def test_the_node_of_the_dialog_comes_first_also_when_it_is_full_or_drains(directory: NodeDirectory) -> None:
    hold(directory, node("own", 100, draining=True), node("empty"))
    assert order(directory, "own") == ["own", "empty"]
    assert order(directory) == ["empty"]


def test_calls_that_were_just_given_count(directory: NodeDirectory) -> None:
    hold(directory, node("a"), node("b", 2))
    for _ in range(3):
        directory.chosen("a")
    assert order(directory) == ["b", "a"]


def test_a_full_node_gets_no_new_call(directory: NodeDirectory) -> None:
    hold(directory, node("full", 100), node("almost", 99))
    assert order(directory) == ["almost"]
    directory.chosen("almost")
    assert order(directory) == []


def test_a_node_that_did_not_answer_comes_last_for_a_while(directory: NodeDirectory) -> None:
    hold(directory, node("own"), node("other", 90))
    directory.distrust("own", 10.0)
    assert order(directory, "own", 11.0) == ["other", "own"]
    assert order(directory, "own", 14.0) == ["own", "other"]


def test_an_empty_directory_is_believed_after_ten_seconds(directory: NodeDirectory) -> None:
    clock = [100.0]
    cast(Any, directory._ctx).monotonic = lambda: clock[0]
    known = {"a": node("a")}
    assert directory._believed("media", {}, known) is known
    clock[0] = 109.0
    assert directory._believed("media", known, {}) is known
    assert directory._believed("sip_cluster", known, {}) == {}, "each kind has a time of its own"
    clock[0] = 111.0
    assert directory._believed("media", known, {}) == {}


def test_without_registrars_in_the_directory_the_configured_one_is_asked(directory: NodeDirectory) -> None:
    assert directory.registrar_order(0.0) == [("registrar", Destination("tcp", "127.0.0.1", 5066))]
    directory.registrars = {"r": SipNode(node="r", sip_host="h", sip_port=7)}
    assert directory.registrar_order(0.0) == [("r", Destination("tcp", "h", 7))]


def test_the_first_registrar_is_the_first_in_their_order_whatever_has_changed(
    directory: NodeDirectory,
) -> None:
    nodes = {name: SipNode(node=name, sip_host=name, sip_port=7) for name in ("a", "b")}
    for now, registrars in ((0.0, {}), (1.0, nodes), (2.0, {"b": nodes["b"]}), (3.0, nodes)):
        directory.registrars = registrars
        for _ in range(2):
            assert directory.registrar(now) == directory.registrar_order(now)[0]
    assert directory.registrar(3.0)[0] == "a"
    directory.distrust("a", 4.0)
    assert [directory.registrar(now)[0] for now in (5.0, 8.0)] == ["b", "a"]


def test_media_legs_of_one_call_go_to_one_node(directory: NodeDirectory) -> None:
    nodes = [SipNode(node=name, sip_host=name, sip_port=5072, sessions=n) for n, name in enumerate("abc")]
    directory.media = {node.node: node for node in nodes}
    assert [node.node for node in directory.media_order(0.0)] == ["a", "b", "c"]
    assert directory.media_order(0.0, "c:5072")[0].node == "c"
    directory.distrust("c", 0.0)
    assert directory.media_order(0.0, "c:5072")[0].node != "c"
    directory.distrust("c", -100.0)
    shared = [node.node for node in directory.media_order(0.0, "00aa")]
    directory.media = dict(reversed(directory.media.items()))
    assert [node.node for node in directory.media_order(0.0, "00aa")] == shared


def test_the_directory_is_read_often_while_no_node_or_no_media_is_known(directory: NodeDirectory) -> None:
    assert directory.pause_s == 0.1
    hold(directory, node("a"))
    assert directory.pause_s == 0.1
    directory.media = {"m": SipNode(node="m", sip_host="h", sip_port=1)}
    assert directory.pause_s == 1.0


def test_nodes_that_do_not_answer_are_named_for_a_while(directory: NodeDirectory) -> None:
    hold(directory, node("a"), node("b"))
    assert directory.silent(0.0) == ""
    directory.distrust("a", 0.0)
    directory.distrust("gone", 0.0)
    assert directory.silent(1.0) == "a"
    assert directory.silent(10.0) == ""
