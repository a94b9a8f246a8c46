"""Who comes in."""

from __future__ import annotations

import pytest

from bidder.edge.admit import UNKNOWN, admit
from bidder.edge.quotas import Quotas
from bidder.market import Market
from bidder.passage import Arrival, End, Passage
from rtbplatform.kernel.keys import exchange_key_hash
from rtbplatform.kernel.snapshot import ExchangeView, Snapshot
from tests.fixtures.openrtb.build import SECRET

EXCHANGE = ExchangeView(1, "adx", [exchange_key_hash("key")], 0)


def admitted(key: str) -> End | None:
    passage = Passage(Arrival("adx", key, True, "", b"", 0.0, 0), b"e" * 16)
    market = Market.compile(Snapshot(1, 0, [EXCHANGE], [], [], []), SECRET)
    return admit(passage, market, Quotas(), 0, 10)


def test_the_right_key_comes_in() -> None:
    assert admitted("key") is None


@pytest.mark.parametrize("key", ["", "wrong", "schlüssel", "key\udcff", "\ud800"])
def test_any_other_key_is_unknown(key: str) -> None:
    assert admitted(key) is UNKNOWN
