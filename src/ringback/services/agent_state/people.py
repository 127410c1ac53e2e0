"""What the configuration says of an agent: skills, groups, wrap-up time, the phone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringback.contracts.configuration import ConfigChange, ConfigClient
from ringback.domain.agents import Policy
from ringback.domain.agents.session import Login, ProfileChanged
from ringback.domain.configuration import AgentGroup, Extension, Person, Place
from ringback.domain.routing import ExpressionError, Profile, parse_target

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.agent_state.settings import AgentStateSettings


class People:
    """Reads persons from the config service."""

    def __init__(self, ctx: Context, settings: AgentStateSettings) -> None:
        self._ctx = ctx
        self._config = ConfigClient(ctx, "voice-35")
        self._settings = settings
        # The list is the same object until it is read anew: a thousand phones that register share one index.
        self._by_dn: dict[str, tuple[list[Person], dict[str, Person]]] = {}

    async def find(self, tenant: str, agent_id: str) -> Person | None:
        """The person behind an agent id: the id itself or one of the login ids."""
        person = await self._config.person(tenant, agent_id)
        if person is None:
            everybody = await self._config.persons(tenant)
            person = next((p for p in everybody if agent_id in p.login_ids), None)
        return person if person and person.enabled else None

    async def at_dn(self, tenant: str, dn: str) -> Person | None:
        """The person whose phone is `dn` and who is logged in by it."""
        persons = await self._config.persons(tenant)
        known = self._by_dn.get(tenant)
        if known is None or known[0] is not persons:
            index = {person.dn: person for person in persons if person.auto_login and person.enabled}
            known = self._by_dn[tenant] = (persons, index)
        return known[1].get(dn)

    async def everybody(self, tenant: str) -> list[Person]:
        """All persons."""
        return await self._config.persons(tenant)

    async def place(self, tenant: str, place: str) -> Place | None:
        """A desk, or None."""
        return await self._config.place(tenant, place)

    async def extension(self, tenant: str, dn: str) -> Extension | None:
        """A phone, or None."""
        found = await self._config.dn(tenant, dn)
        return found if isinstance(found, Extension) else None

    async def login(
        self,
        tenant: str,
        person: Person,
        dn: str,
        *,
        ready: bool,
        place: str = "",
        queues: tuple[str, ...] = (),
    ) -> Login:
        """The login of a person at a phone."""
        groups = await self._groups(tenant, person)
        return Login(dn, person.skills, groups, self._policy(person), ready, place, queues)

    async def profile(self, tenant: str, person: Person) -> ProfileChanged:
        """What the configuration says now."""
        return ProfileChanged(person.skills, await self._groups(tenant, person), self._policy(person))

    def changed(self, tenant: str, change: ConfigChange) -> None:
        """The configuration has changed: ask anew."""
        self._config.changed(tenant, change)

    def _policy(self, person: Person) -> Policy:
        return Policy(
            wrap_up=person.wrap_up,
            on_no_answer=self._settings.on_no_answer,
            on_reject=self._settings.on_reject,
            on_out_of_service=person.on_out_of_service or ("logout" if person.auto_login else "not_ready"),
            auto_login=person.auto_login,
            legal_guard=person.legal_guard,
            auto_answer=person.auto_answer,
            auto_logout=person.auto_logout,
            capacity=person.capacity,
        )

    async def _groups(self, tenant: str, person: Person) -> tuple[str, ...]:
        groups = await self._config.agent_groups(tenant)
        return tuple(sorted(group.id for group in groups if self._belongs(group, person)))

    def _belongs(self, group: AgentGroup, person: Person) -> bool:
        if person.id in group.members:
            return True
        if not group.expression:
            return False
        try:
            return parse_target(group.expression).matches(Profile(person.id, person.skills))
        except ExpressionError as error:
            self._ctx.log.warning("group_expression_unreadable", group=group.id, error=str(error))
            return False
