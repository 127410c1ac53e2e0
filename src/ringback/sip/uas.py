"""What every user agent server checks before it acts (RFC 3261 8.2.1 to 8.2.3)."""

from __future__ import annotations

from dataclasses import dataclass

from ringback.sip.build import response_to
from ringback.sip.message import Request, Response

_ENCODINGS = ("", "identity")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a user agent understands; it is also what its answers advertise."""

    methods: frozenset[str] = frozenset({"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO"})
    extensions: frozenset[str] = frozenset()
    content_types: frozenset[str] = frozenset({"application/sdp"})
    schemes: frozenset[str] = frozenset({"sip", "sips", "tel"})

    @property
    def allow(self) -> str:
        """The Allow value."""
        return ", ".join(sorted(self.methods))


def refuse(request: Request, able: Capabilities, to_tag: str) -> Response | None:
    """The response that refuses a request, in the order of RFC 3261 8.2; None if it may be processed.

    405 method, 416 scheme, 420 extensions (8.2.2.3), 415 body (8.2.3; its answer names what is wrong with it,
    21.4.13), 406 if nothing that we can send is accepted (21.4.7).
    """
    if request.method not in able.methods:
        return response_to(request, 405, to_tag=to_tag, headers=[("Allow", able.allow)])
    if request.uri.scheme not in able.schemes:
        return response_to(request, 416, to_tag=to_tag)
    missing = [name for name in request.values("Require") if name.lower() not in able.extensions]
    if missing and request.method not in ("ACK", "CANCEL"):
        return response_to(request, 420, to_tag=to_tag, headers=[("Unsupported", ", ".join(missing))])
    return _refuse_body(request, able, to_tag)


def _refuse_body(request: Request, able: Capabilities, to_tag: str) -> Response | None:
    encoding = (request.get("Content-Encoding") or "").strip().lower()
    if request.body and request.content_type not in able.content_types:
        accept = ", ".join(sorted(able.content_types))
        return response_to(request, 415, to_tag=to_tag, headers=[("Accept", accept)])
    if request.body and encoding not in _ENCODINGS:
        return response_to(request, 415, to_tag=to_tag, headers=[("Accept-Encoding", "identity")])
    accepted = {value.partition(";")[0].strip().lower() for value in request.values("Accept")}
    if request.method == "INVITE" and accepted and not _any_accepted(accepted, able.content_types):
        return response_to(request, 406, to_tag=to_tag)
    return None


def _any_accepted(accepted: set[str], ours: frozenset[str]) -> bool:
    if "*/*" in accepted:
        return True
    return any(kind in accepted or kind.partition("/")[0] + "/*" in accepted for kind in ours)
