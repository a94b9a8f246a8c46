"""Forms of exchanges and DSPs."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db import models

from campaigns.console.targeting_forms import country
from campaigns.horizon import TYPICAL_WIN_RATE, locked_text
from campaigns.models import Charging, CreativeFormat
from campaigns.models.market import BILLING_HORIZON_MAX_S, BILLING_HORIZON_MIN_S
from rtbplatform.console.amounts import AmountField
from rtbplatform.console.fields import ListField

SLUG_HELP = "Lower-case letters, digits and hyphens; cannot be changed later."


def currency(text: str) -> str:
    if len(text) != 3 or not text.isascii() or not text.isalpha():
        raise ValueError(text)
    return text.upper()


def horizon_help(entered: object) -> str:
    """What the horizon that stands in the form costs, and a few others beside it."""
    seconds = [60, 300, 3600]
    text = str(entered)
    if text.isascii() and text.isdigit() and len(text) <= 6 and int(text) not in seconds:
        seconds.append(int(text))
    costs = ", ".join(f"{s} s {locked_text(s)}" for s in sorted(seconds))
    return (
        "With charging on the billing notice: how long after an answer its money waits for the notice."
        f" Of a budget spent evenly over a day, at a win rate of {TYPICAL_WIN_RATE:.0%}, that locks at most: {costs}."
    )


class ExchangeForm(forms.Form):
    name = forms.CharField(max_length=120)
    charging = forms.ChoiceField(
        choices=Charging.choices, help_text="When a sale counts, by the exchange's contract."
    )
    billing_horizon_s = forms.IntegerField(
        label="Billing horizon in s",
        min_value=BILLING_HORIZON_MIN_S,
        max_value=BILLING_HORIZON_MAX_S,
        initial=300,
    )
    qps_max = forms.IntegerField(
        label="Quota", min_value=0, initial=0, help_text="Requests a second; 0 for none."
    )
    increment_cpm = AmountField(
        initial="0.01",
        label="Increment CPM",
        help_text="Added to the runner-up's price in a second-price auction.",
    )
    currencies = ListField(
        each=currency,
        wrong="is not a currency code",
        initial=["USD"],
        help_text="That it accepts bids in.",
    )
    explains_no_bids = forms.BooleanField(
        required=False, label="Answer no-bids with 200 and a reason instead of 204"
    )
    allows_debug = forms.BooleanField(required=False, label="Allow debug answers")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["billing_horizon_s"].help_text = horizon_help(
            self._entered("billing_horizon_s")
        )

    def _entered(self, name: str) -> object:
        """As it stands in the form, without its bound field: Django keeps that with the help text it then has."""
        field = self.fields[name]
        if not self.is_bound:
            return self.get_initial_for_field(field, name)
        return field.widget.value_from_datadict(self.data, self.files, self.add_prefix(name))

    def values(self) -> dict[str, Any]:
        data = dict(self.cleaned_data)
        data["increment_cpm_micros"] = data.pop("increment_cpm")
        return data

    @classmethod
    def initial_of(cls, row: models.Model) -> dict[str, Any]:
        names = {"increment_cpm": "increment_cpm_micros"}
        return {name: getattr(row, names.get(name, name)) for name in cls.base_fields}


class NewExchangeForm(ExchangeForm):
    slug = forms.SlugField(max_length=40, label="Short name", help_text=SLUG_HELP)
    field_order = ("name", "slug")


class DspForm(forms.Form):
    name = forms.CharField(max_length=120)
    seat = forms.CharField(max_length=64)
    endpoint = forms.CharField(max_length=500, help_text="Where bid requests are sent to.")
    formats = forms.MultipleChoiceField(
        choices=CreativeFormat.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None chosen: all.",
    )
    countries = ListField(
        each=country, wrong="is not a three-letter country code", help_text="Empty: all."
    )
    currency = forms.CharField(max_length=3, initial="USD")
    timeout_ms = forms.IntegerField(
        label="Deadline in ms",
        min_value=0,
        max_value=1000,
        initial=0,
        help_text="0: the one that all share.",
    )
    in_flight_max = forms.IntegerField(
        label="In flight, most", min_value=1, initial=200, help_text="Requests at once per bidder."
    )
    qps_max = forms.IntegerField(
        label="Requests a second, most", min_value=0, initial=0, help_text="0: no limit."
    )
    gzip = forms.BooleanField(required=False, label="Send requests compressed (gzip)")
    auth_header = forms.CharField(max_length=64, required=False, label="Credential's header")
    auth_value = forms.CharField(
        required=False,
        label="Credential",
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="Kept encrypted and never shown. Empty: the one there is stays.",
    )

    def values(self) -> dict[str, Any]:
        data = dict(self.cleaned_data)
        if not data["auth_value"]:
            del data["auth_value"]
        return data

    @classmethod
    def initial_of(cls, row: models.Model) -> dict[str, Any]:
        return {name: getattr(row, name) for name in cls.base_fields if name != "auth_value"}


class NewDspForm(DspForm):
    slug = forms.SlugField(max_length=40, label="Short name", help_text=SLUG_HELP)
    field_order = ("name", "slug")
