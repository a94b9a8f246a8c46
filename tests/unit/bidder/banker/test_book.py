"""The lease book: every branch of accept, debit, void, seal, recall and inquire."""

import pytest
from msgspec.structs import replace

from bidder.banker.book import FORGET_AFTER_MS, LeaseBook, Verdict
from bidder.banker.leases import HighWaterRow
from rtbplatform.kernel.ipc import Want
from rtbplatform.kernel.protocol import Lease

KEY = b"k" * 32
ME = b"i" * 16
SENT, NOW = 1_000, 1_100


def lease(no: int = 1, amount: int = 100, **changes: object) -> Lease:
    made = Lease(
        id=bytes([no]) * 16,
        no=no,
        request_no=no,
        incarnation=ME,
        advertiser=70,
        campaign=7,
        day=1,
        amount_micros=amount,
        budget_version=1,
        spend_for_ms=25_000,
        starts_in_ms=0,
        ends_in_ms=3_600_000,
    )
    return replace(made, **changes).signed(KEY)


def want(amount: int, campaign: int = 7, imp: int = 0) -> Want:
    return Want(imp, campaign * 10, campaign, amount)


@pytest.fixture
def book() -> LeaseBook:
    return LeaseBook(ME, KEY)


def accepted(book: LeaseBook, one: Lease, now: int = NOW) -> None:
    assert book.accept(one, SENT, now)[0] is Verdict.ACCEPTED


def kinds(changes: list) -> list[str]:
    return [change.kind for change in changes]


def test_a_lease_is_accepted_and_can_be_spent(book: LeaseBook) -> None:
    verdict, changes = book.accept(lease(), SENT, NOW)
    assert (verdict, kinds(changes)) == (Verdict.ACCEPTED, ["accepted"])
    assert book.fundable(7, NOW) == 100


def test_a_repeated_lease_is_accepted_once(book: LeaseBook) -> None:
    accepted(book, lease())
    assert book.accept(lease(), SENT, NOW) == (Verdict.REPEATED, [])
    assert book.fundable(7, NOW) == 100


def test_a_sealed_lease_that_comes_again_is_a_repeat(book: LeaseBook) -> None:
    accepted(book, lease())
    book.seal_all()
    assert book.accept(lease(), SENT, NOW) == (Verdict.REPEATED, [])


def test_a_forged_lease_is_refused(book: LeaseBook) -> None:
    assert book.accept(replace(lease(), amount_micros=10**9), SENT, NOW)[0] is Verdict.FORGED


def test_the_lease_of_another_incarnation_is_refused(book: LeaseBook) -> None:
    assert book.accept(lease(incarnation=b"x" * 16), SENT, NOW)[0] is Verdict.FOREIGN


def test_a_lease_for_a_request_that_nobody_remembers_is_ignored(book: LeaseBook) -> None:
    assert book.accept(lease(), None, NOW) == (Verdict.STALE, [])


def test_a_lower_number_is_tombstoned_once(book: LeaseBook) -> None:
    accepted(book, lease(2))
    verdict, changes = book.accept(lease(1), SENT, NOW)
    assert (verdict, kinds(changes)) == (Verdict.TOMBSTONED, ["tombstoned"])
    assert changes[0].amount_micros == 100
    assert changes[0].spent_micros == 0
    assert book.accept(lease(1), SENT, NOW) == (Verdict.REPEATED, [])
    assert book.fundable(7, NOW) == 100


def test_numbers_of_another_day_are_counted_apart(book: LeaseBook) -> None:
    accepted(book, lease(2))
    accepted(book, lease(1, day=2))


def test_a_lease_that_is_too_late_is_tombstoned(book: LeaseBook) -> None:
    assert book.accept(lease(), SENT, SENT + 25_000)[0] is Verdict.TOMBSTONED
    assert book.fundable(7, SENT + 25_000) == 0


def test_an_empty_lease_is_tombstoned(book: LeaseBook) -> None:
    assert book.accept(lease(amount=0), SENT, NOW)[0] is Verdict.TOMBSTONED


