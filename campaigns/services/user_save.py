"""Makes people's accounts, and gives them roles in the platform's own team."""

from __future__ import annotations

from collections.abc import Iterable

from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from knox.models import AuthToken

from campaigns import policy
from campaigns.models import StaffRole, User
from campaigns.policy import Action, Actor
from campaigns.services.change import change


def user_create(
    *, actor: Actor, email: str, password: str, staff_roles: Iterable[str] = (), reason: str = ""
) -> User:
    """Whoever makes the account vouches for the address. Raises PermissionDenied, ValidationError."""
    with change(actor, reason):
        policy.require(actor, Action.TEAM_EDIT)
        user = User(email=User.objects.normalize_email(email).lower())
        _set_password(user, password)
        user.full_clean()
        user.save()
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        _set_staff_roles(user, staff_roles)
    return user


def user_set_password(*, actor: Actor, user_id: int, password: str, reason: str = "") -> User:
    """Ends the person's sessions and API tokens. Raises User.DoesNotExist, PermissionDenied, ValidationError."""
    with change(actor, reason):
        policy.require(actor, Action.TEAM_EDIT)
        user = User.objects.select_for_update().get(pk=user_id)
        _set_password(user, password)
        user.save()
        AuthToken.objects.filter(user=user).delete()
    return user


def user_set_active(*, actor: Actor, user_id: int, is_active: bool, reason: str = "") -> User:
    """Who is not active is let in nowhere; their tokens are gone for good. Raises as `user_set_password`."""
    with change(actor, reason):
        policy.require(actor, Action.TEAM_EDIT)
        user = User.objects.select_for_update().get(pk=user_id)
        if user.pk == actor.pk:
            raise ValidationError("Nobody locks themselves out.")
        user.is_active = is_active
        user.save(update_fields=["is_active"])
        if not is_active:
            AuthToken.objects.filter(user=user).delete()
    return user


def user_set_staff_roles(
    *, actor: Actor, user_id: int, staff_roles: Iterable[str], reason: str = ""
) -> User:
    """Replaces the person's roles in the platform's team. Raises as `user_set_password`."""
    with change(actor, reason):
        policy.require(actor, Action.TEAM_EDIT)
        user = User.objects.select_for_update().get(pk=user_id)
        _set_staff_roles(user, staff_roles)
    return user


def _set_password(user: User, password: str) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValidationError({"password": error.messages}) from error
    user.set_password(password)


def _set_staff_roles(user: User, names: Iterable[str]) -> None:
    """Whoever has a role may open the admin; only admins may do everything there."""
    roles = set(names)
    unknown = sorted(roles - set(StaffRole.values))
    if unknown:
        raise ValidationError({"staff_roles": f"There is no role {', '.join(unknown)}."})
    user.groups.set([Group.objects.get_or_create(name=name)[0] for name in sorted(roles)])
    user.is_staff = bool(roles)
    user.is_superuser = StaffRole.ADMIN in roles
    user.save(update_fields=["is_staff", "is_superuser"])
