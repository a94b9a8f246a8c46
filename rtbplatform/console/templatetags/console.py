"""Tags and filters of the console's templates."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from django import forms, template
from django.forms import BoundField
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from rtbplatform.console import amounts, navigation
from rtbplatform.console.lists import Sorting

register = template.Library()
SHORT_ROWS = 3

TONES = {
    **dict.fromkeys(
        ("active", "approved", "open", "closed_breaker", "ok", "won", "settled"), "good"
    ),
    **dict.fromkeys(("paused", "pending", "half-open", "flagged", "stale"), "warn"),
    **dict.fromkeys(
        (
            "rejected",
            "killed",
            "stopped",
            "quarantined",
            "blocked",
            "refused",
            "malformed",
            "late",
            "down",
        ),
        "bad",
    ),
    **dict.fromkeys(("draft", "deposit", "spend"), "info"),
}


@register.simple_tag
def icon(name: str) -> SafeString:
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>',
        static("img/icons.svg"),
        name,
    )


@register.simple_tag(takes_context=True, name="navigation")
def navigation_tag(context: dict[str, Any]) -> navigation.Navigation:
    return navigation.of_request(context["request"], context.get("advertiser"))


@register.simple_tag(takes_context=True)
def with_query(context: dict[str, Any], **changes: Any) -> str:
    """This page's query string with some values changed; None removes one."""
    query = context["request"].GET.copy()
    for name, value in changes.items():
        if value is None:
            query.pop(name, None)
        else:
            query[name] = str(value)
    return "?" + query.urlencode()


@register.inclusion_tag("partials/sort_header.html", takes_context=True)
def sort_header(
    context: dict[str, Any], sorting: Sorting, column: str, label: str, css: str = ""
) -> dict[str, Any]:
    return {
        "request": context["request"],
        "label": label,
        "class": css,
        "state": sorting.state(column),
        "next": sorting.next(column),
    }


@register.filter
def money(micros: int | None, currency: str = "") -> str:
    return "" if micros is None else amounts.rounded(micros, currency)


@register.filter
def money_exact(micros: int | None, currency: str = "") -> str:
    return "" if micros is None else amounts.exact(micros, currency)


@register.filter
def money_full(micros: int | None, currency: str = "") -> str:
    """All six decimals, so that the digits of a column stand below each other."""
    return "" if micros is None else amounts.full(micros, currency)


@register.filter
def tone(state: object) -> str:
    return TONES.get(str(state), "")


@register.simple_tag
def when(value: dt.datetime | None, zone: str = "UTC", seconds: bool = False) -> str:  # noqa: FBT001, FBT002 - a template's argument
    """A moment in a zone, to the minute or second; machine-readable in the element."""
    if value is None:
        return ""
    local = value.astimezone(ZoneInfo(zone))
    text = local.strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")
    return format_html('<time datetime="{}" title="{}">{}</time>', value.isoformat(), zone, text)


@register.simple_tag
def when_date(value: dt.datetime, zone: str) -> str:
    """The day of a moment in a zone."""
    return value.astimezone(ZoneInfo(zone)).date().isoformat()


@register.filter
def is_check(field: BoundField) -> bool:
    return isinstance(field.field.widget, forms.CheckboxInput)


@register.filter
def is_group(field: BoundField) -> bool:
    return isinstance(field.field.widget, forms.CheckboxSelectMultiple | forms.RadioSelect)


@register.filter
def control(field: BoundField) -> SafeString:
    """The field's input, tied to its help and its errors for screen readers."""
    described = [
        f"{field.auto_id}_{part}"
        for part, shown in (("error", field.errors), ("help", field.help_text))
        if shown
    ]
    attrs: dict[str, Any] = {}
    if described:
        attrs["aria-describedby"] = " ".join(described)
    if field.errors:
        attrs["aria-invalid"] = "true"
    return field.as_widget(attrs=attrs)


@register.filter
def get(mapping: dict[Any, Any], key: Any) -> Any:
    return mapping.get(key)


@register.filter
def affix_of(field: BoundField, currency: str) -> str:
    """The currency behind an amount's input; nothing behind others."""
    return currency if isinstance(field.field, amounts.AmountField) else ""


@register.filter
def width_of(field: BoundField) -> str:
    """Long texts take the whole row of a form's grid."""
    widget = field.field.widget
    is_long = isinstance(widget, forms.Textarea) and int(widget.attrs.get("rows", 10)) > SHORT_ROWS
    return "full" if is_long else ""


@register.filter
def duration(seconds: int) -> str:
    """86400 -> "1 day"; the largest unit that divides it."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        if seconds % length == 0:
            count = seconds // length
            return f"{count:,} {unit}{'' if count == 1 else 's'}"
    return f"{seconds:,} seconds"


@register.filter
def abs_micros(micros: int) -> int:
    return abs(micros)
