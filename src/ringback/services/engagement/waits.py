"""Estimated wait times, asked of the tenant's router."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, urlencode

import msgspec

from ringback.contracts.routing import QueueView, WaitTime
from ringback.runtime.http import HttpClient, HttpError, HttpFailure, HttpUnavailable

if TYPE_CHECKING:
    from ringback.runtime.context import Context

Mode = Literal["mode1", "mode2", "mode3"]
_METHODS: dict[str, str] = {"mode1": "urs", "mode2": "urs2", "mode3": "stat", "ours": "ringback"}
_ANYBODY = "max"
NO_AGENTS = -2
_MESSAGES = {0: "Successful", -1: "No interactions yet", NO_AGENTS: "No agents are logged in"}


class Forecast(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What our own predictor says: seconds, -1 unknown, and then why.

    Half are served within `p50`, nine in ten within `p90`. `method`: `ringback`, or `urs` while that is
    better in this queue.
    """

    expected: int
    p50: int
    p90: int
    method: str
    reason: str = ""


class Estimate(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One item of `GET /engagement/v3/estimated-wait-time`; `estimated_wait_time` is in seconds.

    `forecast` is there only when it was asked for.
    """

    virtual_queue: str
    estimated_wait_time: int
    message: str
    result_code: int
    forecast: Forecast | msgspec.UnsetType = msgspec.UNSET


class WaitTimes:
    """Asks the tenant's router."""

    def __init__(self, ctx: Context) -> None:
        self._waits = HttpClient(ctx, "tenant", "ewt", connection="ges-13", timeout_s=2.0)
        self._queues = HttpClient(ctx, "tenant", timeout_s=2.0)
        self.reachable = True

    async def estimate(
        self, tenant: str, queue: str, mode: Mode = "mode2", *, on_hold: bool = False
    ) -> Estimate:
        """The wait of somebody who arrives now; HttpError 400 when there is no such queue.

        `on_hold`: behind the calls, too, that hold while their agent is brought to them.
        """
        found = await self._ask(tenant, queue, _ANYBODY, mode, on_hold=on_hold)
        if found is None:
            raise HttpError(400, "unknown-service", "no virtual queue has this name")
        code = 0 if found.ewt >= 0 else NO_AGENTS if found.reason == "no_agents" else -1
        return Estimate(
            virtual_queue=queue,
            estimated_wait_time=max(-1, round(found.ewt)),
            message=_MESSAGES[code],
            result_code=code,
        )

    async def forecast(self, tenant: str, queue: str, *, on_hold: bool = False) -> Forecast:
        """What our own predictor says of somebody who arrives now; HttpError 400: no such queue."""
        found = await self._ask(tenant, queue, _ANYBODY, "ours", on_hold=on_hold)
        if found is None:
            raise HttpError(400, "unknown-service", "no virtual queue has this name")
        known = found.ewt >= 0
        return Forecast(
            expected=round(found.ewt) if known else -1,
            p50=round(found.p50) if known and isinstance(found.p50, float) else -1,
            p90=round(found.p90) if known and isinstance(found.p90, float) else -1,
            method=found.method or "",
            reason=found.reason or "",
        )

    async def of_session(self, tenant: str, queue: str, session_id: str) -> WaitTime | None:
        """Position and wait of one interaction; None when the router does not have it."""
        return await self._likely(tenant, queue, session_id)

    async def of_newcomer(self, tenant: str, queue: str) -> float:
        """Seconds that somebody who comes now would wait, 0 when nobody can tell."""
        found = await self._likely(tenant, queue, _ANYBODY)
        return max(0.0, found.ewt) if found else 0.0

    async def foretold(self, tenant: str, queue: str, session_id: str) -> WaitTime | None:
        """Position and range of wait of one interaction, as our own predictor says it; None: not there."""
        return await self._ask(tenant, queue, session_id, "ours")

    async def anybody(self, tenant: str, queue: str) -> bool:
        """Whether somebody is logged in to serve a queue."""
        queues = await self._queues.get(f"/queues/{quote(tenant, safe='')}", list[QueueView])
        return any(view.agents_logged_in for view in queues if view.queue == queue)

    async def _likely(self, tenant: str, queue: str, interaction: str) -> WaitTime | None:
        """By our own predictor; by the default mode where that does not know."""
        found = await self._ask(tenant, queue, interaction, "ours")
        if found is None or found.ewt >= 0:
            return found
        return await self._ask(tenant, queue, interaction, "mode2")

    async def _ask(
        self,
        tenant: str,
        queue: str,
        interaction: str,
        mode: Mode | Literal["ours"],
        *,
        on_hold: bool = False,
    ) -> WaitTime | None:
        asked = {"tenant": tenant, "aqt": _METHODS[mode], **({"hold": "true"} if on_hold else {})}
        query = urlencode(asked)
        path = f"/urs/call/{quote(interaction, safe='')}/lvq/{quote(queue, safe='')}?{query}"
        self.reachable = True
        try:
            return await self._waits.get(path, WaitTime)
        except HttpUnavailable:
            self.reachable = False
            raise
        except HttpFailure as failure:
            if failure.status == 404:
                return None
            raise
