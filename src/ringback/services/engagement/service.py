"""Wiring of the engagement service."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial

from ringback.runtime.context import Context
from ringback.runtime.service import Service
from ringback.services.engagement.access import Access
from ringback.services.engagement.asking import CreateCallback
from ringback.services.engagement.attempts.auditing import Auditor
from ringback.services.engagement.attempts.purging import Purger
from ringback.services.engagement.attempts.reporting import Reporter
from ringback.services.engagement.availability import SlotDesk
from ringback.services.engagement.booking import Booking
from ringback.services.engagement.callins.desk import CallIns
from ringback.services.engagement.callins.routes import CallInRoutes
from ringback.services.engagement.callins.waiting import WaitingCallers
from ringback.services.engagement.catalogue import Catalogue
from ringback.services.engagement.changes import Changes
from ringback.services.engagement.http import EngagementHttp
from ringback.services.engagement.keys import ApiKeys
from ringback.services.engagement.limits import Limits
from ringback.services.engagement.management.desks import Desks
from ringback.services.engagement.management.wiring import Management
from ringback.services.engagement.metrics import Metrics
from ringback.services.engagement.moving import Moving
from ringback.services.engagement.outbox import Outbox
from ringback.services.engagement.outside.originated import Originated
from ringback.services.engagement.outside.wiring import Outside
from ringback.services.engagement.picture import Painter
from ringback.services.engagement.publication import Publication
from ringback.services.engagement.published import Published
from ringback.services.engagement.queues import QueueDesk
from ringback.services.engagement.scheduler import Scheduler
from ringback.services.engagement.selfservice.wiring import SelfService
from ringback.services.engagement.sessions import Sessions
from ringback.services.engagement.settings import EngagementSettings
from ringback.services.engagement.status import StatusPage
from ringback.services.engagement.store import Store
from ringback.services.engagement.waits import WaitTimes


class EngagementService(Service):
    """Listens on HTTP 3050."""

    name = "engagement"
    settings_type = EngagementSettings
    needs_postgres = True

    def __init__(self, ctx: Context, settings: EngagementSettings) -> None:
        super().__init__(ctx, settings)
        store = Store(ctx)
        catalogue = Catalogue(ctx, store, settings.settings_cache_s)
        publication = Publication(ctx, store, catalogue)
        sessions = Sessions(ctx, settings.applications)
        self._waits = WaitTimes(ctx)
        self._keys = ApiKeys(ctx, settings.key_cache_s)
        self._access = Access(ctx, settings.access_cache_s)
        self.metrics = metrics = Metrics(ctx, self._gauges())
        limits = Limits(ctx, settings)
        desk = QueueDesk(ctx, catalogue, self._waits)
        self.published = Published(ctx, store, settings, settings.silence_s)
        self._outside = Outside(
            ctx,
            settings,
            store=store,
            catalogue=catalogue,
            desk=desk,
            published=self.published,
        )
        self._outbox = Outbox(ctx, store, catalogue, sessions, metrics)
        slots = SlotDesk(ctx, store, catalogue, settings.max_ahead_days)
        self.purger = Purger(ctx, store, catalogue)
        self.reporter, self.auditor = Reporter(ctx, store), Auditor(ctx, store)
        changes = Changes(ctx, store, catalogue, self._outbox.wake)
        self._callins = CallIns(ctx, store, changes.called_in)
        changes.originated = Originated(ctx, catalogue, self._callins, self._outside.writing)
        self.scheduler = Scheduler(ctx, store, changes, sessions, settings)
        waits, wake = self._waits, self._outbox.wake
        booking = partial(Booking, ctx, store, catalogue, settings, slots, waits, wake)
        # Who books for somebody else, a person or an application with a caller in line, has no captcha.
        trusted = booking(_without_captcha)
        self._http = EngagementHttp(
            ctx,
            settings,
            store=store,
            booking=booking(self._outside.admit),
            trusted=trusted,
            slots=slots,
            changes=changes,
            publication=publication,
            desk=desk,
            keys=self._keys,
            limits=limits,
            metrics=metrics,
        )
        moving = Moving(ctx, store, catalogue, slots, self._outbox.wake)
        self._selfservice = SelfService(
            ctx,
            settings,
            store=store,
            catalogue=catalogue,
            slots=slots,
            waits=self._waits,
            changes=changes,
            moving=moving,
        )
        WaitingCallers(ctx, store, catalogue, changes).add_to(self._http)
        desks = Desks(
            store=store,
            booking=trusted,
            changes=changes,
            moving=moving,
            catalogue=catalogue,
            publication=publication,
            queues=desk,
            waits=self._waits,
            sessions=sessions,
            callins=self._callins,
            credentials=self._outside.credentials,
            keys=self._keys,
            metrics=metrics,
            wake=self._outbox.wake,
        )
        Management(ctx, self._access, limits, desks).serve(self._http.server)
        self._status = StatusPage(self._access, Painter(ctx, store, settings.status_s))
        self._add_routes()

    def _add_routes(self) -> None:
        """What the parts serve themselves."""
        self._outside.add_routes(self._http)
        self._selfservice.add_routes(self._http)
        self._selfservice.give_words(self._outside.words)
        self.published.watch(self._http.server)
        CallInRoutes(self._callins, self.published.callin_created).add_to(self._http)
        self._status.add_routes(self._http.server)

    async def start(self) -> None:
        """Listen, then look after what lies in the database."""
        await self._http.server.start()
        self._outbox.start()
        self.scheduler.start()
        self.purger.start()
        self.reporter.start()
        self.auditor.start()
        self._outside.start()
        self._callins.start()
        self._selfservice.start()
        self.published.start()

    async def stop(self) -> None:
        """Close the listener."""
        await self._http.server.stop()

    def _gauges(self) -> dict[str, Callable[[], bool]]:
        ctx = self.ctx
        return {
            "GES_HEALTH": lambda: ctx.ready and all(ctx.checks().values()),
            "REDIS_CONNECTION": lambda: ctx.valkey.connected,
            "ORS_REDIS_STATUS": lambda: ctx.valkey.connected,
            "GWS_AUTH_STATUS": lambda: self._access.auth_reachable,
            "GWS_ENV_STATUS": lambda: self._keys.reachable,
            "GWS_CONFIG_STATUS": lambda: self._access.configuration_reachable,
            "ALL_URS_DOWN": lambda: self._waits.reachable,
        }


def _without_captcha(_tenant: str, _asked: CreateCallback) -> AbstractAsyncContextManager[None]:
    """Let everybody in."""
    return nullcontext()
