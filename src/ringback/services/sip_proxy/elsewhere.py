"""Dialogs that another cluster node has than the one that their route names.

A call may move: taken over from a node that is gone, or handed over so that two calls can become one. The
routes of its dialogs stay as they were (RFC 3261 12.2), so the node that is asked says who has the call, and
here it is remembered by Call-ID: an ACK cannot be told so.
"""

from __future__ import annotations

from collections import OrderedDict

from msgspec.structs import replace

from ringback.contracts.sip import HEADER_OWNER
from ringback.contracts.telephony import ClusterNode
from ringback.services.sip_proxy.marks import Mark, Side
from ringback.services.sip_proxy.targets import Target
from ringback.sip import NameAddr, Response, SipUri
from ringback.sip.transport import Destination

MOST = 20_000


class Elsewhere:
    """Which node has a dialog whose route names another one."""

    def __init__(self, most: int = MOST) -> None:
        self._nodes: OrderedDict[str, str] = OrderedDict()
        self._most = most

    def note(self, call_id: str, node: str) -> None:
        """A node has said who has the dialog."""
        self._nodes[call_id] = node
        self._nodes.move_to_end(call_id)
        if len(self._nodes) > self._most:
            self._nodes.popitem(last=False)

    def node_of(self, call_id: str, named: str) -> str:
        """The node to ask: the one that is remembered, else the one that the route names."""
        return self._nodes.get(call_id, named)


def owner_of(target: Target, response: Response) -> str:
    """The node that a node names as the owner of a dialog; empty in all other responses."""
    return response.get(HEADER_OWNER) or "" if response.status == 481 and target.role == "node" else ""


def at_node(target: Target, node: ClusterNode, sides: tuple[Side, ...]) -> Target:
    """The same target at another node."""
    routes = tuple(_through(route, node.node, sides) for route in target.record_routes)
    uri = target.uri
    if uri is not None:
        known = SipUri.parse(uri)
        uri = str(SipUri(known.scheme, known.user, node.sip_host, node.sip_port, known.params))
    place = Destination("tcp", node.sip_host, node.sip_port)
    return replace(target, name=node.node, destination=place, uri=uri, record_routes=routes)


def _through(route: str, node: str, sides: tuple[Side, ...]) -> str:
    """A Record-Route of ours with another node in its mark."""
    uri = NameAddr.parse(route).uri
    key = next((side.key for side in sides if side.owns(uri)), b"")
    mark = replace(Mark.decode(uri.user, key), node=node)
    return f"<{SipUri(uri.scheme, mark.encode(key) or None, uri.host, uri.port, uri.params)}>"
