"""Keys of exchanges: made (shown once), rotated with both in force, revoked."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone

from campaigns import policy
from campaigns.models import Exchange, ExchangeKey
from campaigns.policy import Action, Actor
from campaigns.services.change import change, save_valid
from campaigns.services.exchange_save import exchange_changed
from rtbplatform.kernel.keys import answer_signing_key, exchange_key_hash

IN_FORCE_MAX = 2


def exchange_key_create(
    *, actor: Actor, exchange_id: int, label: str, reason: str = ""
) -> tuple[ExchangeKey, str]:
    """The key's row and its clear text, which is kept nowhere. The keys before it stay in force until revoked.

    Raises Exchange.DoesNotExist, PermissionDenied, ValidationError (two are in force already).
    """
    clear = secrets.token_urlsafe(32)
    with change(actor, reason):
        policy.require(actor, Action.MARKET_EDIT)
        exchange = Exchange.objects.select_for_update().get(pk=exchange_id)
        if exchange.keys.filter(revoked_at=None).count() >= IN_FORCE_MAX:
            raise ValidationError("Two keys are in force already: revoke one first.")
        key = save_valid(
            ExchangeKey(exchange=exchange, label=label, key_hash=exchange_key_hash(clear))
        )
        exchange_changed(exchange)
    return key, clear


def exchange_key_revoke(*, actor: Actor, key_id: int, reason: str = "") -> ExchangeKey:
    """Requests with it are refused within seconds. Raises ExchangeKey.DoesNotExist, PermissionDenied."""
    with change(actor, reason):
        policy.require(actor, Action.MARKET_EDIT)
        key = ExchangeKey.objects.select_for_update().select_related("exchange").get(pk=key_id)
        if key.revoked_at is None:
            key.revoked_at = timezone.now()
            save_valid(key)
            exchange_changed(key.exchange)
    return key


def exchange_signing_key(exchange: Exchange) -> str:
    """Hexadecimal: what the exchange verifies our answers with (docs/openrtb.md). Derived, so that none is stored."""
    secret = settings.PLATFORM.rtb_secret
    return answer_signing_key(secret, exchange.slug, exchange.signature_version).hex()
