"""The form of a campaign's targeting: one field per list of the model."""

from __future__ import annotations

import re
from typing import Any

from django import forms

from campaigns.console import hours as day_parts
from campaigns.models import CreativeFormat, Exchange, Targeting
from rtbplatform.console.fields import ListField

DEVICE_TYPES = (
    (1, "Mobile or tablet"), (2, "Personal computer"), (3, "Connected TV"), (4, "Phone"),
    (5, "Tablet"), (6, "Connected device"), (7, "Set-top box"), (8, "Outdoor"),
)  # fmt: skip
"""AdCOM 1.0, list "Device Types"."""

_DOMAIN = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{1,62}")
_CATEGORY = re.compile(r"(IAB[0-9]{1,2}(-[0-9]{1,2})?|[A-Za-z0-9]{1,10})")


def country(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{3}", text):
        raise ValueError(text)
    return text.upper()


def domain(text: str) -> str:
    lower = text.lower().rstrip(".")
    if not _DOMAIN.fullmatch(lower):
        raise ValueError(text)
    return lower


def category(text: str) -> str:
    if not _CATEGORY.fullmatch(text):
        raise ValueError(text)
    return text


def short(text: str) -> str:
    if len(text) > 255:
        raise ValueError(text)
    return text


def _countries(**options: Any) -> ListField:
    return ListField(each=country, wrong="is not a three-letter country code", **options)


def _domains(**options: Any) -> ListField:
    return ListField(each=domain, wrong="is not a domain name", **options)


def _categories(**options: Any) -> ListField:
    return ListField(each=category, wrong="is not an IAB category", **options)


class TargetingForm(forms.Form):
    countries = _countries(help_text="Three letters, such as USA, DEU, JPN.")
    not_countries = _countries(label="Not countries")
    device_types = forms.TypedMultipleChoiceField(
        coerce=int, choices=DEVICE_TYPES, required=False, widget=forms.CheckboxSelectMultiple
    )
    formats = forms.MultipleChoiceField(
        choices=CreativeFormat.choices, required=False, widget=forms.CheckboxSelectMultiple
    )
    exchanges = forms.TypedMultipleChoiceField(
        coerce=int, required=False, widget=forms.CheckboxSelectMultiple
    )
    os = ListField(each=lambda text: short(text.lower())[:32], label="Operating systems")
    domains = _domains()
    not_domains = _domains(label="Not domains")
    bundles = ListField(each=short, label="App bundles")
    not_bundles = ListField(each=short, label="Not app bundles")
    categories = _categories(help_text="Such as IAB1 or IAB19-6.")
    not_categories = _categories(label="Not categories")
    publishers = ListField(each=short)
    not_publishers = ListField(each=short, label="Not publishers")
    segments = ListField(each=short)
    hours = forms.TypedMultipleChoiceField(
        coerce=int, choices=day_parts.CHOICES, required=False, label="Hours of the week"
    )

    @property
    def hours_grid(self) -> list[dict[str, Any]]:
        """The week with what is chosen, or was sent."""
        return day_parts.grid(self["hours"].value() or [])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["exchanges"].choices = [(one.pk, one.name) for one in Exchange.objects.all()]  # type: ignore[attr-defined]

    @classmethod
    def initial_of(cls, targeting: Targeting | None) -> dict[str, Any]:
        return {name: getattr(targeting, name) for name in cls.base_fields} if targeting else {}


PAIRS = (
    ("Countries", "countries", "not_countries"),
    ("Devices", "device_types", ""),
    ("Operating systems", "os", ""),
    ("Formats", "formats", ""),
    ("Domains", "domains", "not_domains"),
    ("App bundles", "bundles", "not_bundles"),
    ("Categories", "categories", "not_categories"),
    ("Publishers", "publishers", "not_publishers"),
    ("Exchanges", "exchanges", ""),
    ("Segments", "segments", ""),
)


def rows_of(targeting: Targeting | None) -> list[dict[str, Any]]:
    """Label, included and excluded values, as people read them."""
    names = {"device_types": dict(DEVICE_TYPES), "exchanges": {}}
    if targeting and targeting.exchanges:
        names["exchanges"] = {
            one.pk: one.name for one in Exchange.objects.filter(pk__in=targeting.exchanges)
        }

    def shown(field: str) -> list[str]:
        values = getattr(targeting, field) if targeting and field else []
        return [str(names.get(field, {}).get(value, value)) for value in values]

    rows = [
        {"label": label, "included": shown(yes), "excluded": shown(no)} for label, yes, no in PAIRS
    ]
    hours = day_parts.in_words(targeting.hours if targeting else ())
    return [*rows, {"label": "Hours of the week", "included": hours, "excluded": []}]
