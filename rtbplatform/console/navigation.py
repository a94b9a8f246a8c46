"""The side bar and the advertiser switcher: what a person may open, and where they are."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.http import HttpRequest
from django.urls import reverse

from campaigns import policy
from campaigns.models import Advertiser, Role, StaffRole, User
from campaigns.policy import Action

SWITCHER_ROWS_MAX = 200


@dataclass(frozen=True)
class Link:
    label: str
    url: str
    icon: str
    is_current: bool = False


@dataclass(frozen=True)
class Section:
    title: str
    links: list[Link]


@dataclass(frozen=True)
class Navigation:
    sections: list[Section] = field(default_factory=list)
    advertiser: Advertiser | None = None
    advertisers: list[Advertiser] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)
    switch_to: str = "console:campaigns"
    """The page that another advertiser is shown on: the same one, where it is of the advertiser as a whole."""


TEAM_PAGES = (
    (Action.CAMPAIGNS_VIEW, "Campaigns", "console:campaigns", "campaign"),
    (Action.LEDGER_VIEW, "Billing", "console:advertiser_ledger", "ledger"),
)
STAFF_PAGES = {
    "Money": (
        (Action.LEDGER_VIEW, "Ledger", "console:ledger", "ledger"),
        (Action.LEDGER_VIEW, "Balances", "console:balances", "balance"),
        (Action.AUDIT_VIEW, "Audit search", "console:audit", "audit"),
    ),
    "Market": (
        (Action.HEALTH_VIEW, "Bidding health", "console:health", "health"),
        (Action.MARKET_VIEW, "Exchanges", "console:exchanges", "exchange"),
        (Action.MARKET_VIEW, "DSPs", "console:dsps", "dsp"),
        (Action.SWITCHES_EDIT, "Kill switches", "console:switches", "switch"),
        (Action.BLOCKS_VIEW, "Block list", "console:blocks", "block"),
    ),
}


def of_request(request: HttpRequest, advertiser: Advertiser | None = None) -> Navigation:
    """Two queries at most, beyond the person's roles. Error pages and pages before the log-in have none."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return Navigation()
    advertisers = list(policy.visible_advertisers(user)[:SWITCHER_ROWS_MAX])
    if advertiser is None and advertisers and not policy.allowed(user, Action.CAMPAIGNS_VIEW):
        advertiser = advertisers[0]
    sections = [_section(request, user, title, pages, []) for title, pages in STAFF_PAGES.items()]
    if advertiser is not None:
        team = _section(request, user, "Advertiser", TEAM_PAGES, [advertiser.pk])
        sections.insert(0, team)
    elif advertisers:
        link = _link(request, "Advertisers", reverse("console:advertisers"), "building")
        sections.insert(0, Section("", [link]))
    return Navigation(
        sections=[section for section in sections if section.links],
        advertiser=advertiser,
        advertisers=advertisers,
        roles=_roles(user, advertiser),
        switch_to=_switch_to(request),
    )


def _section(
    request: HttpRequest,
    user: User,
    title: str,
    pages: tuple[tuple[Action, str, str, str], ...],
    args: list[int],
) -> Section:
    links = [
        _link(request, label, reverse(name, args=args), icon)
        for action, label, name, icon in pages
        if policy.allowed(user, action, *args)
    ]
    return Section(title, links)


def _link(request: HttpRequest, label: str, url: str, icon: str) -> Link:
    return Link(label, url, icon, is_current=request.path.startswith(url))


def _switch_to(request: HttpRequest) -> str:
    match = request.resolver_match
    here = match.view_name if match else ""
    return here if here in {page for _, _, page, _ in TEAM_PAGES} else "console:campaigns"


def _roles(user: User, advertiser: Advertiser | None) -> list[str]:
    """As words, for the account menu."""
    names = [StaffRole(name).label for name in sorted(user.staff_roles) if name in StaffRole]
    team = user.team_roles.get(advertiser.pk) if advertiser else None
    if advertiser and team:
        names.append(f"{Role(team).label} of {advertiser.name}")
    return names or (["Superuser"] if user.is_superuser else [])
