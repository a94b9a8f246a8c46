"""How many bankers compete for a campaign."""

from __future__ import annotations

from billing.treasury.holders import Holders


def test_whoever_asked_within_the_term_counts_once() -> None:
    holders = Holders(1000)
    for incarnation, at in ((b"a", 0), (b"b", 500), (b"b", 900)):
        holders.ask(7, incarnation, at)
    assert holders.counts([7], 999) == {7: 2}
    assert holders.counts([7], 1000) == {7: 1}


def test_there_is_always_one() -> None:
    assert Holders(1000).counts([7], 0) == {7: 1}
