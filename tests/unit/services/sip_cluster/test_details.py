"""What the request queue is told of calls."""

import asyncio
from types import SimpleNamespace
from typing import Any

from ringback.contracts.events import CallEvent
from ringback.contracts.routing import CallDetails
from ringback.runtime.link import LinkUnavailable
from ringback.services.sip_cluster.details import CallDetailsLink


class Link:
    """Takes what is said; a test says whether there is anybody."""

    def __init__(self) -> None:
        self.away = False
        self.told: list[CallDetails] = []
        self.asked: list[CallDetails] = []

    def notify(self, _method: str, details: CallDetails) -> None:
        if self.away:
            raise LinkUnavailable("away")
        self.told.append(details)

    async def call(self, _method: str, details: CallDetails) -> None:
        self.asked.append(details)


def made() -> tuple[CallDetailsLink, Link]:
    context: Any = SimpleNamespace(spawn=lambda work, _name: asyncio.ensure_future(work))
    details, link = CallDetailsLink.__new__(CallDetailsLink), Link()
    details._ctx, details._waiting = context, set()
    details._link = link  # type: ignore[assignment]
    return details, link


def event(name: str, conn_id: str = "c") -> CallEvent:
    return CallEvent(id=name, time=1.0, tenant="demo", conn_id=conn_id)


async def test_only_the_end_of_a_call_that_has_waited_is_told_and_once() -> None:
    details, link = made()
    for name in ("EventRouteRequest", "EventRouteRequest", "EventCallDeleted", "EventCallDeleted"):
        details.event(event(name))
    details.event(event("EventCallDeleted", "another"))
    assert [(each.conn_id, each.state) for each in link.told] == [("c", "gone")]


async def test_while_the_queue_is_away_it_is_tried_once_more() -> None:
    details, link = made()
    link.away = True
    details.event(event("EventRouteRequest"))
    details.event(event("EventCallDeleted"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [each.conn_id for each in link.asked] == ["c"]
