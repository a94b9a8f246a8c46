"""Makes and changes exchanges, switching one off included."""

from __future__ import annotations

from typing import Any

from campaigns import policy
from campaigns.models import Exchange
from campaigns.policy import Action, Actor
from campaigns.services.change import assign, change, save_valid
from rtbplatform.outbox.models import PLATFORM_WIDE
from rtbplatform.outbox.publish import publish

TOPIC = "exchange.changed"
EDITABLE = frozenset(
    {
        "name",
        "qps_max",
        "increment_cpm_micros",
        "currencies",
        "charging",
        "billing_horizon_s",
        "explains_no_bids",
        "allows_debug",
        "signature_version",
        "active",
    }
)
"""Not the slug: it is the exchange's endpoint and stands in its signing key."""


def exchange_create(
    *, actor: Actor, slug: str, name: str, reason: str = "", **fields: Any
) -> Exchange:
    """Raises PermissionDenied, ValidationError."""
    with change(actor, reason):
        policy.require(actor, Action.MARKET_EDIT)
        exchange = Exchange(slug=slug)
        assign(exchange, {"name": name, "currencies": ["USD"], **fields}, EDITABLE)
        save_valid(exchange)
        exchange_changed(exchange)
    return exchange


def exchange_update(*, actor: Actor, exchange_id: int, reason: str = "", **fields: Any) -> Exchange:
    """Raises Exchange.DoesNotExist, PermissionDenied, ValidationError."""
    with change(actor, reason):
        policy.require(actor, Action.MARKET_EDIT)
        exchange = Exchange.objects.select_for_update().get(pk=exchange_id)
        if assign(exchange, fields, EDITABLE):
            save_valid(exchange)
            exchange_changed(exchange)
    return exchange


def exchange_changed(exchange: Exchange) -> None:
    publish(TOPIC, PLATFORM_WIDE, ("exchange", exchange.pk), {"exchange": exchange.pk})
