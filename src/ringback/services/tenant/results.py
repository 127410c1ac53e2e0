"""What the router has decided, on its way to the request queue: the results of one turn leave together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from ringback.contracts.routing import RouteResult
from ringback.runtime.gathering import Gathering
from ringback.runtime.link import LinkClient, LinkError, LinkUnavailable

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_RETRY_S = 0.2
_GATHER_S = 0.01
"""For which a position waits at most where many are told: mostly the next reservation takes it along."""

Spawn = Callable[[Coroutine[Any, Any, None]], None]


class Results:
    """Stores results, however long the queue service is away. `wanted`: whether a result that has waited is
    still to be stored.
    """

    def __init__(
        self, ctx: Context, rq: LinkClient, spawn: Spawn, wanted: Callable[[RouteResult], bool]
    ) -> None:
        self._ctx = ctx
        self._rq = rq
        self._spawn = spawn
        self._wanted = wanted
        self._gathered: list[RouteResult] = []
        self._gathering = Gathering(_GATHER_S)
        self._told = 0
        self._telling = False

    def tell(self, result: RouteResult) -> None:
        """Store a result of which nothing more is asked: with the next that somebody waits for, or soon."""
        self._gathered.append(result)
        self._told += 1
        if not self._telling:
            self._telling = True
            self._spawn(self._tell())

    async def _tell(self) -> None:
        told, self._told = self._told, 0
        if pause := self._gathering.pause(told):
            await asyncio.sleep(pause)
        self._telling = False
        if self._gathered:
            await self._store(self._take())

    def _take(self) -> list[RouteResult]:
        results, self._gathered = self._gathered, []
        return results

    async def store(self, results: Sequence[RouteResult]) -> list[bool]:
        """Whether each request is still open, as far as could be learned before the result was obsolete."""
        if not results:
            return []
        gathered = self._take()  # before the others: what is told of a request is told in order
        return (await self._store([*gathered, *results]))[len(gathered) :]

    async def _store(self, results: Sequence[RouteResult]) -> list[bool]:
        accepted = [True] * len(results)
        left = list(enumerate(results))
        while left:
            answers = await self._rq.call_all("decide", [result for _, result in left])
            again: list[tuple[int, RouteResult]] = []
            for (number, result), answer in zip(left, answers, strict=True):
                if not isinstance(answer, LinkUnavailable):
                    accepted[number] = self._accepted(result, answer)
                    continue
                self._ctx.log.warning("result_not_stored", request=result.request_id, error=str(answer))
                again.append((number, result))
            if again:
                await asyncio.sleep(_RETRY_S)
            left = [each for each in again if self._wanted(each[1])]
        return accepted

    def _accepted(self, result: RouteResult, answer: Any) -> bool:
        if isinstance(answer, LinkError):
            self._ctx.log.error("result_refused", request=result.request_id, error=str(answer))
            return False
        return bool(answer["accepted"])
