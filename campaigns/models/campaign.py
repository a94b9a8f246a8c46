"""Campaigns: what is bought, at what price at most, and out of which budget."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar

import pghistory
from django.db import models
from django_scopes import ScopedManager

from campaigns.models.accounts import Advertiser
from campaigns.models.fields import not_negative, texts
from campaigns.models.market import Dsp
from campaigns.validation import (
    check_amount,
    check_category,
    check_cpm,
    check_currency,
    check_time_zone,
    refuse,
)


class CampaignStatus(models.TextChoices):
    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


class Pacing(models.TextChoices):
    """How a day's budget is spread: over the day, a little ahead of it, or as soon as possible."""

    EVEN = "even"
    AHEAD = "ahead"
    ASAP = "asap", "ASAP"


@pghistory.track()
class Campaign(models.Model):  # type: ignore[django-manager-missing] # scoped managers are made at run time
    """Money is in micros of `currency`. A campaign with a `dsp` is one that this DSP's bids name as `cid`."""

    advertiser = models.ForeignKey(Advertiser, on_delete=models.PROTECT, related_name="campaigns")
    name = models.CharField(max_length=120)
    status = models.CharField(
        max_length=8, choices=CampaignStatus.choices, default=CampaignStatus.DRAFT
    )
    currency = models.CharField(
        max_length=3, validators=[check_currency], help_text="ISO 4217 code."
    )
    time_zone = models.CharField(
        max_length=64,
        validators=[check_time_zone],
        help_text="IANA name; its days are budget days.",
    )
    daily_budget_micros = models.BigIntegerField(validators=[check_amount])
    total_budget_micros = models.BigIntegerField(
        null=True,
        blank=True,
        validators=[check_amount],
        help_text="Empty: no limit over the campaign's life.",
    )
    budget_version = models.PositiveIntegerField(
        default=1, help_text="One more with each change of a budget."
    )
    bid_cpm_micros = models.BigIntegerField(
        validators=[check_cpm], help_text="The most it pays for 1,000 impressions."
    )
    pacing = models.CharField(max_length=8, choices=Pacing.choices, default=Pacing.EVEN)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True, help_text="Empty: open end.")
    dsp = models.ForeignKey(
        Dsp, on_delete=models.PROTECT, null=True, blank=True, related_name="campaigns"
    )
    categories = texts(
        16, check_category, help_text="IAB content categories of what is advertised."
    )
    frequency_cap_count = models.PositiveIntegerField(default=0, help_text="0: no cap.")
    frequency_cap_window_s = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[models.Manager[Campaign]] = ScopedManager(advertiser="advertiser")

    class Meta:
        ordering = ["advertiser", "name", "id"]
        constraints = [
            *not_negative(
                "daily_budget_micros", "total_budget_micros", "bid_cpm_micros", table="campaign"
            ),
            models.CheckConstraint(
                condition=models.Q(ends_at__isnull=True)
                | models.Q(ends_at__gt=models.F("starts_at")),
                name="campaign_ends_after_start",
            ),
            models.CheckConstraint(
                condition=models.Q(frequency_cap_count=0) | models.Q(frequency_cap_window_s__gt=0),
                name="campaign_frequency_cap_has_window",
            ),
            models.UniqueConstraint(
                fields=["advertiser", "name"], name="campaign_name_once_per_advertiser"
            ),
        ]
        indexes = [models.Index(fields=["status"], name="campaign_status")]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """What the constraints refuse as well, said in sentences at the fields to be mended."""
        refuse(self._problems())

    def _problems(self) -> Iterator[tuple[str, str]]:
        # A field of the wrong type is left as it was given, and has been refused already.
        starts_at, ends_at = self.starts_at, self.ends_at
        if (
            isinstance(starts_at, datetime)
            and isinstance(ends_at, datetime)
            and ends_at <= starts_at
        ):
            yield "ends_at", "The end must be after the start."
        if self.frequency_cap_count and not self.frequency_cap_window_s:
            yield "frequency_cap_window_s", "A frequency cap needs a window: say how long it is."
