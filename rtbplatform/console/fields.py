"""Form fields that several pages share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms


class ListField(forms.CharField):
    """Values separated by commas, blanks at line ends, or lines. Cleans to a list without repetitions."""

    widget = forms.Textarea

    def __init__(
        self,
        *,
        each: Callable[[str], Any] = str,
        wrong: str = "is not valid",
        max_count: int = 1000,
        **options: Any,
    ) -> None:
        """`each` turns one text into a value, or raises ValueError."""
        options.setdefault("required", False)
        super().__init__(**options)
        self.each, self.wrong, self.max_count = each, wrong, max_count
        self.widget.attrs.update({"rows": 2, "spellcheck": "false", "autocapitalize": "off"})

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value

    def clean(self, value: Any) -> list[Any]:  # type: ignore[override]
        text = super().clean(value)
        parts = [part.strip() for line in text.splitlines() for part in line.split(",")]
        values: list[Any] = []
        for part in filter(None, parts):
            try:
                values.append(self.each(part))
            except ValueError as error:
                raise forms.ValidationError(f"“{part[:60]}” {self.wrong}.") from error
        if len(values) > self.max_count:
            raise forms.ValidationError(f"Enter at most {self.max_count:,} values.")
        return list(dict.fromkeys(values))

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return list(initial or []) != self.clean(data)
        except forms.ValidationError:
            return True


class LocalDateTimeField(forms.DateTimeField):
    """A wall-clock time typed in; `in_zone` makes it a moment once the form knows the zone."""

    def __init__(self, **options: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        formats = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"]
        super().__init__(widget=widget, input_formats=formats, **options)

    def prepare_value(self, value: Any) -> Any:
        return value.replace(tzinfo=None) if isinstance(value, datetime) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Against what was shown, which has no seconds."""
        shown = self.widget.format_value(self.prepare_value(initial))
        return (shown or "") != (data or "")


def in_zone(typed: datetime, zone: str) -> datetime:
    """The moment at which clocks in `zone` show what was typed."""
    return typed.replace(tzinfo=ZoneInfo(zone))
