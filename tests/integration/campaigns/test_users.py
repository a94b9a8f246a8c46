"""Accounts: made by staff, given roles, locked out."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from knox.models import AuthToken

from campaigns.models import User
from campaigns.policy import Action, allowed
from campaigns.services.user_save import (
    user_create,
    user_set_active,
    user_set_password,
    user_set_staff_roles,
)
from tests.integration.campaigns.cast import PASSWORD

pytestmark = pytest.mark.django_db


def test_only_admins_make_accounts(cast: SimpleNamespace) -> None:
    with pytest.raises(PermissionDenied):
        user_create(actor=cast.operator, email="new@example.com", password=PASSWORD)


def test_an_address_is_taken_once_in_any_case(cast: SimpleNamespace) -> None:
    with pytest.raises(ValidationError):
        user_create(actor=cast.admin, email="OWNER@example.com", password=PASSWORD)


def test_a_weak_password_is_refused(cast: SimpleNamespace) -> None:
    with pytest.raises(ValidationError, match="too short"):
        user_create(actor=cast.admin, email="new@example.com", password="short")


def test_a_role_gives_its_rights(cast: SimpleNamespace) -> None:
    user_set_staff_roles(actor=cast.admin, user_id=cast.outsider.pk, staff_roles=["operator"])
    assert allowed(User.objects.get(pk=cast.outsider.pk), Action.MARKET_EDIT)


def test_an_unknown_role_is_refused(cast: SimpleNamespace) -> None:
    with pytest.raises(ValidationError, match="no role wizard"):
        user_set_staff_roles(actor=cast.admin, user_id=cast.outsider.pk, staff_roles=["wizard"])


def test_a_new_password_ends_api_tokens(cast: SimpleNamespace) -> None:
    AuthToken.objects.create(user=cast.owner)
    user_set_password(actor=cast.admin, user_id=cast.owner.pk, password="another good password")
    assert not AuthToken.objects.filter(user=cast.owner).exists()


def test_who_is_locked_out_may_do_nothing(cast: SimpleNamespace) -> None:
    AuthToken.objects.create(user=cast.owner)
    user_set_active(actor=cast.admin, user_id=cast.owner.pk, is_active=False)
    owner = User.objects.get(pk=cast.owner.pk)
    assert not allowed(owner, Action.CAMPAIGNS_VIEW, cast.acme.pk)
    assert not AuthToken.objects.filter(user=owner).exists()


def test_nobody_locks_themselves_out(cast: SimpleNamespace) -> None:
    with pytest.raises(ValidationError):
        user_set_active(actor=cast.admin, user_id=cast.admin.pk, is_active=False)
