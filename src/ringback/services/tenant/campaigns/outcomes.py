"""What agents say a talk has come to: over 5050, or from their desktop over 2060.

A desktop sends `RequestDistributeUserEvent` with the keys that outbound desktops are known to send:
`GSW_AGENT_REQ_TYPE` is `RecordProcessed` (`GSW_CALL_RESULT` names the result), `RecordReschedule`
(`GSW_DATE_TIME`, `GSW_CALLBACK_TYPE` Personal or Campaign) or `DoNotCall`; `GSW_CALLING_LIST` and
`GSW_RECORD_HANDLE` are those of the call's user data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ringback.contracts.campaigns import CampaignEvent, OutcomeParams
from ringback.contracts.telephony import RequestDistributeUserEvent
from ringback.domain.callbacks import DialResult
from ringback.domain.campaigns.attempts import Stage
from ringback.domain.campaigns.outcomes import Entered, OutcomeRefusedError, follow_of, read_time
from ringback.runtime.link import INVALID_PARAMS, LinkError
from ringback.services.tenant.campaigns.attempts import Attempts
from ringback.services.tenant.campaigns.definitions import Definitions
from ringback.services.tenant.campaigns.hearing import attempt_of
from ringback.services.tenant.campaigns.outcome_store import enter
from ringback.services.tenant.campaigns.readable import check_readable
from ringback.services.tenant.campaigns.store import Attempt, Store

if TYPE_CHECKING:
    from ringback.runtime.context import Context

FORBIDDEN, NOT_FOUND, CONFLICT = 403, 404, 409
REQUEST_TYPE = "GSW_AGENT_REQ_TYPE"


class OutcomeDesk:
    """One tenant's. `wake`: a record may be due again, or a callback is to be booked."""

    def __init__(self, ctx: Context, store: Store, definitions: Definitions, attempts: Attempts) -> None:
        self._ctx = ctx
        self._store = store
        self._definitions = definitions
        self._attempts = attempts

    async def enter(self, wanted: OutcomeParams) -> CampaignEvent | None:
        """Keep a result and do what follows. None while the call is not over: then what follows is told with
        its end. The same result again changes nothing. LinkError.
        """
        attempt_id = attempt_of(wanted.reference)
        if attempt_id is None and not (wanted.list and wanted.key):
            raise LinkError(INVALID_PARAMS, "a dial is named by its reference, or by list and key")
        async with self._store.transaction() as session:
            found = await session.attempt_of_outcome(attempt_id, wanted.list, wanted.key)
            if found is None:
                raise LinkError(NOT_FOUND, "there is no such dial")
            attempt, untouched = found
            self._check(attempt, wanted)
            campaign = await self._definitions.campaign(attempt.campaign)
            if campaign is None:
                raise LinkError(NOT_FOUND, "no such campaign is configured")
            rules = self._attempts.rules[campaign.id] = await self._definitions.rules(campaign)
            entered = await self._entered(attempt, wanted)
            over = attempt.progress.stage is Stage.OVER
            if (entered.name, entered.at) == (attempt.entered.name, attempt.entered.at):
                return None
            if over and (attempt.entered.name or not untouched):
                raise LinkError(CONFLICT, "this dial has its result, or the customer was dialled again since")
            try:
                follow_of(rules.outcomes, entered, self._ctx.now())
            except OutcomeRefusedError as error:
                raise LinkError(INVALID_PARAMS, str(error)) from None
            after = msgspec.structs.replace(attempt, entered=entered)
            await enter(session, after)
            if not over:
                return None
            event = await self._attempts.late(session, after, rules)
            await session.tell([event])
        return event

    def _check(self, attempt: Attempt, wanted: OutcomeParams) -> None:
        """Whether somebody may have talked: that the agent has answered may not be heard here yet."""
        its = attempt.progress
        if its.stage is Stage.OFFERED or (its.stage is Stage.OVER and its.result is not DialResult.CONNECTED):
            raise LinkError(CONFLICT, "no agent has talked to this customer in this dial")
        if wanted.agent and its.agent and wanted.agent != its.agent:
            raise LinkError(FORBIDDEN, "another agent has talked to this customer")

    async def _entered(self, attempt: Attempt, wanted: OutcomeParams) -> Entered:
        at = 0.0
        if wanted.call_at:
            zone = attempt.customer.zone or await self._definitions.time_zone()
            try:
                at = read_time(wanted.call_at, zone)
            except OutcomeRefusedError as error:
                raise LinkError(INVALID_PARAMS, str(error)) from None
        return Entered(wanted.outcome, wanted.agent or attempt.progress.agent, at)


def asked_by_desktop(request: RequestDistributeUserEvent) -> OutcomeParams | None:
    """What a desktop's event says of a record; None: it says nothing of that. LinkError."""
    data: dict[str, Any] = {name: str(value) for name, value in request.user_data.items()}
    kind = data.get(REQUEST_TYPE)
    if kind is None:
        return None
    personal = data.get("GSW_CALLBACK_TYPE", "Personal") != "Campaign"
    outcomes = {
        "RecordProcessed": data.get("GSW_CALL_RESULT", ""),
        "RecordReschedule": data.get("GSW_CALL_RESULT") or ("CALLBACK" if personal else "AGAIN"),
        "DoNotCall": data.get("GSW_CALL_RESULT") or "DO_NOT_CALL",
    }
    if kind not in outcomes:
        raise LinkError(INVALID_PARAMS, f"{REQUEST_TYPE} is one of {', '.join(outcomes)}")
    asked = OutcomeParams(
        tenant=request.tenant,
        outcome=outcomes[kind],
        agent=request.agent_id,
        list=data.get("GSW_CALLING_LIST", ""),
        key=data.get("GSW_RECORD_HANDLE", ""),
        call_at=data.get("GSW_DATE_TIME", "") if kind == "RecordReschedule" else "",
    )
    check_readable(asked)
    return asked
