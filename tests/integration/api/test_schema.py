"""The OpenAPI schema describes every address, without a warning."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    out = StringIO()
    call_command("spectacular", "--format", "openapi-json", stdout=out)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


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


@pytest.mark.parametrize(
    ("component", "field", "most"),
    [
        ("CampaignNew", "bid_cpm_micros", 10**12),
        ("PatchedCampaignEdit", "bid_cpm_micros", 10**12),
        ("CampaignNew", "daily_budget_micros", 10**15),
        ("CampaignNew", "total_budget_micros", 10**15),
        ("Budget", "daily_budget_micros", 10**15),
        ("Budget", "total_budget_micros", 10**15),
    ],
)
def test_the_schema_has_the_bounds_of_amounts(
    component: str, field: str, most: int, schema: dict[str, Any]
) -> None:
    shape = schema["components"]["schemas"][component]["properties"][field]
    assert (shape["minimum"], shape["maximum"]) == (1, most)


def test_every_operation_is_described_for_the_apis_users(schema: dict[str, Any]) -> None:
    described = [
        operation.get("description", "")
        for path in schema["paths"].values()
        for operation in path.values()
    ]
    assert all(described)
    assert not [text for text in described if "Queries of tenants' data" in text]