def test_working_time_counts_from_the_first_sending(book: LeaseBook) -> None:
    accepted(book, lease(), now=20_000)
    assert book.fundable(7, SENT + 24_999) == 100
    assert book.fundable(7, SENT + 25_000) == 0


def test_working_time_ends_with_the_day(book: LeaseBook) -> None:
    accepted(book, lease(ends_in_ms=5_000))
    assert book.fundable(7, SENT + 4_999) == 100
    assert book.fundable(7, SENT + 5_000) == 0


def test_an_early_lease_starts_with_its_day_counted_from_receipt(book: LeaseBook) -> None:
    accepted(book, lease(starts_in_ms=10_000))
    assert book.debit([want(1)], NOW + 9_999) == ([], [7])
    assert book.fundable(7, NOW + 10_000) == 100
    assert book.fundable(7, NOW + 10_000 + 24_999) == 100
    assert book.fundable(7, NOW + 35_000) == 0


def test_an_early_lease_that_starts_is_told(book: LeaseBook) -> None:
    accepted(book, lease(starts_in_ms=10_000))
    book.take_changed()
    assert book.tick(NOW + 10_000) == []
    assert book.take_changed() == {7}


def test_a_debit_spans_leases_of_one_day(book: LeaseBook) -> None:
    accepted(book, lease(1))
    accepted(book, lease(2))
    lines, unfundable = book.debit([want(150)], NOW)
    assert [(line.lease[0], line.amount_micros) for line in lines] == [(1, 100), (2, 50)]
    assert unfundable == []
    assert book.fundable(7, NOW) == 50


def test_a_debit_never_mixes_days_and_takes_the_day_that_can_pay(book: LeaseBook) -> None:
    accepted(book, lease(1))
    accepted(book, lease(1, id=b"z" * 16, day=2))
    assert book.debit([want(150)], NOW) == ([], [7])
    assert book.fundable(7, NOW) == 100
    book.debit([want(60)], NOW)
    lines, _ = book.debit([want(60)], NOW)
    assert [line.day for line in lines] == [2]


def test_all_imps_are_debited_or_none(book: LeaseBook) -> None:
    accepted(book, lease())
    assert book.debit([want(10), want(10, campaign=8), want(95)], NOW) == ([], [8, 7])
    assert book.fundable(7, NOW) == 100


def test_two_imps_share_what_a_campaign_has(book: LeaseBook) -> None:
    accepted(book, lease())
    assert book.debit([want(60, imp=0), want(60, imp=1)], NOW) == ([], [7])
    lines, _ = book.debit([want(60, imp=0), want(40, imp=1)], NOW)
    assert [line.imp for line in lines] == [0, 1]


def test_an_advertiser_pays_from_its_own_leases_only(book: LeaseBook) -> None:
    accepted(book, lease())
    assert book.debit([Want(0, 71, 7, 10)], NOW) == ([], [7])


def test_a_negative_amount_is_refused(book: LeaseBook) -> None:
    accepted(book, lease())
    assert book.debit([want(-1)], NOW) == ([], [7])


def test_an_imp_that_costs_nothing_still_needs_a_lease(book: LeaseBook) -> None:
    assert book.debit([want(0)], NOW) == ([], [7])
    accepted(book, lease())
    lines, _ = book.debit([want(0)], NOW)
    assert [line.amount_micros for line in lines] == [0]


def test_a_void_credits_an_open_lease(book: LeaseBook) -> None:
    accepted(book, lease())
    lines, _ = book.debit([want(60)], NOW)
    book.void(lines)
    assert book.fundable(7, NOW) == 100


def test_a_void_after_the_seal_is_left_to_settlement(book: LeaseBook) -> None:
    accepted(book, lease())
    lines, _ = book.debit([want(60)], NOW)
    (sealed,) = book.seal_all()
    book.void(lines)
    assert sealed.spent_micros == 60
    assert book.fundable(7, NOW) == 0


def test_the_timer_seals_without_traffic(book: LeaseBook) -> None:
    accepted(book, lease())
    assert book.tick(SENT + 24_999) == []
    assert kinds(book.tick(SENT + 25_000)) == ["sealed"]
    assert book.tick(SENT + 25_000) == []
    assert book.open_count == 0


