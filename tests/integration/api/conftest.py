"""The named cast, each with a token."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from campaigns.models import User
from campaigns.services.api_token import api_token_create
from tests.integration.campaigns.conftest import campaign, cast, fast_passwords

__all__ = ["campaign", "cast", "fast_passwords"]


@pytest.fixture(autouse=True)
def no_throttles_left() -> None:
    cache.clear()


@pytest.fixture
def api() -> Callable[[User], APIClient]:
    def client_of(user: User) -> APIClient:
        client = APIClient()
        _, token = api_token_create(user=user)
        client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
        return client

    return client_of
