"""Who may do what: the table, and the reach of a grant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.domain.permissions import (
    EVERYTHING,
    NOTHING,
    ROLES,
    TABLE,
    TENANT_WIDE,
    Action,
    Grants,
    Role,
    Scope,
    grants,
)

CHANGES = {
    Action.CREATE_CALLBACKS,
    Action.CANCEL_CALLBACKS,
    Action.RESCHEDULE_CALLBACKS,
    Action.CHANGE_SETTINGS,
    Action.CHANGE_NUMBER_RULES,
    Action.CHANGE_CALL_INS,
    Action.MANAGE_KEYS,
    Action.MANAGE_CREDENTIALS,
    Action.MANAGE_USERS,
    Action.STEER_AGENTS,
    Action.CONTROL_CAMPAIGNS,
}
scopes = st.one_of(st.none(), st.frozensets(st.sampled_from("abc"))).map(Scope)
given_roles = st.dictionaries(st.sampled_from(ROLES), scopes).map(Grants)


@pytest.mark.parametrize("action", list(Action))
def test_a_user_without_a_role_may_do_nothing(action: Action) -> None:
    assert not grants([], {}).may(action)


def test_an_administrator_may_do_everything_and_the_only_one_to_manage_keys_users_and_audit() -> None:
    assert TABLE["Administrator"] == frozenset(Action)
    for action in (Action.MANAGE_KEYS, Action.MANAGE_USERS, Action.SEE_AUDIT, Action.CHANGE_SETTINGS):
        assert [role for role in ROLES if action in TABLE[role]] == ["Administrator"]


def test_a_monitor_changes_nothing_and_sees_no_number() -> None:
    assert not TABLE["Monitor"] & CHANGES
    assert Action.SEE_NUMBERS not in TABLE["Monitor"]


def test_of_what_is_the_tenants_a_supervisor_works_with_agents_and_campaigns_only() -> None:
    allowed = {
        Action.CREATE_CALLBACKS,
        Action.CANCEL_CALLBACKS,
        Action.RESCHEDULE_CALLBACKS,
        Action.CHANGE_NUMBER_RULES,
        Action.STEER_AGENTS,
        Action.CONTROL_CAMPAIGNS,
    }
    assert TABLE["Supervisor"] & CHANGES == allowed
    assert TABLE["Supervisor"] & TENANT_WIDE == {
        Action.SEE_AGENTS,
        Action.STEER_AGENTS,
        Action.SEE_CAMPAIGNS,
        Action.CONTROL_CAMPAIGNS,
    }
    assert TABLE["Monitor"] < TABLE["Supervisor"]


def test_a_developer_sees_no_callback() -> None:
    assert Action.SEE_CALLBACKS not in TABLE["Developer"]
    assert Action.SEE_ERRORS in TABLE["Developer"]


def test_a_limited_role_reaches_its_queues_only_and_nothing_of_the_tenant() -> None:
    limited = grants(["Administrator"], {"Administrator": ["sales"]})
    scope = limited.scope(Action.CANCEL_CALLBACKS)
    assert "sales" in scope
    assert "support" not in scope
    assert all(not limited.may(action) for action in TENANT_WIDE)


def test_roles_add_up_each_within_its_own_queues() -> None:
    both = grants(["Monitor", "Supervisor"], {"Supervisor": ["sales"]})
    assert both.scope(Action.SEE_CALLBACKS) == EVERYTHING
    assert both.scope(Action.SEE_NUMBERS).queues == {"sales"}


def test_a_role_for_no_queue_is_none() -> None:
    assert not grants(["Supervisor"], {"Supervisor": []}).may(Action.SEE_CALLBACKS)


def test_a_link_is_good_to_look_only() -> None:
    looking = grants(["Administrator", "Developer"], {}, looking=True)
    assert {action for action in Action if looking.may(action)} == TABLE["Monitor"]


@given(given_roles, st.sampled_from(list(Action)), st.sampled_from("abc"))
def test_a_queue_is_reached_exactly_when_some_role_with_the_action_reaches_it(
    held: Grants, action: Action, queue: str
) -> None:
    reaching: list[Role] = [
        role for role, scope in held.roles.items() if action in TABLE[role] and queue in scope
    ]
    if action in TENANT_WIDE:
        everywhere = any(action in TABLE[role] and scope.everything for role, scope in held.roles.items())
        assert held.scope(action) == (EVERYTHING if everywhere else NOTHING)
    else:
        assert (queue in held.scope(action)) == bool(reaching)


@given(given_roles, given_roles, st.sampled_from(list(Action)), st.sampled_from("abc"))
def test_one_more_grant_never_takes_anything_away(
    first: Grants, second: Grants, action: Action, queue: str
) -> None:
    merged = Grants(
        {
            role: first.roles.get(role, NOTHING) | second.roles.get(role, NOTHING)
            for role in {*first.roles, *second.roles}
        }
    )
    assert queue not in first.scope(action) or queue in merged.scope(action)
