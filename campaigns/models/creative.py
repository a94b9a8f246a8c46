"""Creatives: what is shown. Only approved ones reach the bidders."""

from __future__ import annotations

from typing import ClassVar

import pghistory
from django.db import models
from django_scopes import ScopedManager

from campaigns.models.accounts import Advertiser
from campaigns.models.campaign import Campaign
from campaigns.models.fields import integers, texts
from campaigns.validation import check_category, check_domain


class CreativeFormat(models.TextChoices):
    BANNER = "banner"
    VIDEO = "video"
    NATIVE = "native"
    AUDIO = "audio"


class ReviewStatus(models.TextChoices):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"


@pghistory.track()
class Creative(models.Model):
    advertiser = models.ForeignKey(Advertiser, on_delete=models.PROTECT, related_name="creatives")
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="creatives")
    crid = models.CharField(max_length=64, help_text="Creative id in OpenRTB; once per advertiser.")
    format = models.CharField(max_length=8, choices=CreativeFormat.choices)
    width = models.PositiveIntegerField(default=0)
    height = models.PositiveIntegerField(default=0)
    markup = models.TextField(help_text="HTML, VAST or native JSON, with OpenRTB macros.")
    adomain = texts(253, check_domain, help_text="Domains of the advertiser, for blocking.")
    categories = texts(16, check_category, help_text="IAB content categories.")
    attributes = integers(help_text="OpenRTB creative attributes.")
    mimes = texts(64)
    duration_s = models.PositiveIntegerField(default=0)
    protocols = integers(help_text="OpenRTB video protocols.")
    review_status = models.CharField(
        max_length=8, choices=ReviewStatus.choices, default=ReviewStatus.PENDING
    )
    review_reason = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[models.Manager[Creative]] = ScopedManager(advertiser="advertiser")

    class Meta:
        ordering = ["campaign", "crid"]
        constraints = [
            models.UniqueConstraint(
                fields=["advertiser", "crid"], name="creative_crid_once_per_advertiser"
            ),
        ]

    def __str__(self) -> str:
        return self.crid
