"""Outbound campaigns: how they stand; start, pause, stop. The tenant service does it, and notes who asked."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, urlencode

import msgspec

from ringback.contracts.auth import Actor
from ringback.contracts.campaigns import (
    CampaignHour,
    CampaignPicture,
    CampaignPictures,
    CampaignStatus,
    CustomersPage,
    CustomerView,
)
from ringback.domain.permissions import Action
from ringback.runtime.http import HttpClient
from ringback.services.engagement.management.api import Call, Operation, in_path
from ringback.services.engagement.management.relaying import Relay
from ringback.services.engagement.openapi import Parameter
from ringback.services.engagement.store import moment

if TYPE_CHECKING:
    from ringback.runtime.context import Context

Order = Literal["start", "pause", "stop"]


_NAME = in_path("name", "name of the campaign")
_CUSTOMERS = (
    Parameter("state", "waiting, dialling or done"),
    Parameter("result", "how the last dial ended, as in a campaign's `results`"),
    Parameter("outcome", "what an agent entered"),
    Parameter("after_list", "the list of the `next` of the page before"),
    Parameter("after_key", "its key"),
)


class Hour(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the dials that were begun in one hour.

    abandoned: a person answered and no agent spoke to them. other: no person, a wrong number, nobody knows.
    """

    hour: datetime
    dialled: int
    answered: int
    connected: int
    abandoned: int
    busy: int
    no_answer: int
    other: int


class CampaignRow(msgspec.Struct, frozen=True, kw_only=True):
    """One campaign.

    reason: why it is in its state, a slug. answered, abandoned: since it was started. results: of records
    that are done. next: when the first record that waits is due. why: why nobody is dialled at this moment,
    a slug; empty: somebody is. ready, calls_waiting: agents and calls of its queue. under_way: customers who
    are dialled or have no agent yet. per_minute: dials, of the last five minutes. hours: of the last day.
    """

    name: str
    state: str
    reason: str
    since: datetime | None
    mode: str
    ratio: float
    queue: str
    lists: list[str]
    answered: int
    abandoned: int
    abandon_cap: float
    waiting: int
    dialling: int
    done: int
    results: dict[str, int]
    next: datetime | None
    why: str
    ready: int
    calls_waiting: int
    under_way: int
    per_minute: float
    hours: list[Hour]


class CampaignsPage(msgspec.Struct, frozen=True, kw_only=True):
    """All campaigns of the tenant, by name."""

    at: datetime
    items: list[CampaignRow]


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """One record of a campaign's lists; its number is masked.

    state: waiting, dialling or done. due: when it may be dialled, while it waits. result, reason: of its last
    dial, `at`. outcome: what an agent says the talk has come to. agent: who had it last. call_at: when the
    customer wants to be called.
    """

    list: str
    key: str
    number: str
    state: str
    due: datetime | None
    dials: int
    result: str
    reason: str
    outcome: str
    agent: str
    at: datetime | None
    call_at: datetime | None


class CustomerPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Behind which customer a page begins: `after_list` and `after_key` of the request."""

    list: str
    key: str


class Customers(msgspec.Struct, frozen=True, kw_only=True):
    """Up to 100 customers by list and key. next: the place behind which there are more. outcomes: how many
    customers of the campaign have each; null on all pages but the first.
    """

    items: list[Customer]
    next: CustomerPlace | None
    outcomes: dict[str, int] | None


class CampaignState(msgspec.Struct, frozen=True, kw_only=True):
    """Where a campaign stands after a command."""

    name: str
    state: str


class CampaignsRoom:
    """Handlers below `/api/v1/campaigns`."""

    def __init__(self, ctx: Context) -> None:
        self._tenant = Relay(HttpClient(ctx, "tenant", timeout_s=5.0), "the node that dials")

    def operations(self) -> list[Operation]:
        """What can be done with campaigns."""
        about: dict[Order, str] = {
            "start": "Load it and dial; a paused one goes on.",
            "pause": "Dial nobody until it is started again.",
            "stop": "Dial nobody more; calls under way go on to their end.",
        }
        return [
            Operation(
                "GET",
                "campaigns",
                "listCampaigns",
                "How the campaigns stand.",
                self._list,
                Action.SEE_CAMPAIGNS,
                CampaignsPage,
            ),
            Operation(
                "GET",
                "campaigns/{name}/customers",
                "listCustomers",
                "The customers of a campaign, and what has come of them.",
                self._customers,
                Action.SEE_CAMPAIGNS,
                Customers,
                parameters=(_NAME, *_CUSTOMERS),
                refusals=(400, 404),
            ),
            *(self._order(order, text) for order, text in about.items()),
        ]

    def _order(self, order: Order, about: str) -> Operation:
        async def tell(call: Call) -> CampaignState:
            actor = Actor(who=call.caller.user, source=call.request.peer)
            path = f"/campaigns/{quote(call.tenant, safe='')}/{quote(call.part('name'), safe='')}/{order}"
            found = await self._tenant.ask("POST", path, actor, CampaignStatus)
            return CampaignState(name=found.campaign, state=found.state)

        return Operation(
            "POST",
            f"campaigns/{{name}}/{order}",
            f"{order}Campaign",
            about,
            tell,
            Action.CONTROL_CAMPAIGNS,
            CampaignState,
            parameters=(_NAME,),
            refusals=(404, 409),
        )

    async def _customers(self, call: Call) -> Customers:
        query = {each.name: call.request.query.get(each.name, "") for each in _CUSTOMERS}
        path = f"/campaigns/{quote(call.tenant, safe='')}/{quote(call.part('name'), safe='')}/customers"
        asked = urlencode({name: text for name, text in query.items() if text})
        return _customers(await self._tenant.ask("GET", f"{path}?{asked}", None, CustomersPage))

    async def _list(self, call: Call) -> CampaignsPage:
        found = await self._tenant.ask(
            "GET", f"/campaigns/{quote(call.tenant, safe='')}", None, CampaignPictures
        )
        return CampaignsPage(at=moment(found.at), items=[_row(each) for each in found.campaigns])


def _customers(page: CustomersPage) -> Customers:
    last = page.customers[-1] if page.more else None
    return Customers(
        items=[_customer(each) for each in page.customers],
        next=CustomerPlace(list=last.list, key=last.key) if last else None,
        outcomes=page.outcomes,
    )


def _customer(view: CustomerView) -> Customer:
    return Customer(
        list=view.list,
        key=view.key,
        number=view.number,
        state=view.state,
        due=moment(view.due_at) if view.due_at else None,
        dials=view.dials,
        result=view.result,
        reason=view.reason,
        outcome=view.outcome,
        agent=view.agent,
        at=moment(view.at) if view.at else None,
        call_at=moment(view.call_at) if view.call_at else None,
    )


def _row(picture: CampaignPicture) -> CampaignRow:
    status, counts = picture.status, picture.status.counts
    return CampaignRow(
        name=status.campaign,
        state=status.state,
        reason=status.reason,
        since=moment(status.since) if status.since else None,
        mode=status.mode,
        ratio=picture.ratio,
        queue=picture.queue,
        lists=picture.lists,
        answered=status.answered,
        abandoned=status.abandoned,
        abandon_cap=picture.abandon_cap,
        waiting=counts.waiting,
        dialling=counts.dialling,
        done=counts.done,
        results=counts.results,
        next=moment(counts.next_at) if counts.next_at else None,
        why=picture.why,
        ready=picture.ready,
        calls_waiting=picture.calls_waiting,
        under_way=picture.under_way,
        per_minute=picture.per_minute,
        hours=[_hour(each) for each in picture.hours],
    )


def _hour(hour: CampaignHour) -> Hour:
    return Hour(
        hour=moment(hour.hour),
        dialled=hour.dialled,
        answered=hour.answered,
        connected=hour.connected,
        abandoned=hour.abandoned,
        busy=hour.busy,
        no_answer=hour.no_answer,
        other=hour.other,
    )
