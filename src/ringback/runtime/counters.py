"""Messages carried by each connection of the table, counted where they are sent and received."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from ringback.runtime.valkey import Valkey

KEY = "ringback:connections"


class ConnectionCounters:
    """Counts of one process; flushed to Valkey so that one reader sees the whole platform."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._metric = Counter(
            "ringback_connection_messages",
            "Messages carried by a connection of the platform",
            ("connection", "direction"),
            registry=self.registry,
        )
        self._bound: dict[tuple[str, str], Counter] = {}
        self._unflushed: dict[str, int] = {}

    def count(self, connection: str, *, sent: int = 0, received: int = 0) -> None:
        """Add to one row; an unknown id is counted too, so that a slip is seen."""
        if sent:
            self._add(connection, "sent", sent)
        if received:
            self._add(connection, "received", received)

    def _add(self, connection: str, direction: str, n: int) -> None:
        key = (connection, direction)
        bound = self._bound.get(key)
        if bound is None:
            bound = self._bound[key] = self._metric.labels(connection, direction)
        bound.inc(n)
        field = f"{connection}:{direction}"
        self._unflushed[field] = self._unflushed.get(field, 0) + n

    async def flush(self, valkey: Valkey) -> None:
        """Add what was counted since the last flush to the platform's totals."""
        for field, n in list(self._unflushed.items()):
            await valkey.call("HINCRBY", KEY, field, n)
            self._unflushed[field] -= n
            if not self._unflushed[field]:
                del self._unflushed[field]


async def read_totals(valkey: Valkey) -> dict[str, int]:
    """Return messages by connection id: the larger of sent and received."""
    flat = await valkey.call("HGETALL", KEY)
    totals: dict[str, int] = {}
    for field, value in zip(flat[::2], flat[1::2], strict=True):
        connection = field.decode().rsplit(":", 1)[0]
        totals[connection] = max(totals.get(connection, 0), int(value))
    return totals
