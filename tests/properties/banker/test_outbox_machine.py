"""The outbox on real files against a list of what was committed: any order of commits, prunes, cursors and crashes.

What detects which damage:

- A torn or flipped WAL: every frame has a checksum over all frames before it, so SQLite reads the WAL up to the last
  commit whose frames are whole, and nothing after. What was fsynced before the tear stays.
- The main file has no checksums in SQLite. A truncated one is malformed to it; a chunk that is not settled is verified by
  the stream's hash chain, an open lease by its row's CRC. Not detected here: a flipped byte in the main file that lets the
  tree's last rows vanish without a gap - file systems with checksums do, and the treasury when it has settled more.
"""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path
from random import Random

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from bidder.banker import recovery
from bidder.banker.book import LeaseBook
from bidder.banker.demand import Demand
from bidder.banker.group import Group, commit
from bidder.banker.outbox import DAMAGE, PAGE_BYTES, OutboxError
from bidder.banker.shelf import Shelf, Shelved
from rtbplatform.kernel import ipc, stream
from rtbplatform.kernel.protocol import Lease, ProtocolTimes
from tests.properties.banker.crashed import Files, Moment, wal_end

KEY, ME, MACHINE = b"k" * 32, b"i" * 16, "the machine of this test"
NOW_MS = 1_000


class Silent:
    def acknowledge(self, connection: int, acks: ipc.Acks) -> None:
        """Whoever waits is not of interest here."""


class OutboxMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.begin()

    def begin(self) -> None:
        """A new disk with a new incarnation."""
        self.folder = tempfile.TemporaryDirectory(prefix="outbox-machine-")
        self.shelf = Shelf(Path(self.folder.name), MACHINE)
        self.shelf.prepare()
        self.shelved: Shelved | None = self.shelf.create(ME, "r", "p", 1)
        self.path = self.shelved.outbox.path
        self.book = LeaseBook(ME, KEY)
        self.group = Group(ME, self.book, Demand(ME, ProtocolTimes(), Random(1)))
        self.group.takes_claims = True
        self.debits: list[bytes] = []
        self.lease_no = 0
        self.chunks: dict[int, stream.Chunk] = {}
        self.base = self.moment()
        """What is in the main file for sure: as it was made, or at the last checkpoint."""
        self.base_end = 0
        self.written: list[tuple[int, Moment]] = []
        """Transactions since then, and where each ended in the WAL."""
        self.generation = wal_end(self.path, PAGE_BYTES)[0]

    def teardown(self) -> None:
        if self.shelved is not None:
            self.shelved.release()
        self.folder.cleanup()

    @property
    def live(self) -> Shelved:
        assert self.shelved is not None
        return self.shelved

    def moment(self) -> Moment:
        return Moment.of(self.live.outbox, ME)

    def wrote(self) -> None:
        """A transaction is durable: where the WAL ends now."""
        generation, end = wal_end(self.path, PAGE_BYTES)
        if generation != self.generation:
            self.generation, self.base_end, self.written = generation, 0, []
        self.written.append((end, self.moment()))

    def commit(self) -> None:
        batch = commit(self.group, self.live.outbox, Silent(), NOW_MS, self.lease_no)
        if batch is not None:
            self.chunks[batch.chunk.first_seq] = batch.chunk
            self.wrote()

    @precondition(lambda self: self.shelved is None)
    @rule()
    def next_life(self) -> None:
        self.teardown()
        self.begin()

    is_live = precondition(lambda self: self.shelved is not None and not self.group.is_fenced)

    @is_live
    @rule(amount=st.integers(1, 500))
    def accept(self, amount: int) -> None:
        self.lease_no += 1
        lease = Lease(
            *(self.lease_no.to_bytes(16, "big"), self.lease_no, 1, ME, 70, 7, 1, amount, 1),
            *(25_000, 0, 3_600_000),
        ).signed(KEY)
        self.group.lease_changes(self.book.accept(lease, NOW_MS, NOW_MS)[1], 0)
        self.commit()

    @is_live
    @rule(amounts=st.lists(st.integers(1, 60), min_size=1, max_size=4), size=st.integers(0, 40_000))
    def debit(self, amounts: list[int], size: int) -> None:
        for number, amount in enumerate(amounts):
            debit_id = Random(f"{self.group.next_seq}.{number}").randbytes(16)
            event = Random(size).randbytes(size)
            wants = [ipc.Want(0, 70, 7, amount)]
            message = ipc.Submit(debit_id, 1, 1, 0, wants, event, [], 60_000)
            if self.group.submit(1, message, NOW_MS) is None:
                self.debits.append(debit_id)
        self.commit()

    @is_live
    @rule(sent=st.integers(0, 3), void=st.integers(0, 2))
    def outcomes(self, sent: int, void: int) -> None:
        ids, self.debits = self.debits[: sent + void], self.debits[sent + void :]
        self.group.outcomes(ipc.Outcomes(ids[:sent], ids[sent:]))
        self.commit()

    @is_live
    @rule(no=st.integers(1, 20))
    def mark_and_notice(self, no: int) -> None:
        claim = stream.Claim("billing", 0, 70, 7, 1, b"l" * 16, 10, 9)
        self.group.notice(1, ipc.Notice(b"n" * 16, 1, 1, 0, b"d" * 16, b"event", claim))
        self.group.mark(no, 0, 0)
        self.commit()

    @is_live
    @rule()
    def recall(self) -> None:
        leases = [row.lease.id for row in self.live.outbox.open_leases()]
        self.group.lease_changes(self.book.recall(leases[:1]), 0)
        self.commit()

    @precondition(lambda self: self.shelved is not None)
    @rule(back=st.integers(0, 30))
    def cursor(self, back: int) -> None:
        """Settlement goes on, or back to what a restored database knows."""
        self.live.outbox.write_cursor(max(0, self.group.durable_seq - back), None)
        self.wrote()

    @precondition(lambda self: self.shelved is not None)
    @rule(before_ms=st.integers(0, 20))
    def prune(self, before_ms: int) -> None:
        outbox, before = self.live.outbox, self.moment()
        if outbox.prune(before_ms):
            self.wrote()
        after = self.moment()
        assert (after.last_seq, after.hash, after.undecided) == (
            *(before.last_seq, before.hash, before.undecided),
        )
        unsettled = outbox.chunks_after(before.settled_seq, ME, 10_000)
        assert sum(c.count for c in unsettled if c.first_seq > before.settled_seq) <= sum(
            c.count for c in self.chunks.values()
        )

    @precondition(lambda self: self.shelved is not None)
    @rule()
    def checkpoint(self) -> None:
        self.live.outbox._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        self.base, self.written = self.moment(), []
        self.base_end = wal_end(self.path, PAGE_BYTES)[1]

    @is_live
    @rule()
    def fence(self) -> None:
        self.group.fence(0, "stopped")
        self.commit()

    @precondition(lambda self: self.shelved is not None)
    @rule(data=st.data(), how=st.sampled_from(("kill", "tear", "flip")))
    def crash(self, data: st.DataObject, how: str) -> None:
        """The process is gone; the last frames, from some byte on, may not have reached the disk, or wrongly."""
        files = self.killed()
        at = len(files.wal)
        if how != "kill" and len(files.wal) > self.base_end:
            at = data.draw(st.integers(self.base_end, len(files.wal) - 1))
            if how == "tear":
                del files.wal[at:]
            else:
                files.wal[at] ^= data.draw(st.integers(1, 255))
        files.put_back()
        expected = self.base
        for end, moment in self.written:
            if end <= at:
                expected = moment
        self.recover(expected)

    @precondition(lambda self: self.shelved is not None and self.chunks)
    @rule(data=st.data())
    def truncate_main(self, data: st.DataObject) -> None:
        """Everything is in the main file, and a part of that is gone."""
        self.checkpoint()
        whole = self.base
        files = self.killed()
        files.wal.clear()
        del files.main[data.draw(st.integers(0, len(files.main) - 1)) :]
        files.put_back()
        self.detect(whole)

    @precondition(lambda self: self.shelved is not None and self.chunks)
    @rule(data=st.data())
    def flip_a_chunk(self, data: st.DataObject) -> None:
        """A byte of a chunk that is not settled, where the chunk stands in one piece."""
        self.live.outbox.write_cursor(0, None)
        self.checkpoint()
        files, whole = Files.of(self.path), self.base
        places = [
            (files.main.find(chunk.payload), len(chunk.payload))
            for chunk in self.live.outbox.chunks_after(0, ME, 10_000)
        ]
        places = [place for place in places if place[0] > 0]
        files = self.killed()
        files.wal.clear()
        if not places:
            files.put_back()
            self.recover(whole)
            return
        start, length = data.draw(st.sampled_from(places))
        files.main[start + data.draw(st.integers(0, length - 1))] ^= 1
        files.put_back()
        self.detect(whole, must=True)

    def killed(self) -> Files:
        """The files as they are now; SQLite's tidying up at the end does not happen."""
        files = Files.of(self.path)
        self.live.release()
        self.shelved = None
        return files

    def recover(self, expected: Moment) -> None:
        """The next start reads exactly what was durable, and ends it as it must be ended."""
        self.shelved = self.shelf.open(ME)
        assert self.shelved is not None
        assert self.moment() == expected
        assert recovery.fence(self.live.outbox, ME, 9) is not expected.fenced
        self.check_end(expected)
        self.live.release()
        self.shelved = None

    def check_end(self, before: Moment) -> None:
        outbox = self.live.outbox
        chunks = outbox.chunks_after(before.settled_seq, ME, 10_000)
        for chunk, following in pairwise(chunks):
            assert (following.first_seq, following.prev_hash) == (chunk.last_seq + 1, chunk.hash)
        assert all(chunk.verify() for chunk in chunks)
        for chunk in chunks:
            if chunk.last_seq <= before.last_seq:
                assert chunk == self.chunks[chunk.first_seq], "never another chunk"
        if before.fenced:
            return
        last = stream.chunk_entries(chunks[-1].payload)
        assert isinstance(last[-1], stream.FenceEntry)
        unknown = {o.seq for e in last if isinstance(e, stream.OutcomeEntry) for o in e.unknown}
        assert unknown == before.undecided
        sealed = [c for e in last if isinstance(e, stream.LeaseEntry) for c in e.changes]
        assert {c.lease: c.spent_micros for c in sealed} == before.open_leases
        assert outbox.open_leases() == []

    def detect(self, whole: Moment, *, must: bool = False) -> None:
        """The damage is found, or it has hit nothing: then everything is there."""
        try:
            self.shelved = self.shelf.open(ME)
            if self.shelved is None:
                return
            recovery.fence(self.live.outbox, ME, 9)
        except (OutboxError, *DAMAGE):
            return
        finally:
            if self.shelved is not None:
                self.shelved.release()
                self.shelved = None
        assert not must, "a flipped chunk was read"
        self.shelved = self.shelf.open(ME)
        assert self.shelved is not None
        self.check_end(whole)


OutboxMachine.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestOutbox = OutboxMachine.TestCase
