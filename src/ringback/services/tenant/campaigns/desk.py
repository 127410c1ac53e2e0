"""What whoever controls campaigns is answered: how they stand, and what becomes of a command."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ringback.contracts.campaigns import CampaignEvent, CampaignStatus, OutcomeParams
from ringback.domain.campaigns.states import Command
from ringback.domain.configuration import Campaign
from ringback.runtime.audit import Change, record
from ringback.services.tenant.campaigns.control import change
from ringback.services.tenant.campaigns.pictures import Pictures
from ringback.services.tenant.campaigns.store import Session, Standing

if TYPE_CHECKING:
    from ringback.contracts.auth import Actor
    from ringback.services.tenant.campaigns.definitions import Definitions
    from ringback.services.tenant.campaigns.dialler import Dialler
    from ringback.services.tenant.campaigns.outcomes import OutcomeDesk
    from ringback.services.tenant.campaigns.preview import Preview
    from ringback.services.tenant.campaigns.promises import Promises
    from ringback.services.tenant.campaigns.store import Store

ENDING = frozenset({Command.PAUSE, Command.STOP, Command.UNLOAD})
"""Also for a campaign that is configured no longer."""


class UnknownCampaignError(LookupError):
    """No campaign of this name is configured."""


@dataclass(frozen=True, slots=True)
class Room:
    """One tenant's campaigns."""

    store: Store
    definitions: Definitions
    dialler: Dialler
    preview: Preview
    outcomes: OutcomeDesk
    promises: Promises
    pictures: Pictures = field(default_factory=Pictures)

    async def enter(self, wanted: OutcomeParams) -> CampaignEvent | None:
        """What an agent says a talk has come to. LinkError."""
        event = await self.outcomes.enter(wanted)
        self.dialler.wake()
        self.promises.wake()
        return event

    async def command(
        self, name: str, commands: tuple[Command, ...], now: float, actor: Actor | None = None
    ) -> CampaignStatus:
        """Bring a campaign where the commands lead, one after the other; `actor`: a user, for the audit log.

        Raises UnknownCampaignError and CampaignRefusedError; then nothing is changed.
        """
        campaign = await self.definitions.campaign(name)
        try:
            status = await self._change(name, campaign, commands, now, actor)
        finally:
            self.pictures.forget()
        self.dialler.wake()
        return status

    async def _change(
        self,
        name: str,
        campaign: Campaign | None,
        commands: tuple[Command, ...],
        now: float,
        actor: Actor | None,
    ) -> CampaignStatus:
        async with self.store.transaction() as session:
            known = campaign or (ENDING.issuperset(commands) and await session.standings(name))
            if not known:
                raise UnknownCampaignError("no such campaign is configured")
            standing = await session.lock(name, now)
            before = standing.state
            for command in commands:
                await change(session, self.store.tenant, standing, command, now)
            if actor is not None and standing.state is not before:
                await record(
                    session.connection,
                    Change(
                        tenant=self.store.tenant,
                        who=actor.who,
                        source=actor.source,
                        action=f"campaign.{commands[-1].value}",
                        subject=name,
                        before=before.value,
                        after=standing.state.value,
                    ),
                    now,
                )
            return await self.status_of(session, standing, campaign)

    async def status(self, name: str = "") -> list[CampaignStatus]:
        """How one campaign stands, or all that are configured or were ever loaded."""
        return await self.status_among(await self.definitions.campaigns(), name)

    async def status_among(self, campaigns: dict[str, Campaign], name: str = "") -> list[CampaignStatus]:
        """The same, with what is configured at hand."""
        async with self.store.transaction() as session:
            standings = {each.campaign: each for each in await session.standings(name)}
            names = {name} & campaigns.keys() if name else campaigns.keys()
            return [
                await self.status_of(
                    session, standings.get(each) or Standing(campaign=each), campaigns.get(each)
                )
                for each in sorted(names | standings.keys())
            ]

    async def status_of(
        self, session: Session, standing: Standing, campaign: Campaign | None
    ) -> CampaignStatus:
        """How a campaign stands."""
        return CampaignStatus(
            tenant=self.store.tenant,
            campaign=standing.campaign,
            state=standing.state.value,
            reason=standing.reason,
            since=standing.since,
            mode=campaign.mode if campaign else "",
            answered=standing.answered,
            abandoned=standing.abandoned,
            counts=await session.counts(standing.campaign, campaign.lists if campaign else ()),
        )
