"""Asks the parties of each call now and then whether they are there: a phone that lost power sends no BYE."""

import asyncio

from ringback.domain.calls import inputs as i
from ringback.domain.calls.types import LegRole, LegState
from ringback.services.sip_cluster.driver import Driver
from ringback.services.sip_cluster.live import LiveCall, SipLeg
from ringback.services.sip_cluster.outgoing import Outgoing
from ringback.services.sip_cluster.sessions import GONE

MEDIA_GONE = frozenset({404, 408, 480, 481, 500, 502, 503, 504})
"""Media is asked through the proxy alone: what cannot be reached can be replaced."""
SOON_S = 1.0
"""How long after a takeover the parties are asked for the first time."""


class Audit:
    """One timer for each call: media is asked each time, the other parties each n-th time."""

    def __init__(self, driver: Driver, outgoing: Outgoing, *, every_s: float, media_s: float) -> None:
        self._driver = driver
        self._outgoing = outgoing
        self._media_s = media_s
        self._each = max(1, round(every_s / media_s))

    def watch(self, live: LiveCall) -> None:
        """Ask until the call is over; a call that was taken over is asked soon."""
        self._arm(live, 0, SOON_S if live.taken_over else self._media_s)

    def _arm(self, live: LiveCall, turn: int, delay_s: float) -> None:
        live.audit = asyncio.get_running_loop().call_later(delay_s, self._ask, live, turn)

    def _ask(self, live: LiveCall, turn: int) -> None:
        everybody = (turn + (0 if live.taken_over else 1)) % self._each == 0
        for state in live.call.data.legs.values():
            leg = live.legs.get(state.id)
            is_media = state.role is LegRole.MEDIA
            if leg is not None and state.state is LegState.UP and (is_media or everybody):
                self._ask_leg(live, leg, MEDIA_GONE if is_media else GONE)
        self._arm(live, turn + 1, self._media_s)

    def _ask_leg(self, live: LiveCall, leg: SipLeg, gone: frozenset[int]) -> None:
        def answered(status: int) -> None:
            if status in gone:
                self._driver.feed(live, i.HungUp(leg.id))

        self._outgoing.ask_for_life(leg, answered)
