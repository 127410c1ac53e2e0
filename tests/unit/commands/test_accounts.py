"""Roles as they are typed."""

import pytest

from ringback.commands.accounts import AccountError, read_roles


def test_a_role_is_for_all_queues_or_for_those_that_are_named() -> None:
    roles, scopes = read_roles(["monitor", "Supervisor:CB_Sales, CB_Support", "Developer:"])
    assert roles == ("Monitor", "Supervisor", "Developer")
    assert scopes == {"Supervisor": ("CB_Sales", "CB_Support"), "Developer": ()}


@pytest.mark.parametrize("texts", [["King"], [""], ["Monitor", "monitor"], [":CB_Sales"]])
def test_what_is_no_role_is_refused(texts: list[str]) -> None:
    with pytest.raises(AccountError):
        read_roles(texts)
