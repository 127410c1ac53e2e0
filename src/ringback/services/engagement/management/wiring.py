"""The management API put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringback.runtime.http import HttpError, HttpRequest, HttpResponse
from ringback.services.engagement.management.accounts_room import AccountsRoom
from ringback.services.engagement.management.agents_room import AgentsRoom
from ringback.services.engagement.management.api import BASE, Api
from ringback.services.engagement.management.audit import AuditRoom
from ringback.services.engagement.management.callbacks import Callbacks
from ringback.services.engagement.management.callins_room import CallInsRoom
from ringback.services.engagement.management.campaigns_room import CampaignsRoom
from ringback.services.engagement.management.credentials_room import CredentialsRoom
from ringback.services.engagement.management.desks import Desks
from ringback.services.engagement.management.document import document
from ringback.services.engagement.management.export import Export
from ringback.services.engagement.management.failures import Failures
from ringback.services.engagement.management.health import HealthRoom
from ringback.services.engagement.management.people import People
from ringback.services.engagement.management.prioritizing import Prioritizing
from ringback.services.engagement.management.queues_room import QueuesRoom
from ringback.services.engagement.management.rescheduling import Rescheduling
from ringback.services.engagement.management.rules_room import RulesRoom
from ringback.services.engagement.management.settings_room import SettingsRoom
from ringback.services.engagement.management.wallboard_room import WallboardRoom
from ringback.services.engagement.metrics import TENANT

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.runtime.http import HttpServer
    from ringback.services.engagement.access import Access
    from ringback.services.engagement.limits import Limits


class Management:
    """All rooms of the management API, served on the service's own server."""

    def __init__(self, ctx: Context, access: Access, limits: Limits, desks: Desks) -> None:
        self._failures = Failures(ctx)
        rooms = (
            People(ctx),
            Callbacks(desks),
            Rescheduling(ctx, desks),
            Prioritizing(ctx, desks),
            Export(desks.store),
            SettingsRoom(desks),
            RulesRoom(desks),
            QueuesRoom(ctx, desks),
            WallboardRoom(ctx, desks),
            CallInsRoom(desks),
            CampaignsRoom(ctx),
            AccountsRoom(ctx, desks),
            CredentialsRoom(desks),
            self._failures,
            HealthRoom(ctx),
            AgentsRoom(ctx, desks),
            AuditRoom(desks.store),
        )
        self._api = Api(ctx, access, limits, [each for room in rooms for each in room.operations()])
        self._document = document(self._api.operations)

    def serve(self, server: HttpServer) -> None:
        """Answer on a server, and keep what fails there."""
        self._watch(server)
        self._add_routes(server)

    def _watch(self, server: HttpServer) -> None:
        """Keep the failures that are answered to somebody known."""
        render = server.error_renderer

        def kept(error: HttpError, request: HttpRequest) -> HttpResponse:
            if tenant := request.raw.get(TENANT, ""):
                self._failures.note(tenant, error, request)
            return render(error, request)

        server.error_renderer = kept

    def _add_routes(self, server: HttpServer) -> None:
        """Serve the operations, and the document without a token."""
        server.route("GET", BASE + "openapi.json", self._describe, public=True)
        self._api.add_routes(server)

    async def _describe(self, _request: HttpRequest) -> HttpResponse:
        return HttpResponse(self._document)
