"""Forms of campaigns: they read what people type into the values that services take."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms

from campaigns.models import Campaign, Dsp, Pacing
from rtbplatform.console.amounts import AmountField
from rtbplatform.console.fields import ListField, LocalDateTimeField, in_zone

RENAMED = {
    "bid_cpm_micros": "bid_cpm",
    "daily_budget_micros": "daily_budget",
    "total_budget_micros": "total_budget",
    "frequency_cap_window_s": "frequency_cap_window_h",
}
"""A model's field -> the form's, for refusals."""


class CampaignForm(forms.Form):
    """Of an existing campaign; its budgets have a form of their own, with the effective floor."""

    name = forms.CharField(max_length=120)
    bid_cpm = AmountField(label="Max CPM", help_text="The most it pays for 1,000 impressions.")
    pacing = forms.ChoiceField(
        choices=Pacing.choices, help_text="How a day's budget is spread over the day."
    )
    starts_at = LocalDateTimeField(label="Starts", help_text="In the campaign's time zone.")
    ends_at = LocalDateTimeField(label="Ends", required=False, help_text="Empty: open end.")
    frequency_cap_count = forms.IntegerField(
        label="Frequency cap",
        min_value=0,
        max_value=10_000,
        initial=0,
        help_text="Answers to one person in the window; 0 for no cap.",
    )
    frequency_cap_window_h = forms.IntegerField(
        label="Cap window in hours", min_value=1, max_value=24 * 30, required=False
    )
    categories = ListField(
        label="Categories",
        help_text="IAB content categories of what is advertised, such as IAB19-6.",
    )

    zone = "UTC"

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        zone = data.get("time_zone") or self.zone
        for name in ("starts_at", "ends_at"):
            if zone and data.get(name):
                data[name] = in_zone(data[name], zone)
        if data.get("starts_at") and data.get("ends_at") and data["ends_at"] <= data["starts_at"]:
            self.add_error("ends_at", "The end must be after the start.")
        if data.get("frequency_cap_count") and not data.get("frequency_cap_window_h"):
            self.add_error("frequency_cap_window_h", "Say in how many hours.")
        return data

    def values(self) -> dict[str, Any]:
        """By the model's field names."""
        data = dict(self.cleaned_data)
        data["bid_cpm_micros"] = data.pop("bid_cpm")
        data["frequency_cap_window_s"] = (data.pop("frequency_cap_window_h") or 0) * 3600
        if not data["frequency_cap_count"]:
            data["frequency_cap_window_s"] = 0
        for name in ("starts_at", "ends_at"):
            if name not in self.changed_data:  # a form shows no seconds: leave those there are
                del data[name]
        return data

    @staticmethod
    def initial_of(campaign: Campaign) -> dict[str, Any]:
        zone = ZoneInfo(campaign.time_zone)
        return {
            "name": campaign.name,
            "bid_cpm": campaign.bid_cpm_micros,
            "pacing": campaign.pacing,
            "starts_at": campaign.starts_at.astimezone(zone),
            "ends_at": campaign.ends_at.astimezone(zone) if campaign.ends_at else None,
            "frequency_cap_count": campaign.frequency_cap_count,
            "frequency_cap_window_h": campaign.frequency_cap_window_s // 3600 or None,
            "categories": campaign.categories,
        }


class NewCampaignForm(CampaignForm):
    """The time zone stays once the campaign exists: its budget days were made in it."""

    time_zone = forms.ChoiceField(
        help_text="Its days are the campaign's budget days. Cannot be changed later."
    )
    daily_budget = AmountField(zero_allowed=False, help_text="Never exceeded on any day.")
    total_budget = AmountField(
        required=False, zero_allowed=False, help_text="Over its life; empty for no limit."
    )
    dsp = forms.ModelChoiceField(
        Dsp.objects.all(),
        required=False,
        label="Demand",
        empty_label="Our own, by targeting",
        help_text="A DSP's campaign is bid for by that DSP.",
    )
    field_order = (
        *("name", "bid_cpm", "daily_budget", "total_budget", "pacing", "time_zone"),
        *("starts_at", "ends_at", "frequency_cap_count", "frequency_cap_window_h", "dsp"),
    )

    def __init__(self, *args: Any, may_choose_dsp: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["time_zone"].choices = [(name, name) for name in sorted(available_timezones())]  # type: ignore[attr-defined]
        if not may_choose_dsp:
            del self.fields["dsp"]

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        refuse_total_below_daily(self, data)
        return data

    def values(self) -> dict[str, Any]:
        data = super().values()
        data["daily_budget_micros"] = data.pop("daily_budget")
        data["total_budget_micros"] = data.pop("total_budget")
        return data


class BudgetForm(forms.Form):
    """`version` is the budget's version that the person saw: a change in between is not overwritten."""

    daily_budget = AmountField()
    total_budget = AmountField(required=False, zero_allowed=False, help_text="Empty for no limit.")
    version = forms.IntegerField(widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        refuse_total_below_daily(self, data)
        return data

    @staticmethod
    def initial_of(campaign: Campaign) -> dict[str, Any]:
        return {
            "daily_budget": campaign.daily_budget_micros,
            "total_budget": campaign.total_budget_micros,
            "version": campaign.budget_version,
        }


def refuse_total_below_daily(form: forms.Form, data: dict[str, Any]) -> None:
    total, daily = data.get("total_budget"), data.get("daily_budget")
    if total is not None and daily is not None and total < daily:
        form.add_error("total_budget", "The total must be at least the daily budget.")
