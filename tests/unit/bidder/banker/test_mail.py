"""What the treasury's mail does to the live stream: marks, censuses, the ends of a life."""

from random import Random

import pytest
from msgspec.structs import replace

from bidder.banker.book import LeaseBook, Verdict
from bidder.banker.dead_streams import DeadStreams
from bidder.banker.demand import Demand
from bidder.banker.group import Group
from bidder.banker.mail import Mail
from bidder.banker.shipping import Shipping
from rtbplatform.kernel import ipc, stream
from rtbplatform.kernel.protocol import ProtocolTimes
from rtbplatform.kernel.wire import Cursor, Grant, Inquire, Mark, Refuse, ToBanker
from tests.unit.bidder.banker.test_book import KEY, ME, NOW, lease, want
from tests.unit.bidder.banker.test_group import Disk, commit, names, uuid7

CLAIM = stream.Claim("billing", 0, 70, 7, 1, b"l" * 16, 100, 90)
NOTICE = ipc.Notice(b"n" * 16, 1, 1, 0, b"d" * 16, b"event", CLAIM)
RESTING = b"r" * 16


class Bank:
    """A live incarnation with one dead stream at rest beside it."""

    def __init__(self) -> None:
        self.book = LeaseBook(ME, KEY)
        self.demand = Demand(ME, ProtocolTimes(), Random(1))
        self.group = Group(ME, self.book, self.demand)
        self.shipping = Shipping(0, 1_000, 2_000)
        self.dead = DeadStreams(ME, lambda seq: Shipping(seq, 1_000, 2_000), 1)
        self.dead.opened(RESTING, 5)
        self.mail = Mail(ME, self.group, self.book, self.demand, self.shipping, self.dead)
        self.disk = Disk()

    def get(self, *messages: ToBanker) -> None:
        for message in messages:
            self.mail.receive(message, NOW, 0)

    def asked(self) -> None:
        """Request 1 is under way."""
        self.demand.enabled = True
        self.demand.wanted(70, 7, 10, NOW)
        assert self.demand.due(7, self.book.standing(7), NOW) is not None

    def commit(self) -> list[stream.Entry]:
        commit(self.group, self.disk, self.disk, NOW, 0)
        return self.disk.entries()


@pytest.fixture
def bank() -> Bank:
    return Bank()


def test_a_mark_stands_after_all_that_was_accepted_before_it(bank: Bank) -> None:
    bank.get(Cursor(ME, 0))
    bank.asked()
    bank.get(Grant(lease()))
    bank.group.submit(1, ipc.Submit(uuid7(1), 1, 1, 0, [want(10)], b"", []), NOW)
    bank.group.notice(1, NOTICE)
    bank.get(Mark(1, 0))
    bank.group.notice(1, NOTICE)
    assert names(bank.commit()) == ["Lease", "Auction", "Notice", "Mark", "Notice"]


def test_a_mark_is_written_once_and_never_below_a_higher_one(bank: Bank) -> None:
    bank.get(Mark(2, 0), Mark(2, 0), Mark(1, 0), Mark(3, 0))
    marks = [(entry.no, entry.epoch) for entry in bank.commit()]  # type: ignore[union-attr]
    assert marks == [(2, 0), (3, 0)]


def test_nothing_is_marked_after_the_fence(bank: Bank) -> None:
    bank.group.fence(0, "stopped")
    bank.get(Mark(1, 1))
    assert names(bank.commit()) == ["Fence"]


def test_after_a_census_a_lease_of_before_is_tombstoned_whole(bank: Bank) -> None:
    bank.asked()
    bank.get(Mark(5, 5), Grant(lease()))
    entries = bank.commit()
    assert names(entries) == ["Mark", "Lease"]
    (change,) = entries[1].changes  # type: ignore[union-attr]
    assert (change.kind, change.amount_micros, change.spent_micros) == ("tombstoned", 100, 0)
    assert bank.mail.verdicts[Verdict.TOMBSTONED] == 1


def test_a_lease_of_before_a_census_is_tombstoned_when_inquired_for(bank: Bank) -> None:
    bank.get(Mark(5, 5), Inquire([lease()]), Grant(lease()))
    assert names(bank.commit()) == ["Mark", "Lease"]
    assert bank.book.open_count == 0


def test_a_lease_accepted_before_a_census_is_spent_on(bank: Bank) -> None:
    bank.asked()
    bank.get(Grant(lease()), Mark(5, 5), Grant(lease()))
    assert bank.book.fundable(7, NOW) == 100
    assert bank.mail.verdicts[Verdict.REPEATED] == 1


def test_a_lease_of_the_census_itself_is_accepted(bank: Bank) -> None:
    bank.asked()
    bank.get(Mark(5, 5), Grant(replace(lease(), epoch=5).signed(KEY)))
    assert bank.book.fundable(7, NOW) == 100


def test_a_census_has_everything_here_registered_again(bank: Bank) -> None:
    bank.shipping.register_sent()
    bank.get(Cursor(ME, 0))
    assert not bank.shipping.registers
    bank.get(Mark(5, 5))
    assert bank.shipping.registers
    assert bank.dead.to_open([ME, RESTING]) == [RESTING]


def test_a_mark_without_a_newer_census_rouses_nobody(bank: Bank) -> None:
    bank.get(Mark(5, 5))
    bank.dead.gone(RESTING)
    bank.dead.opened(RESTING, 5)
    bank.get(Mark(6, 5), Mark(7, 4))
    assert bank.dead.to_open([RESTING]) == []


