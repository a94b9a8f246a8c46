"""What a snapshot becomes in a bidder."""

from __future__ import annotations

import msgspec

from bidder.market import Market
from rtbplatform.kernel.keys import answer_signing_key, exchange_key_hash
from rtbplatform.kernel.snapshot import ExchangeView, Snapshot
from tests.fixtures.openrtb.build import SECRET, campaign, creative, dsp, market

EXCHANGE = ExchangeView(7, "adx", [exchange_key_hash("old"), exchange_key_hash("new")], 0)


def compiled(exchange: ExchangeView) -> Market:
    return Market.compile(Snapshot(3, 0, [exchange], [], [], []), SECRET)


def test_an_exchange_is_found_by_its_slug() -> None:
    assert compiled(EXCHANGE).exchanges["adx"].id == 7


def test_an_inactive_exchange_is_not_there() -> None:
    inactive = msgspec.structs.replace(EXCHANGE, active=False)
    assert compiled(inactive).exchanges == {}


def test_both_keys_open_while_one_is_rotated() -> None:
    place = compiled(EXCHANGE)
    assert all(place.admits(EXCHANGE, exchange_key_hash(key)) for key in ("old", "new"))


def test_another_key_does_not() -> None:
    assert not compiled(EXCHANGE).admits(EXCHANGE, exchange_key_hash("other"))


def test_answers_are_signed_with_the_exchanges_key() -> None:
    assert compiled(EXCHANGE).signing_keys[7] == answer_signing_key(SECRET, "adx", 1)


def test_an_inactive_dsp_is_not_asked() -> None:
    assert market(dsps=[dsp(1, active=False), dsp(2)]).dsps == [dsp(2)]


def test_a_paused_campaign_is_known_so_that_its_bids_lose_with_a_reason() -> None:
    assert market([campaign(5, active=False)]).campaigns[5].active is False


def test_a_creative_is_found_by_its_crid() -> None:
    place = market([campaign(1)], [creative(1, crid="a"), creative(1, id=2, crid="b")])
    found = place.creative(1, "b")
    assert found is not None
    assert found.id == 2
