"""Requests of the proxy's own: a question by OPTIONS, an answer or silence."""

from __future__ import annotations

from ringback.sip import NameAddr, Request, Response, SipUri
from ringback.sip.endpoint import SipEndpoint
from ringback.sip.transport import Destination
from ringback.sip.uri import Params


async def answer_from(
    endpoint: SipEndpoint, request: Request, place: Destination, within_s: float
) -> Response:
    """The final response; a local 408 where none comes in time: silence is noticed before the transaction."""
    try:
        return await endpoint.send_request(request, place).final(within_s)
    except TimeoutError:
        return Response(408, local=True)


async def ask(
    endpoint: SipEndpoint, place: Destination, within_s: float, params: Params | None = None
) -> Response:
    """Ask by OPTIONS whether somebody is there (RFC 3261 11.1); `params` are those of the Request-URI."""
    host, port = endpoint.local_address(place.transport, place.host)
    me = NameAddr(SipUri("sip", "ringback", host, port))
    target = SipUri("sip", None, place.identity or place.host, place.port, params or {})
    request = endpoint.new_request("OPTIONS", target, from_=me, to=NameAddr(target))
    return await answer_from(endpoint, request, place, within_s)
