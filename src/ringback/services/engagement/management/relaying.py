"""What another service does for a user of the management API."""

from __future__ import annotations

from typing import Any

import msgspec

from ringback.runtime.http import HttpClient, HttpError, HttpFailure, HttpUnavailable


class Relay:
    """Asks one service. `name`: how a user is told that it does not answer; `ours`: its refusals that are the
    user's to know, a 422 as a 400.
    """

    def __init__(
        self, client: HttpClient, name: str, ours: frozenset[int] = frozenset({400, 404, 409})
    ) -> None:
        self._client = client
        self._name = name
        self._ours = ours

    async def ask(self, method: str, path: str, body: object, kind: Any) -> Any:
        """What it answers; its refusals become ours, and its faults a 503."""
        try:
            reply = await self._client.request(method, path, body)
        except HttpFailure as failure:
            if failure.status in self._ours:
                status = 400 if failure.status == 422 else failure.status
                raise HttpError(status, failure.slug, failure.message) from None
            raise HttpUnavailable(f"{self._name} does not answer") from failure
        return msgspec.json.decode(reply.body, type=kind)
