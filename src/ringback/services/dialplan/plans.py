"""The compiled plan of each tenant, made anew when its settings, rules or trunks change."""

from operator import is_

from ringback.contracts.configuration import ConfigClient
from ringback.contracts.numbers import TenantNumbers
from ringback.domain.configuration import DialRule, Tenant
from ringback.domain.dialplan import Plan, plan_of


class Plans:
    """Plans by tenant."""

    def __init__(self, config: ConfigClient) -> None:
        self._config = config
        self._made: dict[str, tuple[Tenant, TenantNumbers, list[DialRule], int, Plan]] = {}

    async def get(self, tenant: str) -> Plan | None:
        """The tenant's plan, or None for an unknown tenant; raises HttpUnavailable."""
        settings = await self._config.tenant(tenant)
        if settings is None:
            return None
        numbers = await self._config.numbers(tenant)
        rules = await self._config.dial_plan(tenant)
        known = self._made.get(tenant)
        # The client hands out the same objects until the configuration has changed; numbers change in place.
        made_of = (settings, numbers, rules, numbers.trunk_changes)
        if known is not None and known[3] == made_of[3] and all(map(is_, known[:3], made_of)):
            return known[-1]
        plan = plan_of(settings, numbers.all, numbers.trunks.values(), rules)
        self._made[tenant] = (*made_of, plan)
        return plan
