"""Where responses go, and what a request notes of where it came from (RFC 3261 18.2; RFC 3581)."""

from __future__ import annotations

from ringback.sip.connection import StreamConnection
from ringback.sip.message import Request
from ringback.sip.transport import Destination, Source
from ringback.sip.uri import Via, split_commas


def mark_via(request: Request, source: Source) -> Source:
    """Note where the request came from (18.2.1, RFC 3581 4); returns where the responses go."""
    via = request.via
    if "rport" in via.params:
        line = request.get("Via") or ""
        plain = line.find(";rport") == len(line) - 6 and "," not in line and "received" not in via.params
        params = {**via.params, "rport": str(source.port), "received": source.host}
        via = Via(via.transport, via.host, via.port, params)
        request.replace_via(via, f"{line}={source.port};received={source.host}" if plain else "")
        return source
    if via.host != source.host or "received" in via.params:
        via = via.with_params(received=source.host)
    else:
        return _reply_source(via, source)
    request.replace_via(via)
    return _reply_source(via, source)


def _reply_source(via: Via, source: Source) -> Source:
    host, port = via.reply_address
    if source.transport != "udp" or (host, port) == (source.host, source.port):
        return source
    return Source("udp", host, port, socket=source.socket)


def way_back(peer: Destination, via: Via) -> Destination:
    """Where a response goes: to where Via says if the connection of its request is gone (18.2.2)."""
    if type(peer) is not Source or peer.connection is None or peer.connection.is_open:
        return peer
    return Destination(peer.transport, peer.host, via.port or (5061 if peer.transport == "tls" else 5060))


def way_back_of(peer: Source, line: str) -> Destination:
    """`way_back` where Via is still as it was written: it is nearly never asked for."""
    if peer.connection is None or peer.connection.is_open:
        return peer
    return way_back(peer, Via.parse(split_commas(line)[0]))


def goes_over(peer: Destination, connection: StreamConnection) -> bool:
    """True if what is sent to a peer leaves on this connection."""
    where = (peer.transport, peer.host, peer.port, peer.identity)
    return where in (connection.remote, connection.asked)
