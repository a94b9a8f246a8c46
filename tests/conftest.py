"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import msgspec
import pytest
import redis as redis_client
from django.conf import settings as django_settings
from django.db import connection
from hypothesis import settings as hypothesis_settings
from pytest_django.plugin import DjangoDbBlocker

_TRUNCATE = 32  # bit of pg_trigger.tgtype
_LAST_DATABASE = 15

# Properties are about results: how long an example takes depends on what else the machine does.
hypothesis_settings.register_profile("any machine", deadline=None)
hypothesis_settings.load_profile("any machine")


def pytest_configure(config: pytest.Config) -> None:
    """Each test process has a Redis database of its own, as it has a Postgres database."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    number = 1 + int(worker.removeprefix("gw")) % (_LAST_DATABASE - 1) if worker else _LAST_DATABASE
    url = _with_database(django_settings.PLATFORM.redis_url, number)
    os.environ["REDIS_URL"] = url
    django_settings.PLATFORM = msgspec.structs.replace(django_settings.PLATFORM, redis_url=url)
    django_settings.CACHES["default"]["LOCATION"] = url


def _with_database(url: str, number: int) -> str:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        query = urlencode({**parse_qs(parts.query), "db": number}, doseq=True)
        return urlunsplit(parts._replace(query=query))
    return urlunsplit(parts._replace(path=f"/{number}"))


@pytest.fixture
def redis() -> Iterator[redis_client.Redis]:
    """The test server's Redis, this process's database, empty."""
    client = redis_client.Redis.from_url(django_settings.PLATFORM.redis_url)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Append-only tables refuse TRUNCATE, which is how tests with real transactions are cleaned up after."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('ALTER TABLE %%s DISABLE TRIGGER %%I', tgrelid::regclass, tgname)"
            " FROM pg_trigger WHERE tgtype & %s > 0 AND NOT tgisinternal",
            [_TRUNCATE],
        )
        for (statement,) in cursor.fetchall():
            cursor.execute(statement)
