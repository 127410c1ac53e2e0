"""What is told of campaigns: each event at least once, to Kafka and onto the stream, in the order of the
outbox.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringback.contracts.campaigns import campaigns_stream
from ringback.contracts.events import TOPIC_OUTBOUND
from ringback.runtime.rounds import Rounds, in_batches
from ringback.runtime.streams import append_command
from ringback.services.tenant.campaigns.store import SQL

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_BATCH = 200
_EVERY_S = 5.0
_KEPT = 10_000


class Telling:
    """Empties the outbox; may run on every node, one by one. `wake` after a commit that wrote to it."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._rounds = Rounds(ctx, "campaigns-told", in_batches(_BATCH, _EVERY_S, self.tell))

    def start(self) -> None:
        """Begin; runs until the service stops."""
        self._rounds.start()

    def wake(self) -> None:
        """Look now."""
        self._rounds.wake()

    async def tell(self) -> int:
        """Tell what is to be told now; returns how many events there were."""
        async with self._ctx.postgres.connection() as connection, connection.transaction():
            rows = await connection.fetch(SQL["untold"], _BATCH)
            if not rows:
                return 0
            self._ctx.connections.count("voice-13", sent=1)
            events = [(row["key"], row["event"].encode()) for row in rows]
            await self._ctx.kafka.publish_all(TOPIC_OUTBOUND, events, connection="voice-11")
            streams = [campaigns_stream(row["tenant"]) for row in rows]
            await self._ctx.valkey.post(
                [append_command(name, body, _KEPT) for name, (_, body) in zip(streams, events, strict=True)]
            )
            await connection.execute(SQL["told"], [row["seq"] for row in rows])
        return len(rows)
