"""Who may do what with callbacks: a table of roles and actions, and the queues to which a grant reaches.

A user has roles, each for all queues of the tenant or for some. What a user may do to a queue is what some
role allows that reaches it: a user without a role may do nothing, and a queue that no role reaches is, for
that user, not there. What belongs to the whole tenant (keys, users, the audit log) takes a role for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal, get_args

Role = Literal["Administrator", "Supervisor", "Monitor", "Developer"]
ROLES: tuple[Role, ...] = get_args(Role)


class Action(Enum):
    """What can be done; the value is what a client sees."""

    SEE_CALLBACKS = "callbacks.see"
    SEE_NUMBERS = "callbacks.numbers"
    CREATE_CALLBACKS = "callbacks.create"
    CANCEL_CALLBACKS = "callbacks.cancel"
    RESCHEDULE_CALLBACKS = "callbacks.reschedule"
    EXPORT_CALLBACKS = "callbacks.export"
    DIAGNOSE_CALLBACKS = "callbacks.diagnose"
    SEE_QUEUES = "queues.see"
    SEE_SETTINGS = "settings.see"
    CHANGE_SETTINGS = "settings.change"
    CHANGE_NUMBER_RULES = "number-rules.change"
    SEE_CALL_INS = "call-ins.see"
    CHANGE_CALL_INS = "call-ins.change"
    VALIDATE_KEYS = "keys.validate"
    MANAGE_KEYS = "keys.manage"
    MANAGE_CREDENTIALS = "credentials.manage"
    SEE_ERRORS = "errors.see"
    SEE_HEALTH = "health.see"
    MANAGE_USERS = "users.manage"
    SEE_AUDIT = "audit.see"
    SEE_AGENTS = "agents.see"
    STEER_AGENTS = "agents.steer"
    SEE_CAMPAIGNS = "campaigns.see"
    CONTROL_CAMPAIGNS = "campaigns.control"


_MONITOR = frozenset(
    {
        Action.SEE_CALLBACKS,
        Action.SEE_QUEUES,
        Action.SEE_SETTINGS,
        Action.SEE_CALL_INS,
        Action.SEE_HEALTH,
        Action.SEE_AGENTS,
        Action.SEE_CAMPAIGNS,
    }
)
_SUPERVISOR = _MONITOR | {
    Action.SEE_NUMBERS,
    Action.CREATE_CALLBACKS,
    Action.CANCEL_CALLBACKS,
    Action.RESCHEDULE_CALLBACKS,
    Action.EXPORT_CALLBACKS,
    Action.DIAGNOSE_CALLBACKS,
    Action.CHANGE_NUMBER_RULES,
    Action.STEER_AGENTS,
    Action.CONTROL_CAMPAIGNS,
}
_DEVELOPER = frozenset(
    {
        Action.SEE_SETTINGS,
        Action.CHANGE_NUMBER_RULES,
        Action.VALIDATE_KEYS,
        Action.MANAGE_CREDENTIALS,
        Action.SEE_ERRORS,
        Action.SEE_HEALTH,
    }
)

TABLE: Mapping[Role, frozenset[Action]] = {
    "Administrator": frozenset(Action),
    "Supervisor": _SUPERVISOR,
    "Monitor": _MONITOR,
    "Developer": _DEVELOPER,
}

TENANT_WIDE = frozenset(
    {
        Action.CHANGE_CALL_INS,
        Action.VALIDATE_KEYS,
        Action.MANAGE_KEYS,
        Action.MANAGE_CREDENTIALS,
        Action.SEE_ERRORS,
        Action.MANAGE_USERS,
        Action.SEE_AUDIT,
        Action.SEE_AGENTS,
        Action.STEER_AGENTS,
        Action.SEE_CAMPAIGNS,
        Action.CONTROL_CAMPAIGNS,
    }
)
"""What belongs to no queue: a role that is limited to some does not reach it."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The queues that something reaches; `queues` None: all."""

    queues: frozenset[str] | None = frozenset()

    def __contains__(self, queue: str) -> bool:
        return self.queues is None or queue in self.queues

    def __bool__(self) -> bool:
        return self.queues is None or bool(self.queues)

    def __or__(self, other: Scope) -> Scope:
        if self.queues is None or other.queues is None:
            return EVERYTHING
        return Scope(self.queues | other.queues)

    @property
    def everything(self) -> bool:
        """Whether it reaches all queues."""
        return self.queues is None


NOTHING = Scope()
EVERYTHING = Scope(None)


@dataclass(frozen=True, slots=True)
class Grants:
    """What a user was given: the scope of each role.

    looking: only to look, as a Monitor does (a link that lies in a browser's history).
    """

    roles: Mapping[Role, Scope]
    looking: bool = False

    def scope(self, action: Action) -> Scope:
        """The queues on which the user may do something; of what is tenant-wide: all or none."""
        if self.looking and action not in _MONITOR:
            return NOTHING
        found = NOTHING
        for role, scope in self.roles.items():
            if action in TABLE[role]:
                found |= scope
        return NOTHING if action in TENANT_WIDE and not found.everything else found

    def may(self, action: Action) -> bool:
        """Whether the user may do something on any queue at all."""
        return bool(self.scope(action))


def grants(roles: Iterable[Role], limits: Mapping[Role, Iterable[str]], *, looking: bool = False) -> Grants:
    """Grants from roles, and from the queues to which some of them are limited."""
    scopes = {role: Scope(frozenset(limits[role])) if role in limits else EVERYTHING for role in roles}
    return Grants(scopes, looking)
