"""Questions to the dial plan: where does a number go?"""

from collections.abc import Callable

from ringback.contracts.dialplan import ResolveReply, ResolveRequest
from ringback.domain.calls import inputs as i
from ringback.domain.calls.outputs import AskDialplan
from ringback.domain.calls.types import DestinationKind
from ringback.runtime.context import Context
from ringback.runtime.http import HttpClient, HttpFailure, HttpUnavailable
from ringback.services.sip_cluster import translate
from ringback.services.sip_cluster.live import LiveCall

_MOST_SETTLED = 1024
_NOBODY = i.Destination(DestinationKind.REJECT, status=503, reason="dialplan_away")
Told = Callable[[LiveCall, i.Input], object]


class Questions:
    """Asks over HTTP, and remembers the answers that say how long they hold."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._dialplan = HttpClient(ctx, "dialplan", connection="voice-27", timeout_s=4.0)
        self._settled: dict[tuple[str, str, str], tuple[float, i.Destination]] = {}
        """Answers that hold for every caller, and until when: by tenant, origin, number."""

    def ask(self, live: LiveCall, ask: AskDialplan, told: Told) -> None:
        """`told` gets `Resolved`, before this returns where the answer is at hand."""
        until, found = self._settled.get((live.tenant, ask.origin, ask.number), (0.0, _NOBODY))
        if self._ctx.monotonic() < until:
            told(live, i.Resolved(ask.ask, found))
        else:
            self._ctx.spawn(self._resolve(live, ask, told), "resolve")

    def _settle(self, live: LiveCall, ask: AskDialplan, found: i.Destination, reuse_s: float) -> None:
        if len(self._settled) >= _MOST_SETTLED:
            self._settled.clear()
        key = (live.tenant, ask.origin, ask.number)
        self._settled[key] = (self._ctx.monotonic() + reuse_s, found)

    async def _resolve(self, live: LiveCall, ask: AskDialplan, told: Told) -> None:
        origin = ask.origin if ask.origin in ("trunk", "dn") else "route_point"
        wanted = ResolveRequest(
            tenant=live.tenant,
            origin=origin,  # type: ignore[arg-type]
            from_number=ask.from_number,
            to_number=ask.number,
            conn_id=live.conn_id,
        )
        try:
            reply = await self._dialplan.post("/resolve", wanted, ResolveReply, retry=True)
            found = translate.destination(reply)
            if reply.reuse_s:
                self._settle(live, ask, found, reply.reuse_s)
        except (HttpFailure, HttpUnavailable) as error:
            self._ctx.log.warning("dialplan_away", conn_id=live.conn_id, error=str(error))
            found = _NOBODY
        told(live, i.Resolved(ask.ask, found))
