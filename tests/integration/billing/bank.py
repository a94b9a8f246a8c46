"""A banker's side of the protocol, played by hand: registers, asks for leases, writes a stream chunk by chunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from billing.escrow.grants import Answer, Office, grant_leases
from billing.escrow.incarnations import register
from billing.escrow.journal import Journal
from billing.settlement.postgres import PgSettlementStore
from billing.settlement.settle import Settled, settle_chunks
from rtbplatform.kernel.events import (
    AuctionEvent,
    BidRecord,
    ImpRecord,
    NoticeEvent,
    encode_event,
)
from rtbplatform.kernel.ids import hash64, uuid7
from rtbplatform.kernel.protocol import Lease
from rtbplatform.kernel.stream import (
    GENESIS_HASH,
    AuctionEntry,
    Chunk,
    Claim,
    DebitLine,
    Entry,
    LeaseChange,
    LeaseEntry,
    NoticeEntry,
    SubjectKey,
    make_chunk,
)
from rtbplatform.kernel.wire import Grant, LeaseRequest, Refuse, Register

EXCHANGE = 5
STORE = PgSettlementStore()


def new_journal() -> Journal:
    """In memory: it forgets with the test."""
    return Journal(lambda _: None, None)


@dataclass
class Bank:
    """One incarnation."""

    office: Office
    advertiser: int
    now_ms: int
    incarnation: bytes = field(default_factory=lambda: uuid7(1))
    seq: int = 0
    hash: bytes = GENESIS_HASH
    requests: int = 0
    journal: Journal = field(default_factory=new_journal)

    def register(self, pod: str = "pod", **more: object) -> Bank:
        region, machine = self.office.region, "machine/disk/1"
        message = Register(self.incarnation, region, pod, machine, self.now_ms, self.seq)
        register(STORE, self.journal, replace(message, **more), region)
        return self

    def request(self, campaign: int, *, bid: int = 10, want: int = 200) -> LeaseRequest:
        self.requests += 1
        return LeaseRequest(self.incarnation, self.requests, self.advertiser, campaign, bid, want)

    def ask(self, *requests: LeaseRequest, holders: int = 1) -> list[Answer]:
        counts = {request.campaign: holders for request in requests}
        return grant_leases(STORE, self.office, requests, counts, 1.0, self.now_ms)

    def lease(self, campaign: int, **sizes: int) -> Lease:
        """A lease; the test needs one."""
        ((_, answer),) = self.ask(self.request(campaign, **sizes))
        assert isinstance(answer, Grant), answer
        return answer.lease

    def refusal(self, campaign: int, **sizes: int) -> str:
        ((_, answer),) = self.ask(self.request(campaign, **sizes))
        assert isinstance(answer, Refuse), answer
        return answer.reason

    def chunk(self, *entries: Entry, keys: Sequence[SubjectKey] = ()) -> Chunk:
        """The next chunk of this stream."""
        chunk = make_chunk(self.incarnation, self.seq + 1, self.now_ms, self.hash, entries, keys)
        self.seq, self.hash = chunk.last_seq, chunk.hash
        return chunk

    def settle(self, *entries: Entry, keys: Sequence[SubjectKey] = ()) -> Settled:
        """Commits a chunk and has it settled."""
        return self.take([self.chunk(*entries, keys=keys)])

    def take(self, chunks: Sequence[Chunk]) -> Settled:
        """Has chunks settled, of this stream or of another one."""
        return settle_chunks(STORE, chunks, self.office.lease_key)


def line(lease: Lease, amount: int, imp: int = 0) -> DebitLine:
    return DebitLine(imp, lease.advertiser, lease.campaign, lease.day, lease.id, amount)


def debit(
    lease: Lease, amount: int, *, request_id: str = "r", now_ms: int = 0, hold_ms: int = 0
) -> AuctionEntry:
    event = AuctionEvent(
        event_id=uuid7(now_ms),
        at_ms=now_ms,
        request_id=request_id,
        exchange="demo",
        region="eu",
        pod="pod",
        worker=0,
        outcome="won",
        http_status=200,
        imps=[
            ImpRecord("1", bids=[BidRecord("b1", 1_000, "USD", campaign=lease.campaign)], winner=0)
        ],
    )
    return AuctionEntry(
        hash64(request_id),
        EXCHANGE,
        now_ms,
        uuid7(now_ms),
        [line(lease, amount)],
        encode_event(event),
        hold_ms,
    )


def notice(
    held: AuctionEntry, kind: str = "billing", bill: int | None = None, *, request_id: str = "r"
) -> NoticeEntry:
    """A notice about the first imp of a held debit."""
    first = held.lines[0]
    amount = sum(one.amount_micros for one in held.lines if one.imp == first.imp)
    claim = Claim(
        *(kind, first.imp, first.advertiser, first.campaign, first.day, first.lease),
        *(amount, amount if bill is None else bill),
    )
    event = NoticeEvent(
        event_id=uuid7(0),
        at_ms=0,
        request_id=request_id,
        exchange="demo",
        kind=kind,
        debit_id=held.debit_id,
        imp=first.imp,
        advertiser=first.advertiser,
        campaign=first.campaign,
        day=first.day,
    )
    return NoticeEntry(hash64(request_id), EXCHANGE, 0, held.debit_id, encode_event(event), claim)


def change(kind: str, lease: Lease, spent: int = 0, *, signed: Lease | None = None) -> LeaseEntry:
    return LeaseEntry(
        0,
        [
            LeaseChange(
                *(kind, lease.id, lease.advertiser, lease.campaign, lease.day),
                *(lease.amount_micros, spent, lease.no, signed),
            )
        ],
    )
