"""Self-service, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringback.runtime.rounds import Rounds, every
from ringback.services.engagement.moving import Moving
from ringback.services.engagement.selfservice.keys import LinkKeys
from ringback.services.engagement.selfservice.looking import Looking
from ringback.services.engagement.selfservice.receipts import Receipts
from ringback.services.engagement.selfservice.routes import SelfServicePages

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.engagement.availability import SlotDesk
    from ringback.services.engagement.catalogue import Catalogue
    from ringback.services.engagement.changes import Changes
    from ringback.services.engagement.http import EngagementHttp
    from ringback.services.engagement.outside.writing import Words
    from ringback.services.engagement.records import Record
    from ringback.services.engagement.settings import EngagementSettings
    from ringback.services.engagement.store import Store
    from ringback.services.engagement.waits import WaitTimes

_REFRESH_S = 10.0
_TIDY_S = 3600.0
_DAY_S = 86_400.0
_LONGEST_LIFE_S = 90 * _DAY_S
"""Longest time to live that a key is kept for, beyond how far ahead a callback may lie."""


class SelfService:
    """Customers' pages and the keys of their links."""

    def __init__(
        self,
        ctx: Context,
        settings: EngagementSettings,
        *,
        store: Store,
        catalogue: Catalogue,
        slots: SlotDesk,
        waits: WaitTimes,
        changes: Changes,
        moving: Moving,
    ) -> None:
        self._ctx = ctx
        change_s, after_s = settings.link_key_days * _DAY_S, settings.link_after_h * 3600
        kept_s = change_s + settings.max_ahead_days * _DAY_S + _LONGEST_LIFE_S + after_s
        self._keys = LinkKeys(ctx, store, change_s, kept_s)
        looking = Looking(ctx, store, catalogue, slots, waits, self._keys, after_s)
        self._receipts = Receipts(ctx, store, self._keys, settings.link_guesses)
        self.pages = SelfServicePages(
            ctx, settings, store=store, looking=looking, keys=self._keys, changes=changes, moving=moving
        )

    def add_routes(self, http: EngagementHttp) -> None:
        """Serve what belongs here."""
        self.pages.add_to(http)
        self._receipts.add_to(http)

    def give_words(self, words: Words) -> None:
        """Let notices have links and receipts."""
        words.link, words.receipt = self._link, self._receipts.receipt

    def start(self) -> None:
        """Begin to look after the keys; runs until the service stops."""
        Rounds(self._ctx, "link-keys", every(_REFRESH_S, self._keys.refresh)).start()
        Rounds(self._ctx, "link-keys-tidied", every(_TIDY_S, self._keys.tidy)).start()

    async def _link(self, record: Record) -> str:
        return (await self.pages.url_of(record))[0]
