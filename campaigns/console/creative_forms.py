"""The form of a creative."""

from __future__ import annotations

from typing import Any

from django import forms

from campaigns.console.targeting_forms import category, domain
from campaigns.models import Creative, CreativeFormat
from rtbplatform.console.fields import ListField


class CreativeForm(forms.Form):
    crid = forms.CharField(
        label="Creative id",
        max_length=64,
        help_text="Exchanges review and block by it; once per advertiser.",
    )
    format = forms.ChoiceField(choices=CreativeFormat.choices)
    width = forms.IntegerField(min_value=0, max_value=10_000, required=False)
    height = forms.IntegerField(min_value=0, max_value=10_000, required=False)
    duration_s = forms.IntegerField(
        label="Duration in seconds",
        min_value=0,
        max_value=600,
        required=False,
        help_text="Of video and audio.",
    )
    mimes = ListField(label="Media types", help_text="Such as image/png or video/mp4.")
    protocols = ListField(
        each=int,
        wrong="is not a number",
        label="Video protocols",
        help_text="OpenRTB codes, such as 3 for VAST 3.0.",
    )
    adomain = ListField(
        each=domain,
        wrong="is not a domain name",
        label="Domains",
        help_text="Of the advertiser; exchanges block by them.",
    )
    categories = ListField(each=category, wrong="is not an IAB category")
    markup = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 8, "class": "code", "spellcheck": "false"}),
        help_text="HTML, VAST or native JSON, with OpenRTB macros. Everything over HTTPS.",
    )

    def values(self) -> dict[str, Any]:
        data = dict(self.cleaned_data)
        for name in ("width", "height", "duration_s"):
            data[name] = data[name] or 0
        return data

    @classmethod
    def initial_of(cls, creative: Creative) -> dict[str, Any]:
        return {name: getattr(creative, name) for name in cls.base_fields}
