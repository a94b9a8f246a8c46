"""What a valid request says once it is read."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bidder.openrtb.facts import traffic_of
from bidder.openrtb.numbers import multiplier_of
from rtbplatform.kernel.codes import Loss, NoBid, loss_name, no_bid_name
from rtbplatform.kernel.money import MoneyError
from tests.fixtures.openrtb.build import request


def test_a_floor_is_read_exactly() -> None:
    assert request({"imp.0.bidfloor": 2.13}).imp[0].floor_cpm_micros == 2_130_000


def test_a_floors_digits_past_the_sixth_round_up() -> None:
    assert request({"imp.0.bidfloor": 0.1234561}).imp[0].floor_cpm_micros == 123_457


def test_a_multiplier_is_read_exactly() -> None:
    assert request({"imp.0.qty": {"multiplier": 3.5}}).imp[0].multiplier == Decimal("3.5")


def test_a_multipliers_digits_past_the_sixth_are_kept() -> None:
    found = request({"imp.0.qty": {"multiplier": 1.0000001}}).imp[0].multiplier
    assert found == Decimal("1.0000001")


def test_a_multiplier_of_eighteen_decimals_is_read_exactly() -> None:
    assert multiplier_of(b"2.123456789012345678") == Decimal("2.123456789012345678")


@pytest.mark.parametrize("raw", [b"1.1234567890123456789", b"1e-999999999", b"1000000.1", b"1e30"])
def test_a_multiplier_that_cannot_be_used_is_refused_and_not_changed(raw: bytes) -> None:
    with pytest.raises(MoneyError):
        multiplier_of(raw)


def test_sizes_of_a_banner_are_its_own_and_its_formats() -> None:
    imp = request({"imp.0.banner.format": [{"w": 320, "h": 50}]}).imp[0]
    assert imp.banner is not None
    assert imp.banner.sizes == [(300, 250), (320, 50)]


def test_the_formats_of_an_imp() -> None:
    video = {"mimes": ["video/mp4"]}
    assert request({"imp.0.video": video}).imp[0].formats == ["banner", "video"]


def test_a_deals_floor_is_in_its_own_currency() -> None:
    pmp = {"deals": [{"id": "d", "bidfloor": 1.5}]}
    imp = request({"imp.0.bidfloorcur": "EUR", "imp.0.pmp": pmp}).imp[0]
    assert (imp.deals["d"].floor_cpm_micros, imp.deals["d"].bidfloorcur) == (1_500_000, "USD")


def test_the_auction_type_is_second_price_unless_said() -> None:
    assert request(remove=["at"]).at == 2


@pytest.mark.parametrize("regs", [{"gdpr": 1}, {"ext": {"gdpr": 1}}])
def test_gdpr_is_read_at_both_places(regs: dict[str, object]) -> None:
    found = request({"regs": regs}).regs
    assert found is not None
    assert found.gdpr == 1


def test_the_newer_place_of_gdpr_wins() -> None:
    found = request({"regs": {"gdpr": 0, "ext": {"gdpr": 1}}}).regs
    assert found is not None
    assert found.gdpr == 0


@pytest.mark.parametrize("user", [{"consent": "C"}, {"ext": {"consent": "C"}}])
def test_consent_is_read_at_both_places(user: dict[str, object]) -> None:
    found = request({"user": user}).user
    assert found is not None
    assert found.consent == "C"


@pytest.mark.parametrize("place", ["schain", "ext"])
def test_the_supply_chain_is_read_at_both_places(place: str) -> None:
    chain = {"nodes": [{"asi": "a"}]}
    source = {"schain": chain} if place == "schain" else {"ext": {"schain": chain}}
    assert traffic_of(request({"source": source}), "").schain_gap


def test_a_whole_supply_chain_has_no_gap() -> None:
    source = {"schain": {"nodes": [{"asi": "a", "sid": "1"}]}}
    assert not traffic_of(request({"source": source}), "").schain_gap


def test_a_request_cannot_set_what_is_derived() -> None:
    assert request({"imp.0.@floor": 1, "imp.0.@formats": ["audio"]}).imp[0].formats == ["banner"]


def test_every_loss_has_a_name() -> None:
    assert loss_name(Loss.OUTBID) == "outbid"


def test_a_loss_in_no_list_has_a_name_too() -> None:
    assert loss_name(99) == "loss_99"


def test_every_no_bid_has_a_name() -> None:
    assert no_bid_name(NoBid.NO_DEMAND) == "no_demand"
