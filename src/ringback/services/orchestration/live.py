"""A session that this node runs: takes its inbox, turns, stores, carries out, waits."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from ringback.runtime.http import HttpFailure
from ringback.runtime.patience import until_stored
from ringback.runtime.valkey import ValkeyError, ValkeyUnavailable
from ringback.scxml import Event, Fetch, HttpPost, Interpreter, ScxmlError
from ringback.services.orchestration import turn
from ringback.services.orchestration.alarm import Alarm
from ringback.services.orchestration.applications import ApplicationError
from ringback.services.orchestration.dialog_texts import read_texts, store_texts
from ringback.services.orchestration.dialogs import Dialogs
from ringback.services.orchestration.feeding import Feeding
from ringback.services.orchestration.inputs import Inputs, settle
from ringback.services.orchestration.modules import ACTIONS
from ringback.services.orchestration.outside import document, sent
from ringback.services.orchestration.patience import asked_by
from ringback.services.orchestration.performer import ActionFailed
from ringback.services.orchestration.records import Input, Pending, Record
from ringback.services.orchestration.translation import done_event

if TYPE_CHECKING:
    from ringback.services.orchestration.node import Node
    from ringback.services.orchestration.store import Delivered, Had, SessionStore

_AGAIN_S = 0.3
_LONGEST_S = 3.0
_FAULTS = 5


class NotOurs(Exception):
    """Another node has taken the session over."""


class LiveSession:
    """One task while the session lives, and one more while actions are carried out.

    What this node has for the session is offered, and stored together with the state that it leads to; what
    other nodes have comes through the inbox.

    The interpreter, which is by far the largest part, is there while the session is awake; a session that
    only waits can do without, since what is stored is all there is to it.
    """

    def __init__(self, node: Node, store: SessionStore, record: Record, had: Had | None = None) -> None:
        self._node = node
        self._store = store
        self.record = record
        self._interpreter: Interpreter | None = None
        self._turning = False
        self._faults = 0
        self.over = False
        """It is stored that it has ended: it reads its inbox no more."""
        self._finished = False
        """Nothing of it is stored any more."""
        self._wake = asyncio.Event()
        self._inbox_waits = had is not None
        """A session that has just begun is told when it is stored."""
        self._inputs = Inputs(had)
        self._mark: tuple[object, ...] = ()
        """What was stored last."""
        self._local: deque[tuple[Fetch, str | None]] = deque()
        self._todo: deque[Pending] = deque(record.pending)
        self._working = False
        self._alarm = Alarm(self.wake)
        self._dialogs = Dialogs(record, node.dialog_limits)
        self._feeding = Feeding(node, record, self._inputs, self._dialogs)

    def wake(self) -> None:
        """Something is in the inbox."""
        self._inbox_waits = True
        self._wake.set()

    def offer(self, entry: Input, key: str = "") -> asyncio.Future[bool] | None:
        """Take an input; the future is True when it is stored, False when the session could not.

        None: the session takes no offers now, its inbox is the way. An input that it has had is stored.
        """
        stored = self._inputs.offer(entry, key, self._node.ctx.now())
        if stored is not None:
            self._wake.set()
        return stored

    def sleep(self) -> None:
        """Let the interpreter go, unless it is at work."""
        if not self._turning and self._interpreter is not None:
            self._interpreter.close()
            self._interpreter = None
            self._dialogs.sleep()

    async def run(self) -> None:
        """Live until the end, or until another node has the session."""
        try:
            wait, over = _AGAIN_S, await self._attempt()
            while not over:
                await asyncio.sleep(wait)
                wait, over = min(wait * 1.5, _LONGEST_S), await self._attempt()
        except NotOurs:
            self._node.log.warning("session_taken", session=self.record.id)
        finally:
            self._turning = False
            self._alarm.cancel()
            self._inputs.refuse()
            self.sleep()
            self._node.left(self.record)

    async def _attempt(self) -> bool:
        """Run until the end; False when a store was away and it must be tried again."""
        try:
            await self._live()
        except (ValkeyUnavailable, ValkeyError, ConnectionError, TimeoutError) as error:
            self._node.log.warning("session_waits", session=self.record.id, error=str(error))
            return False
        except NotOurs:
            raise
        except Exception:
            # A fault of ours: the call must not hang on it.
            self._node.log.exception("session_broken", session=self.record.id)
            self._faults += 1
            self._inputs.refuse()
            self.record.failed, self.record.ended = "internal", True
            return self._faults >= _FAULTS
        return True

    async def _live(self) -> None:
        if not self.record.ended:
            await self._open()
        self._work()
        self._inputs.open = not self.record.ended
        while not self.record.ended:
            await self._turn()
            if not self.record.ended:
                await self._rest()
        self._inputs.refuse()
        await self._end()

    async def _rest(self) -> None:
        """Wait for the inbox, for a timer, or a long while."""
        due = turn.next_timer(self.record)
        wait = self._node.settings.idle_s
        if due is not None:
            wait = max(0.0, min(wait, due - self._node.ctx.now()))
        await self._woken(wait)

    async def _woken(self, limit_s: float) -> None:
        """Wait until somebody wakes the session, for at most `limit_s` seconds."""
        self._alarm.within(limit_s)  # a look: who wrote to the inbox may not have told us
        await self._wake.wait()

    # The application

    async def _open(self) -> None:
        """Start the application, or restore it where it asked for a document that never came."""
        if self.record.snapshot is None or self.record.snapshot["awaited"]:
            interpreter = await self._woken_up()
            if interpreter is not None:
                now = self._node.ctx.now()
                await self._commit(self._collect(interpreter, now))

    async def _woken_up(self) -> Interpreter | None:
        """The interpreter; None when the application cannot be run, which is the end of the session."""
        self._turning = True
        self._node.used(self)
        if self._interpreter is not None:
            return self._interpreter
        try:
            if self.record.snapshot is not None:
                self._interpreter = await self._restored()
                self._node.metrics.ha_reads.inc()
            else:
                with self._node.metrics.create_session.time():
                    self._interpreter = await self._fresh()
                    self._interpreter.start(self._node.ctx.now())
        except (ApplicationError, ScxmlError) as error:
            self._node.log.warning("application_failed", session=self.record.id, error=str(error))
            self._node.metrics.load_errors.inc()
            self.record.failed, self.record.ended = getattr(error, "slug", "broken_application"), True
        except (ConnectionError, HttpFailure) as error:
            if self.record.kind == "callback":
                raise ConnectionError(str(error)) from error
            self._node.log.warning("application_away", session=self.record.id, error=str(error))
            self._node.metrics.fetch_errors.inc()
            self.record.failed, self.record.ended = "application_unavailable", True
        return self._interpreter

    async def _fresh(self) -> Interpreter:
        record = self.record
        await self._node.prepare(record)
        text, record.version = await self._node.applications.chosen(record.app, record.interaction)
        record.document = await self._store.keep_document(text)
        document = await self._node.applications.compile(record.document, text, record.app)
        self._node.metrics.strategies.inc()
        self._node.count_version(record, "started")
        return Interpreter(
            document,
            record.id,
            actions=ACTIONS,
            bindings={"_genesys": record.data},
            data=record.data if record.kind == "started" else None,
            http_location=self._node.http_location,
            limits=self._node.limits,
            **await self._node.functions.given(record, document),
        )

    async def _restored(self) -> Interpreter:
        record = self.record
        text = await self._store.document(record.document)
        if text is None:
            raise ApplicationError("lost_application", "the text of the application is gone")
        document = await self._node.applications.compile(record.document, text, record.app)
        return Interpreter.restore(
            document,
            record.snapshot,
            actions=ACTIONS,
            http_location=self._node.http_location,
            limits=self._node.limits,
            **await self._node.functions.given(record, document),
        )

    # Turning

    async def _turn(self) -> None:
        """Take what has come and what is due; store; then do what the application wants."""
        self._wake.clear()
        entries = await self._read_inbox() if self._inbox_waits else []
        if self._dialogs.missing:
            await read_texts(self._dialogs, self._store)
        now, due = self._node.ctx.now(), turn.next_timer(self.record)
        is_due = due is not None and due <= now
        if not (entries or self._inputs.offers or self._local or is_due):
            return
        interpreter = await self._woken_up()
        if interpreter is None:
            return
        self._node.functions.tell(self.record, interpreter, now)
        offers = self._inputs.take()
        try:
            with self._node.metrics.turns.time():
                self._feeding.feed(interpreter, entries, offers, now)
                while self._local:
                    fetch, text = self._local.popleft()
                    interpreter.fetched(fetch.session, fetch.invokeid, text, now)
                if is_due:
                    turn.handle_timer(self.record, interpreter, now)
                effects = self._collect(interpreter, now)
            await self._commit(effects, inbox=bool(entries))
        except BaseException:
            settle(offers, False)
            raise
        settle(offers, True)

    def _collect(self, interpreter: Interpreter, now: float) -> turn.Effects:
        busy = bool(self._todo) or self._working
        return self._node.at_hand.collect(self.record, interpreter, now, self._dialogs, busy=busy)

    async def _read_inbox(self) -> list[Delivered]:
        self._inbox_waits = False
        try:
            entries = await self._store.inbox(self.record.id, self.record.inbox_id)
        except BaseException:
            self._inbox_waits = True
            raise
        if entries:
            self.wake()  # there may be more
        return entries

    async def _commit(self, effects: turn.Effects, *, inbox: bool = True) -> None:
        """The record is stored before anything is done: a crash in between repeats, it loses nothing.

        A turn that changed nothing needs no store: after a crash it would be as if it had never been.
        """
        known = {action.number for action in self._todo}
        fresh = [action for action in self.record.pending if action.number not in known]
        self._turning = False
        mark = turn.mark(self.record)
        if inbox or mark != self._mark:
            await store_texts(self._dialogs, self._store)
            if self._is_done(effects):
                await until_stored(self._finish)
            else:
                await self._save(inbox=inbox)
        self._mark = mark
        for log in effects.logs:
            self._node.log.info("application_log", session=log.session, label=log.label)
        for fetch in effects.fetches:
            self._node.spawn(self._fetch(fetch), f"fetch-{self.record.id}")
        for post in effects.posts:
            self._node.spawn(self._post(post), f"post-{self.record.id}")
        self._todo.extend(fresh)
        self._work()

    def _is_done(self, effects: turn.Effects) -> bool:
        """Whether it is over and owes nothing: then there is no state to be stored any more."""
        record = self.record
        at_work = self._todo or self._working or record.pending or effects.fetches or effects.posts
        return record.ended and not at_work and not self._node.owes(record)

    async def _finish(self) -> None:
        self.over = self._finished = await self._store.finish(self.record)
        if not self._finished:
            raise NotOurs

    async def _save(self, *, inbox: bool = True) -> None:
        async def save() -> None:
            keys, ended = list(self._inputs.unstored), self.record.ended
            saved = await self._store.save(self.record, keys, inbox=inbox)
            if not saved.ours:
                raise NotOurs
            self.over, self._inbox_waits = ended, self._inbox_waits or saved.inbox
            del self._inputs.unstored[: len(keys)]
            self._node.metrics.ha_writes.counts[()] += 1

        # What was taken from the inbox is in the record only: keep it, and wait for the store.
        await until_stored(save)

    # Doing

    def _work(self) -> None:
        if self._todo and not self._working:
            self._working = True
            self._node.spawn(self._perform_all(), f"actions-{self.record.id}")

    async def _perform_all(self) -> None:
        """Actions of one session are carried out one after another, in their order."""
        try:
            while self._todo:
                action = self._todo[0]
                await self._perform(action)
                self._todo.popleft()
                if action in self.record.pending:
                    self.record.pending.remove(action)
        finally:
            self._working = False
            if self.record.ended:
                self._wake.set()  # the end waits for what is being done

    async def _perform(self, action: Pending) -> None:
        record = self.record
        asked = asked_by(action)
        request_id = record.reference(action.number)
        try:
            with self._node.metrics.actions.time(asked.module, asked.element):
                reply = await self._node.performer.perform(record, action, self._store)
        except Exception as error:
            failure = self._failure(error)
            self._node.metrics.invoke_errors.inc()
            event = turn.failed(record, asked, request_id, failure.reason, failure.data)
        else:
            if reply is None:
                return
            event = done_event(asked, reply, request_id)
            record.asked.pop(str(action.number), None)
        entry = Input(event=event.to_json(), session=action.session)
        await self._tell(entry, f"action:{action.number}")

    def _failure(self, error: Exception) -> ActionFailed:
        """A failed action, or a fault of ours, which must not keep the session from going on."""
        if isinstance(error, ActionFailed):
            return error
        self._node.log.exception("action_broken", session=self.record.id)
        return ActionFailed("internal")

    async def _tell(self, entry: Input, key: str) -> None:
        """Let the session know what came of its own doing, which is done again if it is not stored."""
        if self.offer(entry, key) is None and not self.over:
            await until_stored(lambda: self._store.deliver(self.record.id, entry, key))
            self.wake()

    async def _fetch(self, fetch: Fetch) -> None:
        self._local.append((fetch, await document(self._node, self.record.id, fetch)))
        self._wake.set()

    async def _post(self, post: HttpPost) -> None:
        if not await sent(self._node, post):
            event = Event("error.communication", "platform", sendid=post.sendid)
            await self._tell(Input(event=event.to_json(), session=post.session), f"post:{post.sendid}")

    # The end

    async def _end(self) -> None:
        """Let the last actions be done, save the call from an application that left it, forget."""
        if not self._finished and turn.mark(self.record) != self._mark:
            await self._save()
        while self._todo or self._working:
            self._wake.clear()
            self._work()
            await self._woken(1.0)
        await self._node.after(self.record)
        if not self._finished:
            await self._finish()
