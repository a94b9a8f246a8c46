"""People, advertisers, and who may act for whom."""

from __future__ import annotations

from typing import Any, ClassVar

import pghistory
from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower
from django.utils.functional import cached_property

from campaigns.validation import check_currency, check_domain, check_time_zone


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)


class StaffRole(models.TextChoices):
    """Roles of the platform's own people: the names of Django groups."""

    OPERATOR = "operator"
    FINANCE = "finance"
    FRAUD_ANALYST = "fraud_analyst"
    ADMIN = "admin"


class Role(models.TextChoices):
    """Roles of people in an advertiser's team."""

    OWNER = "owner"
    MANAGER = "manager"
    ANALYST = "analyst"
    FINANCE = "finance"


class User(AbstractUser):
    """A person, known by their email address."""

    username = None  # type: ignore[assignment]
    email = models.EmailField("email address", unique=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_any_case_unique")]

    def __str__(self) -> str:
        return self.email

    @cached_property
    def staff_roles(self) -> frozenset[str]:
        """The person's roles in the platform's own team, read once a request."""
        return frozenset(self.groups.values_list("name", flat=True))

    @cached_property
    def team_roles(self) -> dict[int, str]:
        """The person's role per advertiser id, read once a request."""
        return dict(self.memberships.values_list("advertiser_id", "role"))


@pghistory.track()
class Advertiser(models.Model):  # type: ignore[django-manager-missing] # scoped managers are made at run time
    """Who pays. All that belongs to an advertiser is invisible to the others."""

    name = models.CharField(max_length=120, unique=True)
    currency = models.CharField(
        max_length=3, validators=[check_currency], help_text="ISO 4217 code."
    )
    time_zone = models.CharField(
        max_length=64, default="UTC", validators=[check_time_zone], help_text="IANA name."
    )
    domain = models.CharField(max_length=253, validators=[check_domain])
    is_platform_owned = models.BooleanField(
        default=False, help_text="House ads and fraud samples are paid by such an advertiser."
    )
    is_active = models.BooleanField(default=True)
    killed = models.BooleanField(
        default=False, help_text="Kill switch: none of its campaigns takes part while it is set."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class Membership(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    advertiser = models.ForeignKey(Advertiser, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "advertiser"], name="membership_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.role} of {self.advertiser}"
