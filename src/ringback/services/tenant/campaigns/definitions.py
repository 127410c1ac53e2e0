"""Campaigns and calling lists as they are configured, with the rules that follow from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ringback.domain.campaigns.definition import Rules, rules_of
from ringback.domain.configuration import CallingList, Campaign, Tenant
from ringback.domain.numbers import NumberRules

if TYPE_CHECKING:
    from ringback.services.tenant.configuration import ConfigurationStore

_MOST = 1000


class Definitions:
    """Reads one tenant's configuration where it is kept: what was written a moment ago holds."""

    def __init__(self, configuration: ConfigurationStore) -> None:
        self._configuration = configuration

    async def campaign(self, name: str) -> Campaign | None:
        """One campaign, or None."""
        found = await self._configuration.read("campaigns", name)
        return msgspec.json.decode(found.body, type=Campaign) if found and found.body else None

    async def campaigns(self) -> dict[str, Campaign]:
        """All campaigns by their names."""
        found = await self._configuration.search("campaigns", {}, limit=_MOST)
        return {each.id: msgspec.json.decode(each.body, type=Campaign) for each in found if each.body}

    async def list(self, name: str) -> CallingList | None:
        """One calling list, or None."""
        found = await self._configuration.read("calling-lists", name)
        return msgspec.json.decode(found.body, type=CallingList) if found and found.body else None

    async def rules(self, campaign: Campaign) -> Rules:
        """What the dialling of a campaign goes by."""
        return rules_of(campaign, await self.time_zone())

    async def time_zone(self) -> str:
        """The tenant's."""
        tenant = await self._tenant()
        return tenant.time_zone if tenant else "UTC"

    async def numbers(self) -> NumberRules:
        """How numbers of a list are read."""
        tenant = await self._tenant()
        return NumberRules(default_country=tenant.country) if tenant else NumberRules()

    async def _tenant(self) -> Tenant | None:
        found = await self._configuration.search("tenant", {}, limit=1)
        return msgspec.json.decode(found[0].body, type=Tenant) if found and found[0].body else None
