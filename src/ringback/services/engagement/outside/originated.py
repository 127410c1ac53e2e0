"""Callbacks that the customer's device begins (USERORIGINATED): told when an agent is ready, it dials in.

In place of the dial there is a notice with a number to call and, where the group has codes, a code. The call
is matched as any call-in is, and gets the place of the callback. A customer who does not call in time is
asked again as a dial that failed is repeated; what became of the notices says how it failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ringback.contracts.callbacks import CallbackStep
from ringback.domain.callbacks import DialResult
from ringback.runtime.http import HttpError
from ringback.services.engagement.callins.models import CallInAsked
from ringback.services.engagement.outside.notices import READY
from ringback.services.engagement.outside.writing import QUERIES, Writing

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.engagement.callins.desk import CallIns
    from ringback.services.engagement.catalogue import Catalogue
    from ringback.services.engagement.records import Record
    from ringback.services.engagement.store import Session

_NO_CALL = DialResult.FAILED_TO_ESTABLISH_CUSTOMER_ORIGINATED_MEDIA


class Originated:
    """What `Changes` asks about callbacks of such services; for all others it does nothing."""

    def __init__(self, ctx: Context, catalogue: Catalogue, callins: CallIns, writing: Writing) -> None:
        self._ctx = ctx
        self._catalogue = catalogue
        self._callins = callins
        self._writing = writing

    async def is_for(self, session: Session, record: Record) -> bool:
        """Whether this callback's customer calls us."""
        offer = await self._catalogue.offer_of(record, session)
        return offer.settings.call_direction == "USERORIGINATED"

    async def tell(self, session: Session, record: Record) -> None:
        """An agent is reserved: the devices get a number to call, in the transaction that gives leave."""
        offer = await self._catalogue.offer_of(record, session)
        settings = offer.settings
        if settings.call_direction != "USERORIGINATED":
            return
        asked = CallInAsked(
            group_name=settings.call_in_group,
            from_phone_number=record.number,
            user_data=record.details.user_data,
            callback_service_id=record.id,
        )
        try:
            made = await self._callins.give(
                session, record.tenant, asked, settings.pushed_callback_expiry_time
            )
        except HttpError as error:
            # Without a notice the attempt fails as one that could not be sent.
            self._ctx.log.error("agent_ready_not_told", callback_id=str(record.id), slug=error.slug)
            return
        more = {"toPhoneNumber": made.to_phone_number, "expirationTime": str(made.expiration_time)}
        if made.access_code is not None:
            more["accessCode"] = str(made.access_code)
        await self._writing.write(session, record, READY, more, record.progress.attempt)

    async def judged(self, session: Session, record: Record, step: CallbackStep) -> CallbackStep:
        """A step that says that nobody called, with what the notices of its attempt tell about it."""
        if step.state != "FAILED" or step.dial_result != _NO_CALL.value:
            return step
        found = await session.connection.fetchrow(QUERIES["notices_of_attempt"], record.id, step.attempt)
        if found["confirmed"]:
            result = _NO_CALL
        elif found["sent"]:
            result = DialResult.PUSH_DELIVERY_NOT_CONFIRMED
        else:
            result = DialResult.PUSH_SEND_ERROR
        return msgspec.structs.replace(step, dial_result=result.value)
