"""Which of several final responses goes back, and what it takes along (RFC 3261 16.7 steps 6 and 7). Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

from ringback.sip import Request, Response, response_to

T = TypeVar("T")

UNREACHABLE = frozenset({408, 430, 502, 503, 504})
"""Nobody was there, or the flow is gone (RFC 5626 11.6): the next place may do."""
_CHALLENGES = ("WWW-Authenticate", "Proxy-Authenticate")
_PREFERRED = {401: 0, 407: 0, 415: 1, 420: 1, 484: 1}


def best_of(failures: Sequence[tuple[Response, T]]) -> tuple[Response, T]:
    """The response to send back: a 6xx, else one of the lowest class, a peer's word before our own."""
    return min(failures, key=lambda item: _rank(item[0]))


def _rank(response: Response) -> tuple[int, int, int]:
    return (
        0 if response.status >= 600 else response.status // 100,
        int(response.local),
        _PREFERRED.get(response.status, 2),
    )


def with_all_challenges(best: Response, failures: Sequence[tuple[Response, T]]) -> Response:
    """The best response; a 401 or 407 asks for all that any branch has asked for (step 7)."""
    if best.status not in (401, 407):
        return best
    for other, _ in failures:
        if other is best or other.status not in (401, 407):
            continue
        for name in _CHALLENGES:
            for value in other.get_all(name):
                best.add(name, value)
    return best


def busy(request: Request, wait: int) -> Response:
    """503 of a proxy that keeps nothing of the request; `wait`: seconds until the sender may try again."""
    # The tag must be the same for each retransmission, and nothing is remembered (8.2.7).
    seed = f"{request.via.branch}{request.call_id}".encode("utf-8", "surrogateescape")
    tag = hashlib.blake2s(seed, digest_size=8).hexdigest()
    return response_to(request, 503, to_tag=tag, headers=[("Retry-After", str(wait))])
