"""The compiled plan of each tenant, made anew when its configuration changes."""

from ringback.contracts.configuration import ConfigClient
from ringback.domain.configuration import DN, DialRule, Tenant
from ringback.domain.dialplan import Plan, compile_plan


class Plans:
    """Plans by tenant."""

    def __init__(self, config: ConfigClient) -> None:
        self._config = config
        self._made: dict[str, tuple[Tenant, list[DN], list[DialRule], Plan]] = {}

    async def get(self, tenant: str) -> Plan | None:
        """The tenant's plan, or None for an unknown tenant; raises HttpUnavailable."""
        settings = await self._config.tenant(tenant)
        if settings is None:
            return None
        dns = await self._config.dns(tenant)
        rules = await self._config.dial_plan(tenant)
        known = self._made.get(tenant)
        # The client hands out the same objects until the configuration has changed.
        if known is not None and known[0] is settings and known[1] is dns and known[2] is rules:
            return known[3]
        plan = compile_plan(settings, dns, rules)
        self._made[tenant] = (settings, dns, rules, plan)
        return plan
