"""What a database can hold."""

from __future__ import annotations

import msgspec

from ringback.runtime.link import INVALID_PARAMS, LinkError


def check_readable(asked: object) -> None:
    """Raises LinkError for texts with a character that no database takes."""
    if b"\\u0000" in msgspec.json.encode(asked):
        raise LinkError(INVALID_PARAMS, "no name or number holds such a character")
