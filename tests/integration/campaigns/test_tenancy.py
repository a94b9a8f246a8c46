"""Tenants see their own, and a query that forgot its tenant is an error."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django_scopes import ScopeError

from campaigns.models import Advertiser, Campaign, Creative, Targeting
from campaigns.policy import visible_advertisers, visible_scope
from tests.integration.campaigns.cast import make_campaign, make_creative

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("model", [Campaign, Creative, Targeting])
def test_a_query_without_its_tenant_is_an_error(model: type[Campaign]) -> None:
    with pytest.raises(ScopeError):
        model.objects.count()


@pytest.mark.parametrize(
    ("who", "sees"),
    [
        ("owner", True),
        ("analyst", True),
        ("operator", True),
        ("rival_owner", False),
        ("outsider", False),
    ],
)
@pytest.mark.parametrize("model", [Campaign, Creative, Targeting])
def test_each_sees_their_own(
    cast: SimpleNamespace, who: str, *, sees: bool, model: type[Campaign]
) -> None:
    make_creative(cast, make_campaign(cast))
    with visible_scope(getattr(cast, who)):
        assert model.objects.exists() is sees


def test_members_see_their_advertisers(cast: SimpleNamespace) -> None:
    assert list(visible_advertisers(cast.owner)) == [cast.acme]


def test_staff_sees_all_advertisers(cast: SimpleNamespace) -> None:
    assert set(visible_advertisers(cast.finance)) == set(Advertiser.objects.all())


def test_who_was_deactivated_sees_nothing(cast: SimpleNamespace) -> None:
    cast.owner.is_active = False
    assert not visible_advertisers(cast.owner).exists()
