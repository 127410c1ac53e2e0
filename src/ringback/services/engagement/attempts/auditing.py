"""The invariants of all callbacks, judged from the trail of what happened, as metrics that stay zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

from ringback.domain.callbacks import INVARIANTS, Watch
from ringback.runtime.rounds import Rounds, in_batches
from ringback.services.engagement.attempts import trail
from ringback.services.engagement.store import Store

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_EVERY_S = 2.0
_SETTLED_S = 2.0
_BATCH = 1000


class Auditor:
    """Every node judges everything that is stored from its start on; a violation is counted by each."""

    def __init__(self, ctx: Context, store: Store, watch: Watch | None = None) -> None:
        self._ctx = ctx
        self._store = store
        self._watch = watch or Watch()
        self._last: int | None = None
        self._violations = Counter(
            "ringback_callback_invariant_violations",
            "What must never happen to callbacks, and did",
            ("invariant",),
            registry=ctx.metrics,
        )
        for name in INVARIANTS:
            self._violations.labels(name)
        watched = Gauge(
            "ringback_callbacks_judged", "Attempts under way that are judged", registry=ctx.metrics
        )
        watched.set_function(lambda: len(self._watch))

    def start(self) -> None:
        """Begin; runs until the service stops."""
        Rounds(self._ctx, "invariants", in_batches(_BATCH, _EVERY_S, self.judge)).start()

    async def judge(self, settled_s: float = _SETTLED_S) -> int:
        """Judge what was stored since the last time, up to `settled_s` seconds ago; how many things."""
        async with self._store.statement() as session:
            if self._last is None:
                self._last = await session.connection.fetchval(trail.QUERIES["last_step"])
            rows = await session.connection.fetch(trail.QUERIES["steps_after"], self._last, settled_s, _BATCH)
        for row in rows:
            self._last = row["id"]
            for violation in self._watch.seen(trail.happening(row)):
                self._violations.labels(violation.invariant).inc()
                self._ctx.log.error(
                    "invariant_violated",
                    invariant=violation.invariant,
                    callback_id=violation.callback,
                    text=violation.text,
                )
        return len(rows)
