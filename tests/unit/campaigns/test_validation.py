"""Values that people type: what is taken, and that a refusal is a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from campaigns import validation

GOOD: list[tuple[Callable[[Any], None], Any]] = [
    (validation.check_currency, "EUR"),
    (validation.check_time_zone, "Europe/Berlin"),
    (validation.check_domain, "shop.example.com"),
    (validation.check_country, "DEU"),
    (validation.check_format, "native"),
    (validation.check_device_type, 8),
    (validation.check_amount, 1),
    (validation.check_amount, validation.AMOUNT_MICROS_MAX),
    (validation.check_cpm, 10**12),
    (validation.check_http_url, "http://127.0.0.1:9000/dsp/alder/bid"),
    (validation.check_header_name, "X-Api-Key"),
    (validation.check_header_value, "Bearer abc"),
]
BAD: list[tuple[Callable[[Any], None], Any]] = [
    (validation.check_currency, "eur"),
    (validation.check_currency, "EURO"),
    (validation.check_currency, "EUR\n"),
    (validation.check_time_zone, "Mars/Olympus"),
    (validation.check_domain, "Example.com"),
    (validation.check_domain, "localhost"),
    (validation.check_domain, "a..example"),
    (validation.check_country, "DE"),
    (validation.check_format, "popup"),
    (validation.check_device_type, 0),
    (validation.check_amount, 0),
    (validation.check_amount, validation.AMOUNT_MICROS_MAX + 1),
    (validation.check_cpm, -1),
    (validation.check_http_url, "file:///etc/passwd"),
    (validation.check_http_url, "http://"),
    (validation.check_http_url, "http://host:port/"),
    (validation.check_http_url, "http://host/a b"),
    (validation.check_header_name, "X Key"),
    (validation.check_header_value, "a\nb"),
    (validation.check_header_value, "ü"),
]


@pytest.mark.parametrize(("check", "value"), GOOD)
def test_good_values_are_taken(check: Callable[[Any], None], value: Any) -> None:
    check(value)


@pytest.mark.parametrize(("check", "value"), BAD)
def test_bad_values_are_refused_in_a_sentence(check: Callable[[Any], None], value: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        check(value)
    assert refused.value.messages[0].endswith(".")


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ValidationError) as refused:
        validation.refuse([("a", "One."), ("b", "Two."), ("a", "Three.")])
    assert refused.value.message_dict == {"a": ["One.", "Three."], "b": ["Two."]}


def test_no_problem_is_no_refusal() -> None:
    validation.refuse([])
