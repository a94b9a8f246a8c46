"""Rules for values that people type; each refusal is a sentence. Models carry them, services run them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError

from rtbplatform.kernel.day_parts import HOURS_PER_WEEK

AMOUNT_MICROS_MAX = 10**15
"""A billion currency units: above it an amount is a mistake."""
CPM_MICROS_MAX = 10**12

_CATEGORY = re.compile(r"IAB([1-9]|1[0-9]|2[0-6])(-[1-9][0-9]?)?")
"""IAB content taxonomy 1.0, which is OpenRTB's when a request or a bid names no other: 26 tiers."""

_CURRENCY = re.compile(r"[A-Z]{3}")
_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def check_currency(value: str) -> None:
    if not _CURRENCY.fullmatch(value):
        raise ValidationError(f"{value!r} is not an ISO 4217 currency code, such as USD.")


def check_time_zone(value: str) -> None:
    if value not in _time_zones():
        raise ValidationError(f"{value!r} is not an IANA time zone, such as Europe/Berlin.")


def check_domain(value: str) -> None:
    if not _DOMAIN.fullmatch(value):
        raise ValidationError(f"{value!r} is not a lower-case domain name, such as example.com.")


def check_country(value: str) -> None:
    if not _CURRENCY.fullmatch(value):
        raise ValidationError(f"{value!r} is not an ISO 3166-1 alpha-3 country code, such as DEU.")


def check_lower_case(value: str) -> None:
    if value != value.lower():
        raise ValidationError(f"{value!r} must be in lower case.")


def check_format(value: str) -> None:
    if value not in {"banner", "video", "native", "audio"}:
        raise ValidationError(f"{value!r} is not one of banner, video, native, audio.")


def check_category(value: str) -> None:
    if not _CATEGORY.fullmatch(value):
        raise ValidationError(f"{value!r} is not an IAB content category, such as IAB1 or IAB19-6.")


def check_device_type(value: int) -> None:
    if not 1 <= value <= 8:
        raise ValidationError(f"{value} is not an OpenRTB device type (1 to 8).")


def check_hour_of_week(value: int) -> None:
    if not 0 <= value < HOURS_PER_WEEK:
        raise ValidationError(f"{value} is not an hour of the week (0 to 167, 0 = Monday 00:00).")


def check_amount(value: int) -> None:
    if not 0 < value <= AMOUNT_MICROS_MAX:
        raise ValidationError("The amount must be above 0 and at most 1,000,000,000.")


def check_cpm(value: int) -> None:
    if not 0 < value <= CPM_MICROS_MAX:
        raise ValidationError("The CPM must be above 0 and at most 1,000,000.")


def check_http_url(value: str) -> None:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or re.search(r"\s", value):
        raise ValidationError(f"{value!r} is not an http or https URL.")


def check_header_name(value: str) -> None:
    if not _HEADER.fullmatch(value):
        raise ValidationError(f"{value!r} is not a header name.")


def check_header_value(value: str) -> None:
    """Visible ASCII only: line breaks would let a value add headers of its own."""
    if not all(" " <= character <= "~" for character in value):
        raise ValidationError("A header value is visible ASCII without line breaks.")


def refuse(problems: Iterable[tuple[str, str]]) -> None:
    """Raises ValidationError with a sentence per field, when there are any."""
    found: dict[str, list[str]] = {}
    for field, sentence in problems:
        found.setdefault(field, []).append(sentence)
    if found:
        raise ValidationError(found)


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())
