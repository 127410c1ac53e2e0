"""Two user events a callback, to Kafka: told at least once, from the outbox written with the change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringback.contracts.callbacks import CallbackEvent
from ringback.contracts.events import TOPIC_CALLBACKS
from ringback.domain.callbacks import Happening, HappeningKind
from ringback.domain.callbacks.report import Subject, user_data
from ringback.runtime.rounds import Rounds, in_batches
from ringback.services.engagement.attempts import trail
from ringback.services.engagement.records import Record
from ringback.services.engagement.store import Store

if TYPE_CHECKING:
    from ringback.runtime.context import Context

_BATCH = 100
_EVERY_S = 1.0
_UNSPECIFIED = "<unspecified>"
_CONNECTION = "ges-15"


class Reporter:
    """May run on every node: rows are claimed with SKIP LOCKED."""

    def __init__(self, ctx: Context, store: Store) -> None:
        self._ctx = ctx
        self._store = store

    def start(self) -> None:
        """Begin; runs until the service stops."""
        Rounds(self._ctx, "callback-reports", in_batches(_BATCH, _EVERY_S, self.report)).start()

    async def report(self) -> int:
        """Tell what is to be told now; returns how many rows there were."""
        async with self._store.transaction() as session:
            tellings = await session.lock_tellings("report", self._ctx.now(), _BATCH)
            happened = await trail.read(session, [telling.record.id for telling in tellings])
            for telling in tellings:
                record = telling.record
                await self._tell(record, happened[str(record.id)], final=telling.reason == "end")
            await session.told([telling.id for telling in tellings])
        return len(tellings)

    async def _tell(self, record: Record, happened: list[Happening], *, final: bool) -> None:
        subject = subject_of(record)
        began = any(what.kind is HappeningKind.WAITING for what in happened)
        kinds = (False, True) if final and not began else (final,)
        for is_end in kinds:
            event = CallbackEvent(
                time=record.updated_at if is_end else record.created_at,
                tenant=record.tenant,
                call_uuid=_known(record.details.origination_ixn_id),
                user_data=user_data(subject, happened, final=is_end),
            )
            key = f"{record.tenant}:{record.id}"
            await self._ctx.kafka.publish(TOPIC_CALLBACKS, key, event, connection=_CONNECTION)


def subject_of(record: Record) -> Subject:
    """What a report says of the callback itself; user data and number are not among it."""
    details = record.details
    return Subject(
        id=str(record.id),
        tenant=record.tenant,
        service=record.service,
        accepted_at=record.created_at,
        arrived_at=record.progress.arrived_at,
        desired_at=record.desired_at,
        reason=record.progress.reason,
        dims={
            "CHANNEL": details.channel,
            "OFFER_TYPE": details.offer_type,
            "OFFER_TIMING": _known(details.offer_timing),
            "INBOUND_VQ": details.inbound_vq,
        },
    )


def _known(text: str) -> str:
    return "" if text == _UNSPECIFIED else text
