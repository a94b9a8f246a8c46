"""What campaign lists can be narrowed by: the same in pages and API."""

from __future__ import annotations

import django_filters
from django.db.models import QuerySet

from campaigns.models import Campaign, CampaignStatus, Pacing


class CampaignFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="search", label="Search")
    status = django_filters.ChoiceFilter(choices=CampaignStatus.choices, empty_label="Any status")
    pacing = django_filters.ChoiceFilter(choices=Pacing.choices, empty_label="Any pacing")

    class Meta:
        model = Campaign
        fields = ["q", "status", "pacing"]

    def search(self, rows: QuerySet[Campaign], name: str, value: str) -> QuerySet[Campaign]:  # noqa: ARG002 - the library's signature
        """A part of the name, or exactly an id."""
        found = rows.filter(name__icontains=value)
        if value.isascii() and value.isdigit() and len(value) <= 18:
            found = found | rows.filter(pk=int(value))
        return found
