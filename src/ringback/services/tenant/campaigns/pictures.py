"""The last picture of a tenant's campaigns, shown to all who look: a long list takes a while to count."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ringback.contracts.campaigns import CampaignPictures

_FRESH_S = 1.5
"""Seconds for which a picture is shown."""


class Pictures:
    """Keeps one, until it is old or a command has made it untrue."""

    def __init__(self) -> None:
        self._last: CampaignPictures | None = None
        self._commands = 0

    async def look(self, now: float, gather: Callable[[], Awaitable[CampaignPictures]]) -> CampaignPictures:
        """The last one, or a new one. What a command has overtaken while it was gathered is not kept."""
        if self._last is not None and now - self._last.at < _FRESH_S:
            return self._last
        before = self._commands
        picture = await gather()
        if before == self._commands:
            self._last = picture
        return picture

    def forget(self) -> None:
        """A command has been committed, or nobody can say whether it was."""
        self._commands += 1
        self._last = None
