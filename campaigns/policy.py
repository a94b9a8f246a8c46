"""Who may do what: one table, asked by services, pages and API alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db.models import QuerySet
from django_scopes import scope, scopes_disabled

from campaigns.models import Advertiser, Role, StaffRole, User


class Action(StrEnum):
    # In an advertiser's name
    CAMPAIGNS_VIEW = "view campaigns"
    CAMPAIGNS_EDIT = "edit campaigns"
    BUDGETS_EDIT = "edit budgets"
    CREATIVES_REVIEW = "review creatives"
    TEAM_EDIT = "edit the team"
    ADVERTISERS_EDIT = "edit advertisers"
    LEDGER_VIEW = "see ledger entries"
    CREDIT_EDIT = "edit credit lines"
    # Of the whole platform
    HEALTH_VIEW = "see bidding health"
    AUDIT_VIEW = "search the audit trail"
    MARKET_VIEW = "see exchanges and DSPs"
    MARKET_EDIT = "edit exchanges and DSPs"
    BLOCKS_VIEW = "see block lists"
    BLOCKS_EDIT = "edit block lists"
    SWITCHES_EDIT = "use kill switches"


class System:
    """The platform itself acting: demo data, jobs. Never made from a request."""

    pk = None

    def __str__(self) -> str:
        return "the platform"


SYSTEM = System()
Actor = User | System

_OPERATOR, _FINANCE = StaffRole.OPERATOR, StaffRole.FINANCE
_FRAUD, _ADMIN = StaffRole.FRAUD_ANALYST, StaffRole.ADMIN

TEAM: dict[Action, frozenset[Role]] = {
    Action.CAMPAIGNS_VIEW: frozenset(Role),
    Action.CAMPAIGNS_EDIT: frozenset({Role.OWNER, Role.MANAGER}),
    Action.BUDGETS_EDIT: frozenset({Role.OWNER, Role.MANAGER}),
    Action.TEAM_EDIT: frozenset({Role.OWNER}),
    Action.LEDGER_VIEW: frozenset({Role.OWNER, Role.MANAGER, Role.FINANCE}),
}
"""What members of an advertiser's team may do, for their advertiser."""

STAFF: dict[Action, frozenset[StaffRole]] = {
    Action.CAMPAIGNS_VIEW: frozenset(StaffRole),
    Action.CAMPAIGNS_EDIT: frozenset({_OPERATOR, _ADMIN}),
    Action.BUDGETS_EDIT: frozenset({_OPERATOR, _ADMIN}),
    Action.CREATIVES_REVIEW: frozenset({_OPERATOR, _ADMIN}),
    Action.TEAM_EDIT: frozenset({_ADMIN}),
    Action.ADVERTISERS_EDIT: frozenset({_OPERATOR, _ADMIN}),
    Action.LEDGER_VIEW: frozenset({_FINANCE, _ADMIN}),
    Action.CREDIT_EDIT: frozenset({_FINANCE, _ADMIN}),
    Action.HEALTH_VIEW: frozenset({_OPERATOR, _ADMIN}),
    Action.AUDIT_VIEW: frozenset(StaffRole),
    Action.MARKET_VIEW: frozenset({_OPERATOR, _FRAUD, _ADMIN}),
    Action.MARKET_EDIT: frozenset({_OPERATOR, _ADMIN}),
    Action.BLOCKS_VIEW: frozenset({_OPERATOR, _FRAUD, _ADMIN}),
    Action.BLOCKS_EDIT: frozenset({_OPERATOR, _FRAUD, _ADMIN}),
    Action.SWITCHES_EDIT: frozenset({_OPERATOR, _ADMIN}),
}
"""What the platform's own people may do, for every advertiser."""


def allowed(actor: Actor, action: Action, advertiser_id: int | None = None) -> bool:
    """Whether `actor` may; without `advertiser_id` only what staff may do everywhere counts."""
    if isinstance(actor, System):
        return True
    if not (actor.is_authenticated and actor.is_active):
        return False
    if actor.is_superuser or actor.staff_roles & STAFF.get(action, frozenset()):
        return True
    if advertiser_id is None:
        return False
    return actor.team_roles.get(advertiser_id) in TEAM.get(action, frozenset())


def require(actor: Actor, action: Action, advertiser_id: int | None = None) -> None:
    """Raises PermissionDenied when `actor` may not; ObjectDoesNotExist when they may not even know of it."""
    if allowed(actor, action, advertiser_id):
        return
    if advertiser_id is not None and not allowed(actor, Action.CAMPAIGNS_VIEW, advertiser_id):
        raise ObjectDoesNotExist(f"advertiser {advertiser_id} is not visible to {actor}")
    raise PermissionDenied(f"{actor} may not {action}.")


def visible_advertisers(user: User) -> QuerySet[Advertiser]:
    """The advertisers whose campaigns a user may see."""
    advertisers = Advertiser.objects.all()
    if allowed(user, Action.CAMPAIGNS_VIEW):
        return advertisers
    if not (user.is_authenticated and user.is_active):
        return advertisers.none()
    return advertisers.filter(pk__in=list(user.team_roles))


@contextmanager
def visible_scope(user: User) -> Iterator[None]:
    """Inside, queries of tenants' models find what the user may see, and nothing else."""
    if allowed(user, Action.CAMPAIGNS_VIEW):
        with scopes_disabled():
            yield
    else:
        with scope(advertiser=list(visible_advertisers(user).values_list("pk", flat=True))):
            yield
