"""The same funded advertiser, campaign and banker as billing's integration tests, with real commits."""

from __future__ import annotations

import pytest

from tests.integration.billing.conftest import (  # noqa: F401
    advertiser,
    bank,
    campaign,
    gate,
    journal,
    make_campaign,
    office,
    the_day,
    tick,
    without_tenant,
)


@pytest.fixture
def db(transactional_db: None) -> None:
    """Threads see only what is committed."""
