"""Messages that follow from others: responses (8.2.6), ACK (17.1.1.3) and CANCEL (9.1) of RFC 3261."""

from __future__ import annotations

from collections.abc import Iterable

from ringback.sip.errors import SipParseError
from ringback.sip.message import CSeq, Message, Request, Response
from ringback.sip.names import MANDATORY


def response_to(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    to_tag: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    content_type: str = "application/sdp",
) -> Response:
    """A response with what RFC 3261 8.2.6.2 copies from the request.

    `to_tag` is added if the request had none (not for 100). Record-Route is copied where a dialog may begin
    (12.1.1). `headers` come after, so that a Contact or a challenge can be given.
    """
    response = Response(status, reason)
    copied = _COPIED_IN_DIALOG if 100 < status < 300 else _COPIED
    response.headers = [pair for pair in request.headers if pair[0] in copied]
    if to_tag is not None and status > 100 and request.to_tag is None:
        response.set("To", f"{request.get('To')};tag={to_tag}")
    for name, value in headers:
        response.add(name, value)
    if body:
        response.set_body(body, content_type)
    return response


_COPIED = frozenset(MANDATORY)
_COPIED_IN_DIALOG = _COPIED | {"Record-Route"}


def _same_branch(request: Request, method: str, to: str) -> Request:
    built = Request(method, request.raw_uri)
    built.headers = [("Via", str(request.via)), ("Max-Forwards", "70")]
    built.headers += [pair for pair in request.headers if pair[0] in ("Route", "From", "Call-ID")]
    built.add("To", to)
    built.add("CSeq", CSeq(request.cseq.number, method))
    return built


def ack_for_failure(request: Request, response: Response) -> Request:
    """The ACK to a response from 300 on: same branch, To of the response (RFC 3261 17.1.1.3)."""
    return _same_branch(request, "ACK", response.get("To") or str(request.to))


def cancel_for(request: Request) -> Request:
    """The CANCEL of a request that is under way (RFC 3261 9.1)."""
    return _same_branch(request, "CANCEL", request.get("To") or "")


def can_be_answered(message: Message | None) -> bool:
    """True if a malformed request still holds all that a response must copy, and is no ACK."""
    if not isinstance(message, Request) or message.method == "ACK":
        return False
    return all(message.has(name) for name in MANDATORY)


def response_to_malformed(request: Request, error: SipParseError) -> Response:
    """The answer to a request that could not be read, without parsing what may be the fault."""
    response = Response(error.status)
    response.headers = [pair for pair in request.headers if pair[0] in _COPIED]
    response.add("Warning", f'399 ringback "{error.reason}"')
    return response
