"""Events of calls: read in a group, threaded, reported to Kafka; lost calls are ended."""

import asyncio

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge

from ringback.contracts.events import TOPIC_CALLS, CallEvent, calls_stream, for_reports
from ringback.runtime.context import Context
from ringback.runtime.published import exact
from ringback.runtime.streams import StreamConsumer, StreamEntry, append
from ringback.runtime.valkey import ValkeyError, ValkeyUnavailable
from ringback.services.call_state.records import CallRecord
from ringback.services.call_state.settings import CallStateSettings
from ringback.services.call_state.store import RecordStore

GROUP = "call_state"
_GATHER_S = 0.25
"""The events of one moment, of one call and of others, are stored and reported together."""


class ThreadMetrics:
    """Names as the original's dashboards have them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.threads = Gauge("callthread_call_threads", "Live calls", ("tenant",), registry=registry)
        self.received = exact("callthread_received_messages", "Events read", (), registry)
        self.sent = exact("callthread_sent_events", "Events reported", (), registry)
        self.stale = Counter("callthread_stale_calls", "Lost calls that were ended", registry=registry)


class CallEvents:
    """The reader of all tenants' call events."""

    def __init__(self, ctx: Context, settings: CallStateSettings, store: RecordStore) -> None:
        self._ctx = ctx
        self._settings = settings
        self._store = store
        self._metrics = ThreadMetrics(ctx.metrics)
        streams = [calls_stream(tenant) for tenant in ctx.common.tenants]
        self._consumer = StreamConsumer(
            ctx,
            streams,
            GROUP,
            self._handle,
            connection="voice-42",
            gather_s=_GATHER_S,
            together=self._handle_all,
        )

    def start(self) -> None:
        self._consumer.start()
        self._ctx.spawn(self._watch(), "stale-calls")

    async def _handle(self, entry: StreamEntry) -> None:
        """Stored and reported: an entry that comes again is reported again, its sequence tells."""
        await self._handle_all([entry])

    async def _handle_all(self, entries: list[StreamEntry]) -> None:
        events = [entry.json(CallEvent) for entry in entries]
        self._metrics.received.inc(len(events))
        reports = [(f"{e.tenant}:{e.call_thread_id or e.call_uuid}", for_reports(e)) for e in events]
        # In one write; the entries are acknowledged when both are stored.
        await asyncio.gather(
            self._store.take_all(events),
            self._ctx.kafka.publish_all(TOPIC_CALLS, reports, connection="voice-56"),
        )
        self._metrics.sent.inc(len(events))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._settings.sweep_s)
            try:
                await self.sweep()
            except (ValkeyUnavailable, ValkeyError):
                continue

    async def sweep(self) -> int:
        """End the calls that nobody keeps any more; how many they were."""
        ended = 0
        for tenant in self._ctx.common.tenants:
            moment = self._ctx.now() - self._settings.stale_s
            for record in await self._store.silent_since(tenant, moment):
                if await self._store.first_to_end(record):
                    await self._end(record)
                    ended += 1
            self._metrics.threads.labels(tenant).set(await self._store.count(tenant))
        return ended

    async def _end(self, record: CallRecord) -> None:
        """The event that the lost call owes to everybody."""
        view = record.view
        self._ctx.log.warning("stale_call_ended", conn_id=view.conn_id)
        self._metrics.stale.inc()
        ended = CallEvent(
            id="EventCallDeleted",
            time=self._ctx.now(),
            tenant=view.tenant,
            server=self._ctx.node,
            conn_id=view.conn_id,
            call_uuid=view.call_uuid,
            call_thread_id=view.thread_id,
            call_type=view.call_type,
            ani=view.ani,
            dnis=view.dnis,
            result_class="indeterminate",
            reason="stale",
            sequence=record.sequence + 1,
        )
        await append(
            self._ctx.valkey.using("voice-42"), calls_stream(view.tenant), msgspec.json.encode(ended)
        )
