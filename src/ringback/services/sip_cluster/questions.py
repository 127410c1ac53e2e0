"""Questions to the dial plan: where does a number go?

What is asked in one turn of the loop, or while an answer is on its way, goes in one request, and the same
question goes once: its answer was found out after the last of the calls has asked it.
"""

import asyncio
from collections.abc import Callable
from typing import Literal

from ringback.contracts.dialplan import ResolvedMany, ResolveMany, ResolveReply, ResolveRequest
from ringback.domain.calls import inputs as i
from ringback.domain.calls.outputs import AskDialplan
from ringback.domain.calls.types import DestinationKind
from ringback.runtime.context import Context
from ringback.runtime.http import HttpClient, HttpFailure, HttpUnavailable
from ringback.services.sip_cluster import translate
from ringback.services.sip_cluster.live import LiveCall

_MOST_SETTLED = 1024
_MOST_AT_ONCE = 100
_GATHER_S = 0.01
"""A question does not wait longer for the answer to those before it."""
_NOBODY = i.Destination(DestinationKind.REJECT, status=503, reason="dialplan_away")
Told = Callable[[LiveCall, i.Input], object]
_Key = tuple[str, str, str]
"""Tenant, origin, number."""
_Asked = dict[tuple[_Key, str, str], list[tuple[LiveCall, AskDialplan, Told]]]
"""Who waits, by the question and the caller, where the answer follows from who calls."""


class Questions:
    """Asks over HTTP, and remembers the answers that say how long they hold."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._dialplan = HttpClient(ctx, "dialplan", connection="voice-27", timeout_s=4.0)
        self._settled: dict[_Key, tuple[float, i.Destination]] = {}
        """Answers that hold for every caller, and until when."""
        self._gathered: _Asked = {}
        self._under_way = 0
        self._soon: asyncio.Handle | None = None

    def ask(self, live: LiveCall, ask: AskDialplan, told: Told) -> None:
        """`told` gets `Resolved`, before this returns where the answer is at hand."""
        key = (live.tenant, ask.origin, ask.number)
        until, found = self._settled.get(key, (0.0, _NOBODY))
        if self._ctx.monotonic() < until:
            told(live, i.Resolved(ask.ask, found))
            return
        # Which of several trunks comes first is said, or depends on the number shown (`chosen_first`).
        caller = ask.from_number if _origin(ask) == "route_point" else ""
        self._gathered.setdefault((key, caller, ask.trunk), []).append((live, ask, told))
        if len(self._gathered) >= _MOST_AT_ONCE:
            self._send()
        elif self._soon is None:
            loop = asyncio.get_running_loop()
            self._soon = (
                loop.call_later(_GATHER_S, self._send) if self._under_way else loop.call_soon(self._send)
            )

    def _send(self) -> None:
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        asked, self._gathered = self._gathered, {}
        if asked:
            self._under_way += 1
            self._ctx.spawn(self._resolve(asked), "resolve")

    async def _resolve(self, asked: _Asked) -> None:
        try:
            replies = await self._replies([_wanted(*of[0][:2]) for of in asked.values()])
        finally:
            self._under_way -= 1
        for ((key, *_), calls), reply in zip(asked.items(), replies, strict=True):
            found = _NOBODY if reply is None else translate.destination(reply)
            if reply is not None and reply.reuse_s:
                self._settle(key, found, reply.reuse_s)
            for live, ask, told in calls:
                try:
                    told(live, i.Resolved(ask.ask, found))
                except Exception:
                    # The others wait for their answer too.
                    self._ctx.log.exception("answer_not_heard", conn_id=live.conn_id)
        if not self._under_way:
            self._send()

    async def _replies(self, wanted: list[ResolveRequest]) -> list[ResolveReply | None]:
        if len(wanted) == 1:
            return [await self._reply(wanted[0])]
        try:
            many = ResolveMany(questions=wanted)
            got = await self._dialplan.post("/resolve-many", many, ResolvedMany, retry=True)
            if len(got.answers) == len(wanted):
                return list(got.answers)
        except HttpUnavailable as error:
            self._away(error, wanted[0])
            return [None] * len(wanted)
        except HttpFailure:
            pass  # one of them cannot be answered: which one shows when each is asked alone
        return list(await asyncio.gather(*map(self._reply, wanted)))

    async def _reply(self, wanted: ResolveRequest) -> ResolveReply | None:
        try:
            return await self._dialplan.post("/resolve", wanted, ResolveReply, retry=True)
        except (HttpFailure, HttpUnavailable) as error:
            self._away(error, wanted)
            return None

    def _away(self, error: Exception, wanted: ResolveRequest) -> None:
        self._ctx.log.warning("dialplan_away", conn_id=wanted.conn_id, error=str(error))

    def _settle(self, key: _Key, found: i.Destination, reuse_s: float) -> None:
        if len(self._settled) >= _MOST_SETTLED:
            self._settled.clear()
        self._settled[key] = (self._ctx.monotonic() + reuse_s, found)


def _origin(ask: AskDialplan) -> Literal["trunk", "dn", "route_point"]:
    return ask.origin if ask.origin in ("trunk", "dn") else "route_point"  # type: ignore[return-value]


def _wanted(live: LiveCall, ask: AskDialplan) -> ResolveRequest:
    return ResolveRequest(
        tenant=live.tenant,
        origin=_origin(ask),
        from_number=ask.from_number,
        to_number=ask.number,
        conn_id=live.conn_id,
        trunk=ask.trunk,
    )
