"""What all tests share."""

from __future__ import annotations

import pytest
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

_TRUNCATE = 32  # bit of pg_trigger.tgtype


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
