"""Promised callbacks: one that cannot be booked does not keep the others waiting."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from ringback.contracts.callbacks import BookCallback, CallbackBooked
from ringback.contracts.campaigns import CALLBACK_BOOKED, CampaignEvent
from ringback.services.tenant.campaigns import promises
from ringback.services.tenant.campaigns.promises import Promises


class Session:
    """What is to be booked, and what was done about it."""

    def __init__(self, *numbers: str) -> None:
        event = CampaignEvent(id=CALLBACK_BOOKED, time=0.0, tenant="demo", campaign="spring")
        its = {
            "service": "CB",
            "call_at": 60.0,
            "data": "{}",
            "agent_s": 0.0,
            "event": msgspec.json.encode(event),
        }
        self.rows = [{**its, "attempt": uuid.uuid4(), "number": number} for number in numbers]
        self.done: list[tuple[str, str]] = []
        self.told: list[CampaignEvent] = []

    async def fetch(self, _query: str, _now: float) -> list[Any]:
        return self.rows

    async def execute(self, query: str, attempt: uuid.UUID, *_rest: Any) -> int:
        (number,) = (row["number"] for row in self.rows if row["attempt"] == attempt)
        self.done.append((str(number), query))
        return 1

    async def tell(self, events: list[CampaignEvent]) -> None:
        self.told += events


class Engagement:
    """Answers one number with what is no answer."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    async def post(self, _path: str, wanted: BookCallback, kind: Any, *, retry: bool) -> CallbackBooked:
        assert retry
        return msgspec.json.decode(b"{}" if wanted.number == "bad" else b'{"id": "cb"}', type=CallbackBooked)


async def test_one_that_fails_is_tried_later_and_the_others_are_booked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = Session("bad", "good")

    @asynccontextmanager
    async def transaction() -> AsyncIterator[Session]:
        yield session

    monkeypatch.setattr(promises, "HttpClient", Engagement)
    log = SimpleNamespace(exception=lambda *_, **__: None)
    ctx: Any = SimpleNamespace(now=lambda: 100.0, log=log)
    store: Any = SimpleNamespace(tenant="demo", transaction=transaction)
    leader: Any = None
    await Promises(ctx, store, leader).book()
    assert session.done == [("bad", "promise_later"), ("good", "promise_kept")]
    assert [event.callback_id for event in session.told] == ["cb"]
