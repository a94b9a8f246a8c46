"""Shapes of the API. They read and check; services write. Money is integer micros (1e-6 of the currency)."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from campaigns.models import Advertiser, Campaign, Creative, Dsp, Exchange, Targeting


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


class CampaignEditSerializer(serializers.ModelSerializer[Campaign]):
    """What `PATCH` may change; budgets, status and targeting have addresses of their own."""

    class Meta:
        model = Campaign
        fields: tuple[str, ...] = (
            *("name", "bid_cpm_micros", "pacing", "starts_at", "ends_at", "categories"),
            *("frequency_cap_count", "frequency_cap_window_s"),
        )
        validators: ClassVar[list[Any]] = []

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        unknown = sorted(set(self.initial_data) - set(self.fields))
        if unknown:
            raise serializers.ValidationError(
                {key: ["This field cannot be set here."] for key in unknown}
            )
        return attrs


class CampaignNewSerializer(CampaignEditSerializer):
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


class BudgetSerializer(serializers.Serializer[dict[str, Any]]):
    daily_budget_micros = serializers.IntegerField(min_value=1)
    total_budget_micros = serializers.IntegerField(
        min_value=1, allow_null=True, help_text="null: no limit."
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
    ideal_micros = serializers.IntegerField(help_text="What an even day would have spent by now.")
    projected_micros = serializers.IntegerField()


class TargetingSerializer(serializers.ModelSerializer[Targeting]):
    """Every list that is not named becomes empty, which targets all."""

    class Meta:
        model = Targeting
        exclude = ("id", "campaign")


class CreativeSerializer(serializers.ModelSerializer[Creative]):
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
            *("explains_no_bids", "active", "created_at"),
        )
        read_only_fields = fields
