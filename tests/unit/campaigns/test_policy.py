"""The table of who may do what is complete, and nobody's rights come by accident."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser

from campaigns.models import Role, StaffRole, User
from campaigns.policy import STAFF, SYSTEM, TEAM, Action, allowed


def member(role: str, **fields: bool) -> User:
    user = User(email="a@example.com", **fields)
    user.staff_roles, user.team_roles = frozenset(), {1: role}
    return user


def staff(*roles: str) -> User:
    user = User(email="a@example.com")
    user.staff_roles, user.team_roles = frozenset(roles), {}
    return user


@pytest.mark.parametrize("action", Action)
def test_every_action_is_somebodys(action: Action) -> None:
    assert TEAM.get(action) or STAFF.get(action)


@pytest.mark.parametrize("action", Action)
def test_strangers_may_do_nothing(action: Action) -> None:
    assert not allowed(AnonymousUser(), action, 1)  # type: ignore[arg-type]
    assert not allowed(staff(), action, 1)


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("role", Role)
def test_a_team_has_no_rights_elsewhere(role: str, action: Action) -> None:
    assert not allowed(member(role), action, 2)
    assert not allowed(member(role), action)


@pytest.mark.parametrize("action", Action)
def test_who_was_deactivated_may_do_nothing(action: Action) -> None:
    assert not allowed(member(Role.OWNER, is_active=False), action, 1)


@pytest.mark.parametrize("action", Action)
def test_admins_and_the_platform_may_do_everything(action: Action) -> None:
    assert allowed(SYSTEM, action)
    assert allowed(User(email="a@example.com", is_superuser=True), action, 1)


@pytest.mark.parametrize(
    ("role", "action", "may"),
    [
        (Role.ANALYST, Action.CAMPAIGNS_VIEW, True),
        (Role.ANALYST, Action.BUDGETS_EDIT, False),
        (Role.MANAGER, Action.BUDGETS_EDIT, True),
        (Role.MANAGER, Action.TEAM_EDIT, False),
        (Role.FINANCE, Action.LEDGER_VIEW, True),
        (Role.FINANCE, Action.CAMPAIGNS_EDIT, False),
        (Role.OWNER, Action.CREATIVES_REVIEW, False),
        (Role.OWNER, Action.CREDIT_EDIT, False),
        (Role.FINANCE, Action.CREDIT_EDIT, False),
    ],
)
def test_what_team_members_may(role: str, action: Action, *, may: bool) -> None:
    assert allowed(member(role), action, 1) is may


@pytest.mark.parametrize(
    ("role", "action", "may"),
    [
        (StaffRole.FINANCE, Action.LEDGER_VIEW, True),
        (StaffRole.FINANCE, Action.CAMPAIGNS_EDIT, False),
        (StaffRole.FRAUD_ANALYST, Action.BLOCKS_EDIT, True),
        (StaffRole.FRAUD_ANALYST, Action.MARKET_EDIT, False),
        (StaffRole.OPERATOR, Action.SWITCHES_EDIT, True),
        (StaffRole.OPERATOR, Action.LEDGER_VIEW, False),
        (StaffRole.FINANCE, Action.CREDIT_EDIT, True),
        (StaffRole.ADMIN, Action.CREDIT_EDIT, True),
        (StaffRole.OPERATOR, Action.CREDIT_EDIT, False),
        (StaffRole.FRAUD_ANALYST, Action.CREDIT_EDIT, False),
    ],
)
def test_what_staff_may(role: str, action: Action, *, may: bool) -> None:
    assert allowed(staff(role), action, 1) is may
