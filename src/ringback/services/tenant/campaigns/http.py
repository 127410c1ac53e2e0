"""Campaigns for people, on HTTP 5581: pictures of all, and commands of a user. The node that dials answers,
whichever is asked.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ringback.contracts.auth import Actor
from ringback.contracts.campaigns import CampaignPicture, CampaignPictures, CampaignStatus
from ringback.domain.campaigns.standstill import why_still
from ringback.domain.campaigns.states import CampaignRefusedError, Command, State
from ringback.domain.configuration import Campaign
from ringback.runtime.http import HttpError, HttpRequest, HttpServer
from ringback.services.tenant.at_leader import AtLeader
from ringback.services.tenant.campaigns.desk import Room, UnknownCampaignError
from ringback.services.tenant.wait_times import router_of

if TYPE_CHECKING:
    from ringback.contracts.campaigns import CampaignHour
    from ringback.runtime.context import Context
    from ringback.services.tenant.leader import Leader

COMMANDS = {
    "start": (Command.LOAD, Command.START),
    "pause": (Command.PAUSE,),
    "stop": (Command.STOP,),
}
_DAY_S, _RECENT_S = 86_400.0, 300.0


class CampaignsHttp:
    """The routes of campaigns."""

    def __init__(
        self, ctx: Context, server: HttpServer, rooms: dict[str, Room], leaders: dict[str, Leader]
    ) -> None:
        self._ctx = ctx
        self._rooms = rooms
        self._leaders = leaders
        led = AtLeader(ctx, "http")
        server.route("GET", "/campaigns/{tenant}", led(self._pictures), connection="voice-8")
        one = "/campaigns/{tenant}/{campaign}/{command}"
        server.route("POST", one, led(self._command), connection="voice-8")

    async def _pictures(self, request: HttpRequest) -> CampaignPictures:
        tenant = request.path_param("tenant")
        router_of(self._leaders, tenant)
        room = self._rooms[tenant]
        return await room.pictures.look(self._ctx.now(), partial(self._gather, room))

    async def _gather(self, room: Room) -> CampaignPictures:
        now = self._ctx.now()
        campaigns = await room.definitions.campaigns()
        found = await room.status_among(campaigns)
        async with room.store.transaction() as session:
            hours, recent = await session.by_hour(now - _DAY_S, now - _RECENT_S)
        return CampaignPictures(
            at=now,
            campaigns=[
                self._picture(
                    room,
                    status,
                    campaigns.get(status.campaign),
                    hours.get(status.campaign, []),
                    recent.get(status.campaign, 0) * 60.0 / _RECENT_S,
                )
                for status in found
            ],
        )

    def _picture(
        self,
        room: Room,
        status: CampaignStatus,
        campaign: Campaign | None,
        hours: list[CampaignHour],
        per_minute: float,
    ) -> CampaignPicture:
        if campaign is None:
            return CampaignPicture(status=status, why=status.state, hours=hours)
        look, counts = room.dialler.looks.get(campaign.id), status.counts
        floor = look.floor if look else None
        return CampaignPicture(
            status=status,
            queue=campaign.queue,
            lists=list(campaign.lists),
            ratio=campaign.ratio,
            abandon_cap=campaign.abandon_cap,
            why=why_still(
                State(status.state), campaign.mode, look, counts.waiting, counts.next_at, self._ctx.now()
            ),
            ready=floor.ready if floor else 0,
            calls_waiting=floor.waiting if floor else 0,
            under_way=floor.under_way if floor else 0,
            per_minute=per_minute,
            hours=hours,
        )

    async def _command(self, request: HttpRequest) -> CampaignStatus:
        tenant, name = request.path_param("tenant"), request.path_param("campaign")
        router_of(self._leaders, tenant)
        commands = COMMANDS.get(request.path_param("command"))
        if commands is None:
            raise HttpError(404, "unknown_command", f"a campaign is told to {', '.join(COMMANDS)}")
        actor = request.decode(Actor)
        try:
            return await self._rooms[tenant].command(name, commands, self._ctx.now(), actor)
        except UnknownCampaignError as error:
            raise HttpError(404, "unknown_campaign", str(error)) from None
        except CampaignRefusedError as error:
            raise HttpError(409, "campaign_state", str(error)) from None