def test_a_remainder_below_the_smallest_bid_is_sealed_early(book: LeaseBook) -> None:
    accepted(book, lease())
    book.debit([want(95)], NOW)
    assert book.seal_remainders(7, 5, NOW) == []
    (sealed,) = book.seal_remainders(7, 6, NOW)
    assert (sealed.kind, sealed.spent_micros) == ("sealed", 95)


def test_remainders_that_together_pay_a_bid_are_kept(book: LeaseBook) -> None:
    accepted(book, lease(1, amount=5))
    accepted(book, lease(2, amount=5))
    assert book.seal_remainders(7, 10, NOW) == []


def test_an_exhausted_lease_is_sealed_beside_a_full_one(book: LeaseBook) -> None:
    accepted(book, lease(1))
    accepted(book, lease(2))
    book.debit([want(100)], NOW)
    assert [change.lease[0] for change in book.seal_remainders(7, 10, NOW)] == [1]


def test_a_lease_that_has_not_started_is_no_remainder(book: LeaseBook) -> None:
    accepted(book, lease(amount=5, starts_in_ms=10_000))
    assert book.seal_remainders(7, 10, NOW) == []


def test_a_recall_seals_at_once(book: LeaseBook) -> None:
    accepted(book, lease())
    assert kinds(book.recall([lease().id])) == ["sealed"]
    assert book.recall([lease().id]) == []


def test_a_lease_recalled_before_it_came_is_tombstoned(book: LeaseBook) -> None:
    assert book.recall([lease().id]) == []
    assert book.accept(lease(), SENT, NOW)[0] is Verdict.TOMBSTONED


def test_an_inquiry_seals_an_open_lease(book: LeaseBook) -> None:
    accepted(book, lease())
    assert kinds(book.inquire([lease()])) == ["sealed"]


def test_an_inquiry_about_a_sealed_lease_says_nothing_new(book: LeaseBook) -> None:
    accepted(book, lease())
    book.seal_all()
    assert book.inquire([lease()]) == []


def test_an_inquiry_tombstones_a_lease_that_never_came(book: LeaseBook) -> None:
    assert kinds(book.inquire([lease()])) == ["tombstoned"]
    assert book.inquire([lease()]) == []
    assert book.accept(lease(), SENT, NOW) == (Verdict.REPEATED, [])


def test_an_inquiry_tombstones_a_lower_number_too(book: LeaseBook) -> None:
    accepted(book, lease(2))
    assert kinds(book.inquire([lease(1)])) == ["tombstoned"]


def test_a_forged_inquiry_is_ignored(book: LeaseBook) -> None:
    accepted(book, lease())
    assert book.inquire([replace(lease(), mac=b"")]) == []


def test_rows_are_written_once_with_their_last_values(book: LeaseBook) -> None:
    accepted(book, lease())
    book.debit([want(10)], NOW)
    book.debit([want(20)], NOW)
    leases, high_waters = book.take_rows()
    assert [(row.spent_micros, row.state) for row in leases] == [(30, "open")]
    assert high_waters == [HighWaterRow(7, 1, 1)]
    assert book.take_rows() == ([], [])


def test_long_after_a_day_its_numbers_are_ignored(book: LeaseBook) -> None:
    accepted(book, lease(2))
    later = SENT + 3_600_000 + FORGET_AFTER_MS
    book.seal_all()
    book.forget(later)
    assert book.accept(lease(1), SENT, later) == (Verdict.STALE, [])
    assert book.inquire([lease(1)]) == []


def test_the_standing_counts_all_leases(book: LeaseBook) -> None:
    accepted(book, lease(1))
    accepted(book, lease(2, starts_in_ms=10_000))
    book.debit([want(40)], NOW)
    standing = book.standing(7)
    assert (standing.left_micros, standing.granted_micros) == (160, 200)
    assert standing.ends_ms == NOW + 35_000
    assert book.standing(8).granted_micros == 0
