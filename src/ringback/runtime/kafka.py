"""Reporting events to Kafka, through an outbox stream in Valkey, and a small consumer.

`publish` appends to the outbox and returns when Valkey has it; what comes together is one entry (`outbox`).
One process at a time relays (a lease says which, a consumer group lets any process finish another's work): it
hands the entries to the broker and deletes those that the broker has acknowledged. A broker that is away
therefore costs nothing but space, up to a bound: behind it the oldest reports are lost, and the log says so.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING, Any

import msgspec

from ringback.runtime.clock import gathered, later_together
from ringback.runtime.lease import Lease
from ringback.runtime.logs import Log
from ringback.runtime.outbox import OUTBOX, Report, entries_of, entry_of, keep_within, reports_of
from ringback.runtime.streams import parse_entries
from ringback.runtime.valkey import Argument, Valkey, ValkeyError, ValkeyUnavailable

if TYPE_CHECKING:
    from ringback.runtime.context import Process

_GROUP = "relay"
_AT_ONCE = 200
"""Entries; each may hold many reports."""
_CLAIM_IDLE_MS = 10_000
_GATHER_S = 0.5
"""A batch costs the relay, Valkey and the broker about as much as one entry: let entries gather."""
_REPORTS_GATHER_S = 0.1
_LEASE_S = 6.0
_STAND_BY_S = 5.0
_LOOKS = 3
"""How often, so many seconds apart, who stands back finds that nobody relays before it does."""
_BLOCK_MS = 2000

Failed = Callable[[BaseException], None]


@dataclass(frozen=True, slots=True)
class KafkaMessage:
    """One message as a consumer sees it."""

    topic: str
    key: str
    value: bytes


class Kafka:
    """The producer side of one process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._producer: Any = None
        self._lease = Lease(process.valkey, f"{OUTBOX}:relay", process.node, _LEASE_S)
        self._gathered: list[tuple[Report, Failed]] = []
        self._timer: asyncio.TimerHandle | None = None
        self.enabled = bool(process.common.kafka_bootstrap)
        self.stands_back = False
        """Others relay where there are any: this process has nothing but calls to care for."""
        self._unattended = 0

    @property
    def connected(self) -> bool:
        """Whether a broker answers; True when reporting is switched off."""
        return not self.enabled or self._producer is not None

    async def start(self) -> None:
        """Begin to relay; the broker may come later."""
        if self.enabled:
            self._producer = _producer(self._process.common.kafka_bootstrap)
            self._process.spawn(self._relay(), "kafka-relay")

    async def stop(self) -> None:
        """Give what is in flight a second; the rest stays in the outbox, for the next who relays."""
        if self._gathered and self._process.valkey.connected:
            self._store_gathered()
        if self._producer is None:
            return
        if self._process.valkey.connected:
            with suppress(ValkeyUnavailable, ValkeyError):
                await self._lease.release()
        await asyncio.to_thread(self._producer.flush, 1.0)

    async def publish(self, topic: str, key: str, event: msgspec.Struct | bytes, *, connection: str) -> None:
        """Store one event for `topic`; ValkeyUnavailable when that is not possible."""
        if not self.enabled:
            return
        await self._process.valkey.call(*entry_of(_report(topic, key, event, connection)))

    def command(
        self, topic: str, key: str, event: msgspec.Struct | bytes, *, connection: str
    ) -> tuple[Argument, ...] | None:
        """What stores one event for `topic`, for a transaction of Valkey; None without reporting."""
        return entry_of(_report(topic, key, event, connection)) if self.enabled else None

    async def publish_all(
        self, topic: str, events: Iterable[tuple[str, msgspec.Struct | bytes]], *, connection: str
    ) -> None:
        """Store events with their keys, together; ValkeyUnavailable when that is not possible."""
        if self.enabled:
            reports = [_report(topic, key, event, connection) for key, event in events]
            await self._process.valkey.post(entries_of(reports))

    def report(
        self,
        topic: str,
        key: str,
        event: msgspec.Struct | bytes,
        *,
        connection: str,
        failed: Failed,
        gather: bool = False,
    ) -> None:
        """Store one event for `topic` without waiting; `failed` is told when that was not possible.

        `gather`: with the others of a moment, in one write. A process that is killed in that moment takes
        them along: for what describes the work, not for what the work owes.
        """
        if not self.enabled:
            return
        self._gathered.append((_report(topic, key, event, connection), failed))
        if not gather:
            self._store_gathered()
        elif self._timer is None:
            self._timer = later_together(_REPORTS_GATHER_S, self._store_gathered)

    def _store_gathered(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        reports, self._gathered = self._gathered, []

        def stored(done: asyncio.Future[list[Any]]) -> None:
            error = None if done.cancelled() else done.exception()
            if error is not None:
                for _, failed in reports:
                    failed(error)

        commands = entries_of([report for report, _ in reports])
        try:
            self._process.valkey.post(commands).add_done_callback(stored)
        except ValkeyUnavailable:
            self._process.spawn(self._store_late(reports), "kafka-report")

    async def _store_late(self, reports: list[tuple[Report, Failed]]) -> None:
        for report, failed in reports:
            try:
                await self._process.valkey.call(*entry_of(report))
            except (ValkeyUnavailable, ValkeyError) as error:
                failed(error)

    async def _relay(self) -> None:
        valkey = await self._process.valkey.dedicated(f"{self._process.node}-relay")
        while True:
            try:
                if await self._its_turn() and await self._lease.acquire():
                    await _create_group(valkey)
                    await self._relay_own(valkey)
                    await self._lead(valkey)
                await asyncio.sleep(_STAND_BY_S)
            except (ValkeyUnavailable, ValkeyError):
                await asyncio.sleep(0.5)

    async def _its_turn(self) -> bool:
        if not self.stands_back:
            return True
        relayed = await self._process.valkey.call("EXISTS", self._lease.key)
        self._unattended = 0 if relayed else self._unattended + 1
        return self._unattended >= _LOOKS

    async def _relay_own(self, valkey: Valkey) -> None:
        reply = await valkey.call(
            "XREADGROUP", "GROUP", _GROUP, self._process.node, "COUNT", _AT_ONCE, "STREAMS", OUTBOX, "0"
        )
        for _, rows in reply or ():
            await self._deliver(valkey, rows)

    async def _lead(self, valkey: Valkey) -> None:
        """Relay what comes, and what another has left, for as long as the lease is ours."""
        read = ("XREADGROUP", "GROUP", _GROUP, self._process.node, "COUNT", _AT_ONCE, "BLOCK", _BLOCK_MS)
        claim = ("XAUTOCLAIM", OUTBOX, _GROUP, self._process.node, _CLAIM_IDLE_MS, "0", "COUNT", _AT_ONCE)
        claimed_at = 0.0
        while await self._lease.acquire():
            if time.monotonic() - claimed_at > _CLAIM_IDLE_MS / 1000:
                claimed_at = time.monotonic()
                claimed = await valkey.call(*claim)
                await self._deliver(valkey, claimed[1])
                await self._bound(valkey)
            reply = await valkey.call(*read, "STREAMS", OUTBOX, ">")
            for _, rows in reply or ():
                await self._deliver(valkey, rows)
                if len(rows) < _AT_ONCE:
                    await gathered(_GATHER_S)

    async def _deliver(self, valkey: Valkey, rows: list[Any]) -> None:
        """Produce a batch and wait for the broker's acknowledgements, however long it is away."""
        left = _read(rows, self._process.log)
        while left:
            failed = await asyncio.to_thread(_produce, self._producer, left)
            sent = Counter(_connections(left)) - Counter(_connections(failed))
            for connection, number in sent.items():
                self._process.connections.count(connection, sent=number)
            done = [name for name in left if not failed[name]]
            if done:
                await valkey.post([("XACK", OUTBOX, _GROUP, *done), ("XDEL", OUTBOX, *done)])
            left = {name: reports for name, reports in failed.items() if reports}
            if left:
                await self._bound(valkey)
                await asyncio.sleep(1.0)
                await self._lease.acquire()  # another would fare no better with this broker

    async def _bound(self, valkey: Valkey) -> None:
        """What waits must leave room in Valkey for the calls."""
        gone = await keep_within(valkey, self._process.common.kafka_backlog_bytes)
        if gone:
            self._process.log.error("reports_lost", entries=gone, why="the backlog is full")


def _read(rows: list[Any], log: Log) -> dict[str, list[Report]]:
    """The reports of each entry; one that cannot be read stays where it is, and is looked at again later."""
    found = {}
    for entry in parse_entries(OUTBOX, rows):
        try:
            found[entry.id] = reports_of(entry)
        except ValueError as error:
            log.error("reports_not_readable", entry=entry.id, error=str(error))
    return found


def _connections(entries: dict[str, list[Report]]) -> Iterator[str]:
    return (report.connection for reports in entries.values() for report in reports)


def _report(topic: str, key: str, event: msgspec.Struct | bytes, connection: str) -> Report:
    return Report(topic, key, event if isinstance(event, bytes) else msgspec.json.encode(event), connection)


async def _create_group(valkey: Valkey) -> None:
    try:
        await valkey.call("XGROUP", "CREATE", OUTBOX, _GROUP, "0", "MKSTREAM")
    except ValkeyError as error:
        if not str(error).startswith("BUSYGROUP"):
            raise


def _producer(bootstrap: str) -> Any:
    from confluent_kafka import Producer  # 60 ms to import: only where it is used

    return Producer(
        {
            "bootstrap.servers": bootstrap,
            "linger.ms": 5,
            "message.timeout.ms": 5000,
            "log_level": 0,
            "reconnect.backoff.max.ms": 1000,
        }
    )


def _produce(producer: Any, entries: dict[str, list[Report]]) -> dict[str, list[Report]]:
    """Produce and flush; return what was not acknowledged, of every entry. Runs in a thread."""
    failed = {name: [True] * len(reports) for name, reports in entries.items()}

    for name, reports in entries.items():
        for index, report in enumerate(reports):

            def told(error: object, _message: object, name: str = name, index: int = index) -> None:
                failed[name][index] = error is not None

            producer.produce(report.topic, key=report.key, value=report.value, on_delivery=told)
    producer.flush(6.0)
    return {name: list(compress(reports, failed[name])) for name, reports in entries.items()}


class KafkaConsumer:
    """Reads topics in a consumer group; an offset is committed after the handler has returned."""

    def __init__(
        self,
        process: Process,
        topics: Sequence[str],
        group: str,
        handler: Callable[[KafkaMessage], Awaitable[None]],
        *,
        connection: str,
    ) -> None:
        self._process = process
        self._topics = list(topics)
        self._group = group
        self._handler = handler
        self._connection = connection

    def start(self) -> None:
        """Begin to read; runs until the process stops."""
        if self._process.common.kafka_bootstrap:
            self._process.spawn(self._run(), f"kafka-{self._group}")

    async def _run(self) -> None:
        consumer = await asyncio.to_thread(self._open)
        try:
            while True:
                messages = await asyncio.to_thread(consumer.consume, 100, 0.5)
                for message in messages:
                    await self._one(message)
                if messages:
                    consumer.commit(asynchronous=True)
        finally:
            await asyncio.to_thread(consumer.close)

    def _open(self) -> Any:
        from confluent_kafka import Consumer

        consumer = Consumer(
            {
                "bootstrap.servers": self._process.common.kafka_bootstrap,
                "group.id": self._group,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "session.timeout.ms": 6000,
                "allow.auto.create.topics": True,
                # A topic that is made after we have subscribed is noticed soon, not after minutes.
                "topic.metadata.refresh.interval.ms": 2000,
                "log_level": 0,
            }
        )
        consumer.subscribe(self._topics)
        return consumer

    async def _one(self, message: Any) -> None:
        if message.error():
            return
        self._process.connections.count(self._connection, received=1)
        key = message.key() or b""
        try:
            await self._handler(KafkaMessage(message.topic(), key.decode(), message.value() or b""))
        except Exception:
            self._process.log.exception("kafka_handler_failed", topic=message.topic())
