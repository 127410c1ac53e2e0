"""What comes to a session that runs here: offers of its own node, and what it has had already.

An offer is stored together with the state that it leads to, so it needs no inbox; it is told what became of
it. What other nodes have for the session comes through the inbox in the store.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from ringback.services.orchestration.records import Input
from ringback.services.orchestration.store import Had


class Offer(NamedTuple):
    """An input from this node, come at `since` (epoch seconds); `stored` is told what became of it."""

    entry: Input
    key: str
    since: float
    stored: asyncio.Future[bool]


class Inputs:
    """The offers of one session, and the keys of all its inputs so far."""

    def __init__(self, had: Had | None) -> None:
        self.open = False
        """Whether offers are taken."""
        self.offers: list[Offer] = []
        self.unstored: list[str] = []
        """Keys of offers that the application has had and the store does not know yet."""
        self._had = had or Had(set(), set())

    def offer(self, entry: Input, key: str, now: float) -> asyncio.Future[bool] | None:
        """See `LiveSession.offer`."""
        if not self.open:
            return None
        stored: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.offers.append(Offer(entry, key, now, stored))
        return stored

    def take(self) -> list[Offer]:
        """The offers there are."""
        offers, self.offers = self.offers, []
        return offers

    def refuse(self) -> None:
        """No more offers: those not stored go through the inbox, which knows whether the session is over."""
        self.open = False
        settle(self.take(), False)

    def is_new(self, key: str) -> bool:
        """Whether an offer is none that the session has had; from now on it is one."""
        if key in self._had.fed or key in self._had.delivered:
            return False
        if key:
            self._had.fed.add(key)
            self.unstored.append(key)
        return True

    def is_new_in_inbox(self, key: str) -> bool:
        """The same for an input of the inbox, which has each key once: it may repeat an offer only."""
        if key in self._had.fed:
            return False
        if key:
            self._had.delivered.add(key)
        return True


def settle(offers: list[Offer], stored: bool) -> None:
    """Tell what became of offers."""
    for offer in offers:
        if not offer.stored.done():
            offer.stored.set_result(stored)
