"""Every change of a callback: locked, judged by the life cycle, saved with what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from ringback.contracts.callbacks import NO_AGENT, CallbackStep, CallbackStepReply
from ringback.domain.callbacks import (
    CONSULTS,
    Accepted,
    AgentLost,
    AgentReserved,
    AttemptFailed,
    AttemptLost,
    CallbackRefusedError,
    Cancel,
    Connected,
    Customer,
    Dialling,
    DialResult,
    Due,
    Ended,
    Event,
    Expire,
    Finished,
    Ignored,
    Outcome,
    Reason,
    RetryPolicy,
    Snoozed,
    Stalled,
    State,
    Waiting,
    WriteBack,
    advance,
)
from ringback.runtime.http import HttpError
from ringback.services.engagement.attempts import numbers, trail
from ringback.services.engagement.catalogue import UNREADABLE, Catalogue
from ringback.services.engagement.records import Record
from ringback.services.engagement.store import Session, Store

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.engagement.outside.originated import Originated

HELD_S = 60.0
"""How long a callback waits whose settings cannot be read."""
_NO_POLICY = RetryPolicy(max_dials=0, delay=0.0)
_CANCELLED = frozenset({Reason.CANCELLED, Reason.CANCELLED_BY_ADMIN})


class Changes:
    """Applies events to callbacks, one transaction each (the scheduler's: one a batch)."""

    def __init__(
        self, ctx: Context, store: Store, catalogue: Catalogue, on_effects: Callable[[], None]
    ) -> None:
        self._ctx = ctx
        self._store = store
        self._catalogue = catalogue
        self._on_effects = on_effects
        self.originated: Originated | None = None

    async def cancel(self, tenant: str, callback_id: UUID) -> None:
        """Cancel a callback; doing it twice is no error. HttpError 400 when too late, 404 when unknown."""
        async with self._store.transaction() as session:
            record = await self._locked(session, tenant, callback_id)
            if not await self.cancel_within(session, record, Reason.CANCELLED):
                return
        self._on_effects()

    async def called_in(self, tenant: str, callback_id: UUID, call_id: str) -> Record:
        """The customer's own call takes the place of the callback, which completes; returns it as it was.

        Twice for one call is no error. HttpError 409 once the customer is being dialled, 404 when unknown.
        """
        async with self._store.transaction() as session:
            record = await self._locked(session, tenant, callback_id)
            progress = record.progress
            if progress.reason is Reason.CUSTOMER_CALLED_IN and record.conn_id == call_id:
                return record
            calls_us = self.originated is not None and await self.originated.is_for(session, record)
            if progress.live and progress.dialled and not calls_us:
                raise HttpError(409, "callback-dialled", "the customer is being dialled already")
            try:
                if calls_us:
                    progress = replace(progress, last_result=DialResult.USERORIGINATED_CONNECTED)
                named = replace(record, conn_id=call_id, progress=progress)
                await self._apply(session, named, Cancel(Reason.CUSTOMER_CALLED_IN))
                await session.release_slot(record.id)
            except CallbackRefusedError as refused:
                raise HttpError(409, refused.slug, str(refused)) from None
        self._on_effects()
        return record

    async def cancel_within(self, session: Session, record: Record, reason: Reason) -> bool:
        """Cancel a locked callback; false when it was cancelled before. HttpError 400 when too late."""
        if record.progress.reason in _CANCELLED:
            return False
        try:
            await self._apply(session, record, Cancel(reason))
            await session.release_slot(record.id)
        except CallbackRefusedError as refused:
            raise HttpError(400, refused.slug, f"it cannot be cancelled: {refused}") from None
        return True

    async def step(self, tenant: str, callback_id: UUID, step: CallbackStep) -> CallbackStepReply:
        """Take a session's step; idempotent by (attempt, step). HttpError 404 or 409."""
        async with self._store.transaction() as session:
            record = await self._locked(session, tenant, callback_id)
            if self.originated is not None:
                step = await self.originated.judged(session, record, step)
            event = _event_of(record, step)
            if isinstance(event, Dialling):
                event = replace(event, number_taken=await numbers.is_taken(session, record))
            try:
                outcome = await self._apply(session, record, event, step)
            except CallbackRefusedError as refused:
                self._ctx.log.warning("step_refused", callback_id=str(callback_id), slug=refused.slug)
                if not isinstance(event, Dialling):
                    raise HttpError(409, refused.slug, str(refused)) from None
                outcome = Ignored(proceed=False)
            await self._leave_given(session, record, event, outcome)
        return _reply(record, step, outcome)

    async def _leave_given(self, session: Session, record: Record, event: Event, outcome: Outcome) -> None:
        """Leave to dial: where the customer calls us, that is said in its place."""
        given = isinstance(event, Dialling) and isinstance(outcome, Accepted) and outcome.progress.live
        if given and self.originated is not None:
            await self.originated.tell(session, record)

    async def due(self, limit: int) -> int:
        """Start the callbacks whose time has come; returns how many there were."""
        now = self._ctx.now()
        async with self._store.transaction() as session:
            records = await session.lock_due(now, limit)
            await self._apply_all(session, [(record, Due()) for record in records])
        return self._woken(len(records))

    async def expire(self, limit: int) -> int:
        """Give up the queued callbacks whose time to live is over; returns how many there were."""
        now = self._ctx.now()
        async with self._store.transaction() as session:
            records = await session.lock_expired(now, limit)
            await self._apply_all(session, [(record, Expire()) for record in records])
        return self._woken(len(records))

    async def stalled(self, record: Record) -> None:
        """Stop the running attempt, which is in ROUTING and has reported nothing for too long."""
        async with self._store.transaction() as session:
            current = await self._locked(session, record.tenant, record.id)
            if current.progress == record.progress:
                attempt = record.progress.attempt
                self._ctx.log.warning("attempt_stalled", callback_id=str(record.id), attempt=attempt)
                await self._apply_all(session, [(current, Stalled(attempt))])
        self._on_effects()

    async def lost(self, record: Record) -> None:
        """The session of the running attempt is gone."""
        async with self._store.transaction() as session:
            current = await self._locked(session, record.tenant, record.id)
            await self._apply(session, current, AttemptLost(record.progress.attempt))
        self._on_effects()

    async def start_again(self, record: Record) -> None:
        """Repeat the start of the running attempt, which its session may never have got."""
        async with self._store.transaction() as session:
            current = await self._locked(session, record.tenant, record.id)
            if current.progress == record.progress:
                await session.start_again(current, self._ctx.now())
                await session.touch(current, self._ctx.now())
        self._on_effects()

    async def _apply_all(self, session: Session, events: Sequence[tuple[Record, Event]]) -> None:
        """Apply an event to each callback; one that will not have it yet is left as it is.

        One whose settings cannot be read waits for a while, and keeps none of the others waiting.
        """
        changes, held = [], []
        for record, event in events:
            try:
                outcome, changed = await self._judge(session, record, event)
            except CallbackRefusedError as refused:
                self._ctx.log.debug("not_yet", callback_id=str(record.id), slug=refused.slug)
                continue
            except UNREADABLE as error:
                self._ctx.log.error("callback_held", callback_id=str(record.id), error=str(error))
                held.append(record.id)
                continue
            if isinstance(outcome, Accepted):
                changes.append((record, changed, outcome.effects, event))
        if held:
            await session.hold(held, self._ctx.now(), HELD_S)
        await session.save_all([(changed, effects) for _, changed, effects, _ in changes])
        for record, changed, _, event in changes:
            await trail.note(session, record, changed, event, None)
            self._report(record, changed)

    async def _apply(
        self, session: Session, record: Record, event: Event, step: CallbackStep | None = None
    ) -> Outcome:
        outcome, changed = await self._judge(session, record, event, step)
        if isinstance(outcome, Accepted):
            await session.save(changed, outcome.effects)
            await trail.note(session, record, changed, event, step)
            self._report(record, changed)
        return outcome

    async def _judge(
        self, session: Session, record: Record, event: Event, step: CallbackStep | None = None
    ) -> tuple[Outcome, Record]:
        """What the life cycle says, and the callback as it is after that."""
        policy = await self._catalogue.policy(record, session) if type(event) in CONSULTS else _NO_POLICY
        now = self._ctx.now()
        outcome = advance(record.progress, event, policy, now)
        if not isinstance(outcome, Accepted):
            return outcome, record
        told = record if step is None else _with_report(record, step)
        return outcome, told.after(outcome.progress, now)

    def _report(self, before: Record, after: Record) -> None:
        progress = after.progress
        if progress.state is before.progress.state and progress.attempt == before.progress.attempt:
            return
        self._ctx.log.info(
            "callback_state",
            callback_id=str(after.id),
            state=progress.state.value,
            reason=progress.reason.value if progress.reason else "",
            attempt=progress.attempt,
        )

    def _woken(self, count: int) -> int:
        if count:
            self._on_effects()
        return count

    async def _locked(self, session: Session, tenant: str, callback_id: UUID) -> Record:
        record = await session.read(tenant, callback_id, lock=True)
        if record is None:
            raise HttpError(404, "callback-unknown", "there is no callback with this id")
        return record


def _event_of(record: Record, step: CallbackStep) -> WriteBack:
    """The event that a session's step stands for, read beside the state that the callback is in."""
    attempt, number = step.attempt, step.step
    if step.state == "QUEUED":
        back = record.progress.state is State.ROUTING
        return AgentLost(attempt, number) if back else Waiting(attempt, number)
    if step.state == "ROUTING":
        return AgentReserved(attempt, number)
    if step.state == "DIALLING":
        return Dialling(attempt, number)
    if step.state == "CUSTOMER":
        return Customer(attempt, number)
    if step.state == "SNOOZED":
        return Snoozed(attempt, number)
    if step.state == "PROCESSING":
        return Connected(attempt, number)
    if step.state == "FAILED":
        deserted = step.reason == NO_AGENT
        return AttemptFailed(attempt, number, _dial_result(step.dial_result), deserted=deserted)
    if record.progress.state is State.PROCESSING:
        return Finished(attempt, number)
    return Ended(attempt, number, _reason(step.reason))


def _dial_result(text: str) -> DialResult:
    return DialResult[text] if text in DialResult.__members__ else DialResult.UNKNOWN


def _reason(text: str) -> Reason:
    return Reason[text] if text in Reason.__members__ else Reason.NOT_AVAILABLE


def _with_report(record: Record, step: CallbackStep) -> Record:
    """The record with what the step tells beside its state."""
    return replace(
        record,
        agent_id=step.agent_id or record.agent_id,
        conn_id=step.conn_id or record.conn_id,
        position=step.position or record.position,
        ewt=step.ewt if step.ewt >= 0 else record.ewt,
    )


def _reply(record: Record, step: CallbackStep, outcome: Outcome) -> CallbackStepReply:
    if isinstance(outcome, Ignored):
        return CallbackStepReply(state=record.progress.state.value, go_on=outcome.proceed)
    progress = outcome.progress
    go_on = progress.live and progress.attempt == step.attempt
    return CallbackStepReply(state=progress.state.value, go_on=go_on)
