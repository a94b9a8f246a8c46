"""Shapes of the API. They read and check; services write. Money is integer micros (1e-6 of the currency)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from rest_framework import serializers

from campaigns.models import Advertiser, Campaign, Creative, Dsp, Exchange, Targeting
from campaigns.validation import AMOUNT_MICROS_MAX, CPM_MICROS_MAX


class StrictFields(serializers.Serializer[Any]):
    # No docstring: it would be the schema's description of whatever inherits this.
    # A misspelt name that is ignored would be taken for the absence of a value: as targeting, that targets all.

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            settable = {name for name, field in self.fields.items() if not field.read_only}
            if unknown := sorted(set(data) - settable):
                raise serializers.ValidationError(
                    {name: ["This field cannot be set here."] for name in unknown}
                )
        return super().to_internal_value(data)


def amount_field(**options: Any) -> serializers.IntegerField:
    """Bounds and sentence as of `campaigns.validation.check_amount`; the bounds are in the schema."""
    wrong = "The amount must be above 0 and at most 1,000,000,000."
    return _bounded(AMOUNT_MICROS_MAX, wrong, **options)


def cpm_field(**options: Any) -> serializers.IntegerField:
    """Bounds and sentence as of `campaigns.validation.check_cpm`; the bounds are in the schema."""
    return _bounded(CPM_MICROS_MAX, "The CPM must be above 0 and at most 1,000,000.", **options)


def _bounded(most: int, wrong: str, **options: Any) -> serializers.IntegerField:
    messages: dict[str, Any] = {"min_value": wrong, "max_value": wrong}
    return serializers.IntegerField(min_value=1, max_value=most, error_messages=messages, **options)


class CampaignSerializer(serializers.ModelSerializer[Campaign]):
    class Meta:
        model = Campaign
        fields = (
            *("id", "advertiser", "name", "status", "currency", "time_zone"),
            *("daily_budget_micros", "total_budget_micros", "budget_version", "bid_cpm_micros"),
            *("pacing", "starts_at", "ends_at", "dsp", "categories"),
            *("frequency_cap_count", "frequency_cap_window_s", "created_at", "updated_at"),
        )
        read_only_fields = fields


class CampaignEditSerializer(StrictFields, serializers.ModelSerializer[Campaign]):
    """Settings of a campaign. Budgets, status and targeting have addresses of their own."""

    bid_cpm_micros = cpm_field(help_text="The most it pays for 1,000 impressions.")

    class Meta:
        model = Campaign
        fields: tuple[str, ...] = (
            *("name", "bid_cpm_micros", "pacing", "starts_at", "ends_at", "categories"),
            *("frequency_cap_count", "frequency_cap_window_s"),
        )
        validators: ClassVar[list[Any]] = []


class CampaignNewSerializer(CampaignEditSerializer):
    """A new campaign. Its currency is the advertiser's, and so is its time zone unless you name one."""

    daily_budget_micros = amount_field(help_text="Never exceeded on any day.")
    total_budget_micros = amount_field(
        required=False, allow_null=True, help_text="Over the campaign's life; null: no limit."
    )
    advertiser = serializers.PrimaryKeyRelatedField(queryset=Advertiser.objects.all())
    dsp = serializers.PrimaryKeyRelatedField(
        queryset=Dsp.objects.all(), required=False, allow_null=True
    )

    class Meta(CampaignEditSerializer.Meta):
        fields = (
            *CampaignEditSerializer.Meta.fields,
            *("advertiser", "time_zone", "daily_budget_micros", "total_budget_micros", "dsp"),
        )
        extra_kwargs = {"starts_at": {"required": False}, "time_zone": {"required": False}}


class BudgetSerializer(StrictFields):
    daily_budget_micros = amount_field(help_text="Never exceeded on any day.")
    total_budget_micros = amount_field(
        allow_null=True, help_text="Over the campaign's life; null: no limit."
    )
    budget_version = serializers.IntegerField(read_only=True, help_text="Also the ETag.")
    in_force_micros = serializers.IntegerField(
        read_only=True,
        help_text="Today's budget in force; above the daily budget while more is out.",
    )
    effective_floor_micros = serializers.IntegerField(
        read_only=True,
        allow_null=True,
        help_text="Set when the daily budget is below what is spent, leased or held: the budget in force starts here.",
    )


class TodaySerializer(serializers.Serializer[Any]):
    day = serializers.CharField(source="label", help_text="The budget day in the campaign's zone.")
    starts_ms = serializers.IntegerField()
    ends_ms = serializers.IntegerField()
    now_ms = serializers.IntegerField()
    asked_micros = serializers.IntegerField()
    budget_micros = serializers.IntegerField(help_text="In force.")
    spent_micros = serializers.IntegerField()
    out_micros = serializers.IntegerField(help_text="With the bidders or held, not yet spent.")
    ideal_micros = serializers.IntegerField(
        help_text="What pacing would have spent by now, along the day's expected traffic."
    )
    projected_micros = serializers.IntegerField()


class TargetingSerializer(StrictFields, serializers.ModelSerializer[Targeting]):
    """An empty list targets all. A `not_` list excludes, and wins over the list that includes."""

    class Meta:
        model = Targeting
        exclude = ("id", "campaign")


class CreativeSerializer(StrictFields, serializers.ModelSerializer[Creative]):
    class Meta:
        model = Creative
        fields = (
            *("id", "campaign", "crid", "format", "width", "height", "duration_s", "markup"),
            *("adomain", "categories", "attributes", "mimes", "protocols"),
            *("review_status", "review_reason", "created_at", "updated_at"),
        )
        read_only_fields = (
            *("id", "campaign", "review_status", "review_reason"),
            *("created_at", "updated_at"),
        )


class ExchangeSerializer(serializers.ModelSerializer[Exchange]):
    class Meta:
        model = Exchange
        fields = (
            *("id", "slug", "name", "qps_max", "increment_cpm_micros", "currencies", "charging"),
            *("billing_horizon_s", "explains_no_bids", "active", "created_at"),
        )
        read_only_fields = fields
