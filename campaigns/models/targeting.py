"""Which requests a campaign of our own demand answers."""

from __future__ import annotations

from typing import ClassVar

import pghistory
from django.db import models
from django_scopes import ScopedManager

from campaigns.models.campaign import Campaign
from campaigns.models.fields import integers, texts
from campaigns.validation import (
    check_category,
    check_country,
    check_device_type,
    check_domain,
    check_format,
    check_hour_of_week,
    check_lower_case,
)


@pghistory.track()
class Targeting(models.Model):
    """One row a campaign, the fields of `kernel.snapshot.TargetingView`. An empty list targets all."""

    campaign = models.OneToOneField(Campaign, on_delete=models.CASCADE, related_name="targeting")
    countries = texts(3, check_country, help_text="ISO 3166-1 alpha-3.")
    not_countries = texts(3, check_country)
    device_types = integers(check_device_type, help_text="OpenRTB device types.")
    os = texts(32, check_lower_case, help_text="Lower-case.")
    domains = texts(253, check_domain)
    not_domains = texts(253, check_domain)
    bundles = texts(255)
    not_bundles = texts(255)
    categories = texts(16, check_category, help_text="IAB content categories.")
    not_categories = texts(16, check_category)
    publishers = texts(255)
    not_publishers = texts(255)
    exchanges = integers(help_text="Ids of exchanges.")
    formats = texts(8, check_format, help_text="Any of banner, video, native, audio.")
    segments = texts(255)
    hours = integers(
        check_hour_of_week,
        help_text="Day parts: hours of the week in the campaign's time zone, 0 = Monday 00:00 to 01:00, "
        "167 = Sunday 23:00 to 24:00.",
    )

    objects: ClassVar[models.Manager[Targeting]] = ScopedManager(advertiser="campaign__advertiser")

    def __str__(self) -> str:
        return f"targeting of campaign {self.campaign_id}"