def test_an_acceptance_carries_the_lease_as_granted(bank: Bank) -> None:
    bank.asked()
    bank.get(Grant(lease()))
    (entry,) = bank.commit()
    assert isinstance(entry, stream.LeaseEntry)
    (change,) = entry.changes
    assert (change.no, change.lease_signed) == (1, lease())
    assert change.lease_signed is not None
    assert change.lease_signed.verify(KEY)


def test_closed_does_not_end_a_life_that_has_no_fence(bank: Bank) -> None:
    bank.get(Cursor(ME, 0), Cursor(ME, 0, "closed"))
    assert not bank.mail.is_fenced
    assert bank.shipping.state == "open"


def test_closed_ends_a_stream_that_has_its_fence(bank: Bank) -> None:
    bank.group.fence(0, "stopped")
    bank.commit()
    bank.get(Cursor(ME, 1, "closed"))
    assert bank.shipping.state == "closed"


def test_quarantined_ends_a_life(bank: Bank) -> None:
    bank.get(Cursor(ME, 0), Cursor(ME, 0, "quarantined"))
    assert bank.mail.is_fenced
    assert not bank.demand.enabled


def test_stopped_ends_no_life_and_asks_for_no_money(bank: Bank) -> None:
    bank.get(Cursor(ME, 0), Cursor(ME, 0, "stopped"))
    assert not bank.mail.is_fenced
    assert not bank.demand.enabled


def test_unknown_registers_again(bank: Bank) -> None:
    bank.get(Cursor(ME, 0), Cursor(ME, 0, "unknown"))
    assert bank.shipping.registers
    assert not bank.shipping.may_send()
    assert not bank.demand.enabled


def test_a_notice_that_moves_money_is_declined_until_the_treasury_knows_us(bank: Bank) -> None:
    assert bank.group.notice(1, NOTICE) == ipc.Declined(NOTICE.notice_id)
    assert bank.group.is_empty
    bank.get(Cursor(ME, 0))
    assert bank.group.notice(1, NOTICE) is None
    bank.get(Cursor(ME, 0, "unknown"))
    assert bank.group.notice(1, NOTICE) is not None


def test_a_refusal_as_unregistered_declines_notices_too(bank: Bank) -> None:
    bank.get(Cursor(ME, 0))
    bank.asked()
    bank.get(Refuse(1, 7, "unregistered", 0))
    assert bank.group.notice(1, NOTICE) is not None
    assert bank.shipping.registers


def test_a_notice_for_the_record_needs_no_treasury(bank: Bank) -> None:
    assert bank.group.notice(1, replace(NOTICE, claim=None)) is None
    assert names(bank.commit()) == ["Notice"]


def test_claim_and_hold_stand_in_the_stream(bank: Bank) -> None:
    bank.get(Cursor(ME, 0))
    bank.asked()
    bank.get(Grant(lease()))
    bank.group.submit(1, ipc.Submit(uuid7(1), 1, 1, 0, [want(10)], b"", [], 300_000), NOW)
    bank.group.notice(1, NOTICE)
    _, auction, notice = bank.commit()
    assert isinstance(auction, stream.AuctionEntry)
    assert isinstance(notice, stream.NoticeEntry)
    assert (auction.hold_ms, notice.claim) == (300_000, CLAIM)


def test_a_restored_treasury_may_count_lower_under_a_higher_census(bank: Bank) -> None:
    bank.get(Mark(900, 10), Mark(20, 20))
    marks = [(entry.no, entry.epoch) for entry in bank.commit()]  # type: ignore[union-attr]
    assert marks == [(900, 10), (20, 20)]


def test_a_treasury_that_has_lost_our_census_is_told(bank: Bank) -> None:
    bank.get(Cursor(ME, 0), Mark(10, 10))
    bank.shipping.register_sent()
    bank.get(Cursor(ME, 0))
    assert not bank.shipping.registers
    bank.get(Mark(11, 5))
    assert bank.shipping.registers
    assert [entry.epoch for entry in bank.commit()] == [10]  # type: ignore[union-attr]


def test_a_hold_given_up_after_a_mark_is_not_credited_again(bank: Bank) -> None:
    bank.get(Cursor(ME, 0))
    bank.asked()
    bank.get(Grant(lease()))
    debit = uuid7(1)
    bank.group.submit(1, ipc.Submit(debit, 1, 1, 0, [want(10)], b"", [], hold_ms=60_000), NOW)
    bank.get(Mark(1, 0))
    left = bank.book.fundable(7, NOW)
    bank.group.outcomes(ipc.Outcomes([], [debit]))
    outcome = bank.commit()[-1]
    assert isinstance(outcome, stream.OutcomeEntry)
    assert (len(outcome.void), len(outcome.unknown)) == (0, 1)
    assert bank.book.fundable(7, NOW) == left


def test_a_sale_given_up_after_a_mark_is_credited(bank: Bank) -> None:
    bank.get(Cursor(ME, 0))
    bank.asked()
    bank.get(Grant(lease()))
    debit = uuid7(1)
    bank.group.submit(1, ipc.Submit(debit, 1, 1, 0, [want(10)], b"", []), NOW)
    bank.get(Mark(1, 0))
    left = bank.book.fundable(7, NOW)
    bank.group.outcomes(ipc.Outcomes([], [debit]))
    assert bank.book.fundable(7, NOW) == left + 10
