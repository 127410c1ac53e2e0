"""The customers of a campaign and what has come of them, page by page, on HTTP 5581. Any node answers."""

from __future__ import annotations

from typing import Any

from ringback.contracts.campaigns import CustomersPage, CustomerView
from ringback.domain.numbers import masked
from ringback.runtime.http import HttpError, HttpRequest, HttpServer
from ringback.services.tenant.campaigns.desk import Room

PAGE = 100
_LONGEST = 255


class CustomersHttp:
    """`GET /campaigns/{tenant}/{campaign}/customers`, by `state`, `result` and `outcome`, from behind
    `after_list` and `after_key` on.
    """

    def __init__(self, server: HttpServer, rooms: dict[str, Room]) -> None:
        self._rooms = rooms
        server.route("GET", "/campaigns/{tenant}/{campaign}/customers", self._page, connection="voice-8")

    async def _page(self, request: HttpRequest) -> CustomersPage:
        room = self._rooms.get(request.path_param("tenant"))
        campaign = await room.definitions.campaign(request.path_param("campaign")) if room else None
        if room is None or campaign is None:
            raise HttpError(404, "unknown_campaign", "no such campaign is configured")
        names = ("after_list", "after_key", "state", "result", "outcome")
        asked = [_text(request, name) for name in names]
        lists = list(campaign.lists)
        async with room.store.transaction() as session:
            rows = await session.fetch("read_customers", lists, *asked, PAGE + 1)
            first = not asked[0] and not asked[1]
            counted = await session.fetch("count_outcomes", lists) if first else None
        return CustomersPage(
            customers=[_view(row) for row in rows[:PAGE]],
            more=len(rows) > PAGE,
            outcomes=None if counted is None else {row["outcome"]: row["number"] for row in counted},
        )


def _text(request: HttpRequest, name: str) -> str:
    text = request.query.get(name, "")
    if "\0" in text or len(text) > _LONGEST:
        raise HttpError(400, "invalid_query", f"{name} is a text of {_LONGEST} letters at most")
    return text


def _view(row: Any) -> CustomerView:
    return CustomerView(
        list=row["list"],
        key=row["key"],
        number=masked(row["number"]),
        state=row["state"],
        due_at=row["due_at"] if row["state"] == "waiting" else 0.0,
        dials=row["dials"],
        result=row["result"],
        reason=row["reason"],
        outcome=row["outcome"],
        agent=row["outcome_by"] or row["agent"] or "",
        at=row["asked_at"] or 0.0,
        call_at=row["call_at"] or 0.0,
    )
