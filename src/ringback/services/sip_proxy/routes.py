"""What a proxy does to the headers of routing (RFC 3261 16.3 to 16.6, RFC 5658). Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from ringback.services.sip_proxy.marks import EDGE, Mark, Side, Taken
from ringback.sip import NameAddr, Request, SipUri, Via
from ringback.sip.ids import BRANCH_COOKIE
from ringback.sip.message import CSeq, parse_number
from ringback.sip.uri import split_commas

_SHORT = 1024


def take_routes(request: Request, sides: tuple[Side, ...]) -> list[Taken]:
    """Take our own values off the top of the Route set (16.4; two where the request crosses the proxy)."""
    if "Route" not in request.first_values():
        return []
    taken = _repair(request, sides)
    lines = tuple(request.get_all("Route"))
    ours, others = known_ours(lines, sides)
    if ours:
        request.remove("Route")
        for other in others:
            request.add("Route", other)
    return [*taken, *ours]


def known_ours(lines: tuple[str, ...], sides: tuple[Side, ...]) -> tuple[tuple[Taken, ...], tuple[str, ...]]:
    """Those of ours on top of a Route set, given as its lines, and all other values."""
    return (_known_routes if sum(map(len, lines)) < _SHORT else _ours)(lines, sides)


def _ours(lines: tuple[str, ...], sides: tuple[Side, ...]) -> tuple[tuple[Taken, ...], tuple[str, ...]]:
    values = [value for line in lines for value in split_commas(line)]
    taken: list[Taken] = []
    for value in values:
        uri = NameAddr.parse(value).uri
        side = _owner(uri, sides)
        if side is None:
            break
        taken.append(Taken(side, Mark.decode(uri.user, side.key)))
    return tuple(taken), tuple(values[len(taken) :])


# Every call of a trunk by way of a node has the same; those of a phone come again with its next call.
_known_routes = lru_cache(1024)(_ours)


def marked(taken: Sequence[Taken]) -> tuple[str, bool]:
    """The node that our routes name, if they do, and whether they lead to a phone by its flow."""
    name, by_flow = "", False
    for item in taken:
        name = name or item.mark.node
        by_flow = by_flow or item.mark.flow is not None
    return name, by_flow


def outer_mark(taken: Sequence[Taken]) -> Mark | None:
    """What our route of the outer face says; None where none of them is its."""
    # By name: what is remembered of a route may have been made for an equal face that is another object.
    return next((item.mark for item in taken if item.side.name == EDGE), None)


def _owner(uri: SipUri, sides: tuple[Side, ...]) -> Side | None:
    """The face that a URI leads to."""
    for side in sides:
        if side.owns(uri):
            return side
    return None


def _repair(request: Request, sides: tuple[Side, ...]) -> list[Taken]:
    """Undo what a strict router did (16.4): our Record-Route is the Request-URI, the target comes last."""
    if ";lr" not in request.raw_uri or not request.has("Route"):
        return []
    side = _owner(request.uri, sides)
    if side is None:
        return []
    mark = Mark.decode(request.uri.user, side.key)
    *others, last = request.values("Route")
    request.remove("Route")
    for route in others:
        request.add("Route", route)
    request.uri = NameAddr.parse(last).uri
    return [Taken(side, mark)]


def lead_to_strict_router(request: Request) -> None:
    """A next hop that knows no loose routing gets the Request-URI, and the target goes last (16.6 step 6)."""
    line = request.get("Route")
    if line is None:
        return
    first = NameAddr.parse(split_commas(line)[0]).uri
    if "lr" in first.params:
        return
    request.pop_first("Route")
    request.add("Route", f"<{request.raw_uri}>")
    request.uri = first.without_headers()


def shift_numbers(request: Request, shift: int) -> None:
    """Raise the CSeq, and what a PRACK says of the INVITE (RFC 3262 7.2), to what the other side counts."""
    if not shift:
        return
    request.set("CSeq", CSeq(request.cseq.number + shift, request.cseq.method))
    number, _, rest = (request.get("RAck") or "").partition(" ")
    cseq, _, method = rest.strip().partition(" ")
    if cseq.isdigit():
        request.set("RAck", f"{number} {int(cseq) + shift} {method.strip()}")


MAX_BREADTH = 60


def shared_breadth(request: Request, branches: int) -> int:
    """What each of so many branches may fork further (RFC 5393 5.3.3); 0 if there are too many (440)."""
    if branches == 1:
        return MAX_BREADTH
    given = parse_number(request.get("Max-Breadth") or "")
    return (MAX_BREADTH if given is None else given) // branches


_BRANCH_OF_A_PROXY = re.compile(BRANCH_COOKIE + r"[0-9a-f]{12}\.").search
"""Finds what `branch_for` writes."""


def was_here(via: str) -> bool:
    """True for a Via that a proxy like this one has written: its request may go round in circles."""
    return _BRANCH_OF_A_PROXY(via) is not None


def fingerprint(request: Request) -> str:
    """A hash over all that decides where a request goes (16.6 step 8)."""
    first = request.first_values()
    parts = (
        request.raw_uri,
        first.get("Call-ID", ""),
        str(request.cseq.number),
        request.from_tag or "",
        request.to_tag or "",
        ",".join(request.get_all("Route")) if "Route" in first else "",
        ",".join(request.get_all("Proxy-Require")) if "Proxy-Require" in first else "",
    )
    return hashlib.blake2s("\n".join(parts).encode("utf-8", "surrogateescape"), digest_size=6).hexdigest()


def branch_for(request: Request, random: str) -> str:
    """A branch that lets this proxy recognise the request if it comes back unchanged."""
    return f"{BRANCH_COOKIE}{fingerprint(request)}.{random}"


def loops(request: Request, sides: tuple[Side, ...]) -> bool:
    """True if the request was here before and would go the same way again (16.3 step 4)."""
    # A fingerprint is made only where there is one to compare it with.
    ours = [value for name, value in request.headers if name == "Via" and _BRANCH_OF_A_PROXY(value)]
    if not ours:
        return False
    mark = f"{BRANCH_COOKIE}{fingerprint(request)}."
    found = [Via.parse(value) for line in ours if mark in line for value in split_commas(line)]
    return any(mark in via.branch and via.host in side.hosts for via in found for side in sides)


def onward(
    request: Request, on_top: list[tuple[str, str]] | None = None, headers: Iterable[tuple[str, str]] = ()
) -> Request:
    """A copy with Max-Forwards lowered by one, or set to 70 where there was none (16.6 step 3).

    `on_top` comes before all other lines, `headers` stand for those of the same name.
    """
    left = request.max_forwards
    instead = {"Max-Forwards": "70" if left is None else str(left - 1)}
    instead.update(headers)
    return request.onward(on_top or [], instead)
