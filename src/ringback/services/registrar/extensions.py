"""What a REGISTER asks for: Require (RFC 3261 10.3 step 2), Path (RFC 3327), outbound (RFC 5626). Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ringback.contracts.sip import HEADER_FLOW_TIMER
from ringback.services.registrar.refused import Refused
from ringback.sip import NameAddr, Request
from ringback.sip.message import parse_number

KNOWN = frozenset({"path", "outbound"})
_SUPPORTED = ", ".join(sorted(KNOWN))
_MAX_PATH = 8
_OUR_OWN_HOPS = 2
"""The Vias of a phone and of sip_proxy, which keeps the phone's flow."""


@dataclass(frozen=True, slots=True)
class Extensions:
    """`path`: the proxies on the way to the phone, the first stop first; `outbound`: flows are told apart."""

    path: tuple[str, ...] = ()
    outbound: bool = False


_ASKING = frozenset({"Require", "Path", "Supported"})
_NOTHING = Extensions()


def read_extensions(request: Request | None) -> Extensions:
    """Raises Refused: 420 for an extension that we lack, 400 for a Path that leads nowhere, 439 as below.

    None: a REGISTER that is known to ask for nothing.
    """
    if request is None or _ASKING.isdisjoint(request.first_values()):
        return _NOTHING
    missing = [name for name in request.values("Require") if name.lower() not in KNOWN]
    if missing:
        raise Refused(420, headers=(("Unsupported", ", ".join(missing)),))
    path = tuple(request.values("Path"))
    if len(path) > _MAX_PATH or not all(NameAddr.parse(value).uri.is_sip for value in path):
        raise Refused(400, "Path is not usable")
    return Extensions(path, _is_outbound(request, path))


def _is_outbound(request: Request, path: tuple[str, ...]) -> bool:
    """True if the phone wants flows. Raises Refused: 439 if its first hop knows none (RFC 5626 6, 11.6)."""
    if not offers(request, "outbound"):
        return False
    flows = [item for item in request.contacts if reg_id(item) and item.params.get("expires") != "0"]
    if len(flows) > 1:
        raise Refused(400, "One flow for each REGISTER")
    direct = len(request.values("Via")) <= _OUR_OWN_HOPS
    if flows and not direct and not (path and "ob" in NameAddr.parse(path[-1]).uri.params):
        raise Refused(439)
    return bool(flows)


def reg_id(address: NameAddr) -> str:
    """Which flow of its phone a Contact is (RFC 5626 4.2); empty where it does not say, or not who it is."""
    number = parse_number(address.params.get("reg-id") or "", 2**31)
    return str(number) if number and address.params.get("+sip.instance") else ""


def offers(request: Request, extension: str) -> bool:
    """True if the phone supports an extension."""
    return any(name.lower() == extension for name in request.values("Supported"))


def answer_headers(request: Request | None, extensions: Extensions) -> list[tuple[str, str]]:
    """What a 200 says: the Path to who understands it (RFC 3327 5.3), that flows are used (RFC 5626 6)."""
    headers = [("Supported", _SUPPORTED)]
    if extensions is _NOTHING or request is None:
        return headers
    if offers(request, "path"):
        headers += [("Path", value) for value in extensions.path]
    if extensions.outbound:
        headers.append(("Require", "outbound"))
        timer = request.get(HEADER_FLOW_TIMER)
        headers += [("Flow-Timer", timer)] if timer else []
    return headers
