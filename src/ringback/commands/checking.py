"""`ringback check` and `ringback connections`: the shipped test kit, pointed at the running platform."""

import asyncio
from pathlib import Path

from ringback.commands.joining import joined_settings


def check(data: Path | None, *, as_json: bool) -> int:
    """Drive both journeys; the exit code."""
    from ringback.testing import check as kit

    return asyncio.run(kit.run(joined_settings(data), as_json=as_json))


def connections(data: Path | None, *, as_json: bool) -> int:
    """Print the connections; the exit code."""
    from ringback.testing import connections as kit

    return asyncio.run(kit.run(joined_settings(data), as_json=as_json))
