"""One step of a call in Valkey: events, snapshot, who owns it, its dialogs, what was asked of it.

What belongs to one step leaves together, in one pipeline. When Valkey is away the calls go on: snapshots
catch up with the next step, events wait here in order.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from ringback.contracts.calls import call_key, calls_key, owner_key
from ringback.contracts.events import TOPIC_SIP, CallEvent, calls_stream, for_reports
from ringback.runtime.context import Context
from ringback.runtime.streams import append_command
from ringback.runtime.valkey import Argument, ValkeyUnavailable
from ringback.services.sip_cluster.live import LiveCall

Command = tuple[Argument, ...]
_EVENTS, CALLS, _NEW_CALLS, _REPORTS = "voice-40", "voice-41", "voice-49", "voice-50"
NEW_CALL = {"EventCallCreated", "EventRouteRequest"}
PATIENCE_S = 1.0
"""How long a step of a call waits for Valkey before it goes on without."""
OWNERS = "ringback:sip_cluster:owners"


def dialog_key(tenant: str, call_id: str) -> str:
    """From a SIP Call-ID to the ConnID of the call."""
    return f"{{{tenant}}}:sip:dialog:{call_id}"


def idempotency_key(tenant: str, key: str) -> str:
    return f"{{{tenant}}}:sip_cluster:request:{key}"


def owned_key(node: str) -> str:
    """The calls of a node, `tenant ConnID` each."""
    return f"ringback:sip_cluster:owned:{node}"


class Steps:
    """Writes what this node promises with each step."""

    def __init__(self, ctx: Context, *, ttl_s: int, idempotency_ttl_s: int) -> None:
        self._ctx = ctx
        self._ttl_s = ttl_s
        self._idempotency_ttl_s = idempotency_ttl_s
        self._connections = ctx.connections
        self.waiting: deque[CallEvent] = deque()
        """Events that wait for Valkey."""
        self.ended: deque[LiveCall] = deque()
        """Calls that are over and still stand there."""
        self.behind = asyncio.Event()
        """Something waits for Valkey."""
        self.patience_s = PATIENCE_S
        self._unanswered: deque[tuple[float, asyncio.Future[list[Any]]]] = deque()
        self._patience: asyncio.TimerHandle | None = None
        self.sent_by: tuple[str, int] = ("", 0)
        """Host and port in the Via of this node's requests; set by the SIP side."""

    def save(
        self, live: LiveCall, events: list[CallEvent], first: bool, over: bool
    ) -> asyncio.Future[list[Any]] | None:
        """Store a step; its messages leave when the future is done, whether or not that went well.

        None where there is nothing to wait for, without Valkey too.
        """
        connected = self._ctx.valkey.connected
        if self.waiting or not connected:
            self._wait_with(events)
            events = []
        if not connected:
            self._later(live, over)
            return None
        commands = [command for event in events for command in self.told(event)]
        unindexed, live.unindexed = live.unindexed, []
        unnoted, live.unnoted = live.unnoted, []
        commands += self.forget(live) if over else self.keep(live, first) + self.indexed(live, unindexed)
        commands += self._noted(live, unnoted)
        for event in events:
            commands += self._consultation(live, event)
        failed = partial(self._not_stored, live, events, over, (unindexed, unnoted))
        return self._post(commands, live, failed) if commands else None

    def _post(
        self, commands: list[Command], live: LiveCall, failed: Callable[[BaseException], None]
    ) -> asyncio.Future[list[Any]]:
        """Send; the future is done when the replies are there or after `patience_s`."""
        stored = self._ctx.valkey.post(commands)
        self._wait_for(stored)

        def done(future: asyncio.Future[list[Any]]) -> None:
            error = TimeoutError() if future.cancelled() else future.exception()
            if error is not None:
                live.stored = b""
                failed(error)
            while self._unanswered and self._unanswered[0][1].done():
                self._unanswered.popleft()

        stored.add_done_callback(done)
        return stored

    def _wait_for(self, stored: asyncio.Future[list[Any]]) -> None:
        """One timer for all steps: nearly all are stored long before it looks."""
        loop = stored.get_loop()
        self._unanswered.append((loop.time() + self.patience_s, stored))
        if self._patience is None:
            self._patience = loop.call_later(self.patience_s, self._lose_patience, loop)

    def _lose_patience(self, loop: asyncio.AbstractEventLoop) -> None:
        self._patience, now = None, loop.time()
        while self._unanswered and (self._unanswered[0][1].done() or self._unanswered[0][0] <= now):
            self._unanswered.popleft()[1].cancel()
        if self._unanswered:
            self._patience = loop.call_at(self._unanswered[0][0], self._lose_patience, loop)

    def _not_stored(
        self,
        live: LiveCall,
        events: list[CallEvent],
        over: bool,
        left_out: tuple[list[str], list[str]],
        error: BaseException,
    ) -> None:
        # What was stored is not known: an event may come twice, its sequence number tells.
        self._ctx.log.warning("call_not_stored", conn_id=live.conn_id, error=repr(error))
        self._wait_with(events)
        live.unindexed += left_out[0]
        live.unnoted += left_out[1]
        self._later(live, over)

    def _later(self, live: LiveCall, over: bool) -> None:
        live.stored = b""
        if over:
            self.ended.append(live)
            self.behind.set()

    def _wait_with(self, events: list[CallEvent]) -> None:
        """Events that follow when Valkey is there again, in order."""
        if events:
            self.waiting.extend(events)
            self.behind.set()

    def _count(self, row: str, n: int = 1) -> None:
        self._connections.count(row, sent=n)

    def told(self, event: CallEvent) -> list[Command]:
        """An event on its stream; the last one of a call goes to Kafka as well."""
        self._count(_NEW_CALLS if event.id in NEW_CALL else _EVENTS)
        text = msgspec.json.encode(event)
        commands: list[Command] = [append_command(calls_stream(event.tenant), text)]
        if event.id == "EventCallDeleted":
            key, reported = f"{event.tenant}:{event.call_uuid}", for_reports(event)
            data = text if reported is event else msgspec.json.encode(reported)
            report = self._ctx.kafka.command(TOPIC_SIP, key, data, connection=_REPORTS)
            if report is not None:
                commands.append(report)
        return commands

    def keep(self, live: LiveCall, first: bool) -> list[Command]:
        """The snapshot if it is another one than the last, and who owns the call if it is new."""
        node, ttl_s, tenant, conn_id = self._ctx.node, self._ttl_s, live.tenant, live.conn_id
        commands: list[Command] = []
        data = live.encoded(node, self.sent_by)
        if data != live.stored:
            live.stored = data
            commands.append(("SET", call_key(tenant, conn_id), data, "EX", ttl_s))
        if first:
            commands += [
                ("SET", owner_key(tenant, conn_id), node, "EX", ttl_s),
                ("SADD", calls_key(tenant), conn_id),
                ("SADD", owned_key(node), f"{tenant} {conn_id}"),
            ]
        self._count(CALLS, len(commands))
        return commands

    def _consultation(self, live: LiveCall, event: CallEvent) -> list[Command]:
        """A consultation is known by its ConnID, as long as it lives, like the call that it belongs to."""
        tenant, conn_id = live.tenant, event.conn_id
        if conn_id == live.conn_id:
            return []
        if event.id == "EventCallCreated":
            return [
                ("SET", owner_key(tenant, conn_id), self._ctx.node, "EX", self._ttl_s),
                ("SADD", calls_key(tenant), conn_id),
            ]
        if event.id == "EventCallDeleted":
            return [("DEL", owner_key(tenant, conn_id)), ("SREM", calls_key(tenant), conn_id)]
        return []

    def forget(self, live: LiveCall) -> list[Command]:
        tenant = live.tenant
        dialogs = [dialog_key(tenant, leg.call_id) for leg in live.legs.values()]
        keys = [call_key(tenant, live.conn_id), owner_key(tenant, live.conn_id), *dialogs]
        self._count(CALLS, 3)
        return [
            ("DEL", *keys),
            ("SREM", calls_key(tenant), live.conn_id),
            ("SREM", owned_key(self._ctx.node), f"{tenant} {live.conn_id}"),
        ]

    def indexed(self, live: LiveCall, call_ids: list[str]) -> list[Command]:
        """Let any node find the call of these dialogs."""
        self._count(CALLS, len(call_ids))
        name = live.conn_id
        return [("SET", dialog_key(live.tenant, call_id), name, "EX", self._ttl_s) for call_id in call_ids]

    def index_dialog(self, live: LiveCall, call_id: str) -> None:
        """Let any node find the call of a dialog: with the next step, or now where there is none at hand.

        Nobody asks for the dialog of an INVITE of ours before it was answered, and that is a step.
        """
        live.unindexed.append(call_id)
        if live.flushing:
            return
        unindexed, live.unindexed = live.unindexed, []

        def stored(done: asyncio.Future[list[Any]]) -> None:
            error = None if done.cancelled() else done.exception()
            if error is not None:
                self._not_indexed(live, unindexed, error)

        try:
            self._ctx.valkey.post(self.indexed(live, unindexed)).add_done_callback(stored)
        except ValkeyUnavailable as error:
            self._not_indexed(live, unindexed, error)

    def _not_indexed(self, live: LiveCall, call_ids: list[str], error: BaseException) -> None:
        self._ctx.log.warning("dialog_not_indexed", conn_id=live.conn_id, error=str(error))
        live.unindexed += call_ids

    def _noted(self, live: LiveCall, keys: list[str]) -> list[Command]:
        """What requests have come to, with the step that they have led to."""
        ttl_s, known = self._idempotency_ttl_s, live.requests
        return [("SET", idempotency_key(live.tenant, key), known[key], "EX", ttl_s) for key in keys]
