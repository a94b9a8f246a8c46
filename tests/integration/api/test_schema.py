"""The OpenAPI schema describes every address, without a warning."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client


def test_the_schema_has_no_warnings() -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=StringIO())


@pytest.mark.django_db
def test_the_schema_is_served(client: Client) -> None:
    assert client.get("/api/schema/").status_code == 200


def test_money_is_integer_micros() -> None:
    out = StringIO()
    call_command("spectacular", "--format", "openapi-json", stdout=out)
    assert '"daily_budget_micros"' in out.getvalue()
    assert '"type": "number"' not in out.getvalue()
