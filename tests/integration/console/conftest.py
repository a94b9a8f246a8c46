"""The named cast of tests/integration/campaigns on every screen; static files without a manifest."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from campaigns.models import User
from tests.integration.campaigns.conftest import campaign, cast, fast_passwords

__all__ = ["campaign", "cast", "fast_passwords"]


@pytest.fixture(autouse=True)
def plain_static_files(settings: Settings) -> None:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture
def as_(client: Client) -> Callable[[User], Client]:
    """A browser in which a person is logged in."""

    def log_in(user: User) -> Client:
        client.force_login(user)
        return client

    return log_in
