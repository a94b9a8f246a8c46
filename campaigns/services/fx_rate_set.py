"""Enters a day's exchange rate."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from django.core.exceptions import ValidationError

from campaigns import policy
from campaigns.models import FxRate
from campaigns.policy import Action, Actor
from campaigns.services.change import change, save_valid
from rtbplatform.outbox.models import PLATFORM_WIDE
from rtbplatform.outbox.publish import publish


def fx_rate_set(
    *, actor: Actor, base: str, quote: str, rate: Decimal, as_of: date, reason: str = ""
) -> FxRate:
    """1 `base` = `rate` `quote`. A rate that is there stays: money was converted by it.

    Raises PermissionDenied, ValidationError (also for another rate of that day).
    """
    with change(actor, reason):
        policy.require(actor, Action.MARKET_EDIT)
        if base == quote:
            raise ValidationError("A rate is between two currencies.")
        there = FxRate.objects.filter(base=base, quote=quote, as_of=as_of).first()
        if there is not None:
            if there.rate != rate:
                raise ValidationError(f"The rate of {as_of} is {there.rate} and stays.")
            return there
        fx = save_valid(FxRate(base=base, quote=quote, rate=rate, as_of=as_of))
        publish("fx_rate.changed", PLATFORM_WIDE, ("fx_rate", fx.pk), {"fx_rate": fx.pk})
    return fx
