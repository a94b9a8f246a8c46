"""Tokens of the REST API: made (shown once), revoked. Only a hash is kept."""

from __future__ import annotations

from datetime import timedelta

from knox.models import AuthToken

from campaigns.models import User
from campaigns.services.change import change

LIFETIME = timedelta(days=30)


def api_token_create(*, user: User) -> tuple[AuthToken, str]:
    """The token's row, and its clear text, which is kept nowhere. The caller has made sure who `user` is."""
    with change(user):
        row, clear = AuthToken.objects.create(user=user, expiry=LIFETIME)
    return row, clear


def api_token_revoke(*, user: User, token_key: str) -> None:
    """Of their own tokens only. Raises AuthToken.DoesNotExist."""
    with change(user):
        AuthToken.objects.select_for_update().get(user=user, token_key=token_key).delete()
