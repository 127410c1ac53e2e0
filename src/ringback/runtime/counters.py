"""Messages carried by each connection of the table, counted where they are sent and received."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from ringback.runtime.valkey import Argument, Script, Valkey

KEY = "ringback:connections"
_ADD = Script("for n = 1, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[n], ARGV[n + 1]) end")


class ConnectionCounters(Collector):
    """Counts of one process; flushed to Valkey so that one reader sees the whole platform."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._sent: defaultdict[str, int] = defaultdict(int)
        self._received: defaultdict[str, int] = defaultdict(int)
        self._flushed: dict[str, int] = {}
        self.registry.register(self)

    def count(self, connection: str, *, sent: int = 0, received: int = 0) -> None:
        """Add to one row; an unknown id is counted too, so that a slip is seen."""
        if sent:
            self._sent[connection] += sent
        if received:
            self._received[connection] += received

    async def flush(self, valkey: Valkey) -> None:
        """Add what was counted since the last flush to the platform's totals, in one command."""
        totals = {f"{row}:{direction}": n for row, direction, n in self._rows()}
        new = {field: n - self._flushed.get(field, 0) for field, n in totals.items()}
        arguments: list[Argument] = [part for field, n in new.items() if n for part in (field, n)]
        if arguments:
            await valkey.script(_ADD, [KEY], arguments)
            self._flushed = totals

    def collect(self) -> Iterator[CounterMetricFamily]:
        """prometheus_client: the counters since the process began."""
        metric = CounterMetricFamily(
            "ringback_connection_messages",
            "Messages carried by a connection of the platform",
            labels=("connection", "direction"),
        )
        for row, direction, n in self._rows():
            metric.add_metric((row, direction), n)
        yield metric

    def _rows(self) -> Iterator[tuple[str, str, int]]:
        for direction, counts in (("sent", self._sent), ("received", self._received)):
            for row, n in counts.items():
                yield row, direction, n


async def read_totals(valkey: Valkey) -> dict[str, int]:
    """Return messages by connection id: the larger of sent and received."""
    flat = await valkey.call("HGETALL", KEY)
    totals: dict[str, int] = {}
    for field, value in zip(flat[::2], flat[1::2], strict=True):
        connection = field.decode().rsplit(":", 1)[0]
        totals[connection] = max(totals.get(connection, 0), int(value))
    return totals
