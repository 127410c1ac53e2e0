"""Error answers of the TCP link, and the exceptions that they become."""

from __future__ import annotations

from typing import Any

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL = (
    -32700,
    -32600,
    -32601,
    -32602,
    -32603,
)
UNAVAILABLE = 503
"""The service lives, a store that it needs does not: nothing was done, the client may ask again."""


class LinkError(Exception):
    """An error answer: a JSON-RPC code (negative) or one of the service's own, and a message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class LinkUnavailable(ConnectionError):
    """The other side is away, or did not answer in time."""


def failure(error: dict[str, Any]) -> LinkError | LinkUnavailable:
    """The exception for an error answer."""
    if error["code"] == UNAVAILABLE:
        return LinkUnavailable(str(error["message"]))
    return LinkError(int(error["code"]), str(error["message"]))
