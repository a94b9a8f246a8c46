"""The outbox file on a real disk: what is written is read again, what is settled and old goes."""

from pathlib import Path

import apsw
import pytest

from bidder.banker import recovery
from bidder.banker.group import Batch
from bidder.banker.leases import LeaseRow
from bidder.banker.outbox import Outbox, OutboxError, read_identity
from bidder.banker.shelf import Shelf, Shelved
from rtbplatform.kernel import stream
from tests.unit.bidder.banker.test_book import ME, lease


def batch(first_seq: int, prev: bytes, *, ms: int = 0, undecided: int | None = None) -> Batch:
    entries = [stream.LossEntry(0, 1, "test"), stream.LossEntry(0, 2, "test")]
    chunk = stream.make_chunk(ME, first_seq, ms, prev, entries)
    rows = [LeaseRow(lease(first_seq), 5, "open")]
    return Batch(chunk, rows, [], undecided or first_seq + 2)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    made = Shelf(tmp_path, "this machine")
    made.prepare()
    return made


@pytest.fixture
def shelved(shelf: Shelf) -> Shelved:
    return shelf.create(ME, "region", "pod", 1)


@pytest.fixture
def outbox(shelved: Shelved) -> Outbox:
    return shelved.outbox


def fill(outbox: Outbox, count: int = 3) -> None:
    prev = stream.GENESIS_HASH
    for number in range(count):
        one = batch(number * 2 + 1, prev, ms=number)
        outbox.commit(one)
        prev = one.chunk.hash


def test_the_head_is_the_last_chunk(outbox: Outbox) -> None:
    assert outbox.head().last_seq == 0
    fill(outbox)
    assert (outbox.head().last_seq, outbox.head().undecided_from) == (6, 7)


def test_chunks_are_read_from_the_one_that_holds_the_next_entry(outbox: Outbox) -> None:
    fill(outbox)
    assert [chunk.first_seq for chunk in outbox.chunks_after(0, ME)] == [1, 3, 5]
    assert [chunk.first_seq for chunk in outbox.chunks_after(3, ME)] == [3, 5]
    assert [chunk.first_seq for chunk in outbox.chunks_after(4, ME)] == [5]
    assert outbox.chunks_after(6, ME) == []
    assert all(chunk.verify() for chunk in outbox.chunks_after(0, ME))


def test_only_what_is_settled_and_old_is_pruned(outbox: Outbox) -> None:
    fill(outbox)
    assert outbox.prune(before_ms=100) == 0
    outbox.write_cursor(4, None)
    assert outbox.prune(before_ms=1) == 1
    assert [chunk.first_seq for chunk in outbox.chunks_after(0, ME)] == [3, 5]


def test_the_last_chunk_stays_as_the_chain_goes_on_from_it(outbox: Outbox) -> None:
    fill(outbox)
    outbox.write_cursor(6, None)
    outbox.prune(before_ms=100)
    assert [chunk.first_seq for chunk in outbox.chunks_after(0, ME)] == [5]


def test_a_fenced_outbox_takes_nothing(outbox: Outbox) -> None:
    fill(outbox)
    assert recovery.fence(outbox, ME, 9)
    with pytest.raises(apsw.ConstraintError, match="fenced"):
        outbox.commit(batch(9, outbox.head().hash))


def test_a_fence_seals_what_is_open_and_is_written_once(outbox: Outbox) -> None:
    fill(outbox)
    assert recovery.fence(outbox, ME, 9)
    entries = stream.chunk_entries(outbox.chunks_after(6, ME)[0].payload)
    assert isinstance(entries[0], stream.LeaseEntry)
    assert [(c.kind, c.spent_micros) for c in entries[0].changes] == [("sealed", 5)] * 3
    assert isinstance(entries[-1], stream.FenceEntry)
    assert outbox.open_leases() == []
    assert not recovery.fence(outbox, ME, 10)


def test_a_broken_chain_is_never_fenced(outbox: Outbox) -> None:
    fill(outbox)
    outbox.commit(batch(7, b"x" * 32))
    with pytest.raises(OutboxError, match="damaged at 7"):
        recovery.fence(outbox, ME, 9)


def test_a_file_held_by_a_living_banker_is_left_alone(shelf: Shelf, shelved: Shelved) -> None:
    assert shelf.open(shelved.identity.incarnation) is None
    assert shelf.quarantined == 0


def test_a_file_of_another_machine_is_quarantined(tmp_path: Path, shelf: Shelf) -> None:
    shelf.create(ME, "region", "pod", 1).release()
    elsewhere = Shelf(tmp_path, "another machine")
    assert elsewhere.open(ME) is None
    assert elsewhere.quarantined == 1
    assert len(list((tmp_path / "quarantine").glob("*.sqlite"))) == 1


def test_a_file_under_a_wrong_name_is_quarantined(tmp_path: Path, shelf: Shelf) -> None:
    (tmp_path / "backup.sqlite").write_bytes(b"")
    assert shelf.abandoned() == []
    assert shelf.quarantined == 1


def test_an_abandoned_file_is_found_and_opened(shelf: Shelf) -> None:
    shelf.create(ME, "region", "pod", 1).release()
    assert shelf.abandoned() == [ME]
    found = shelf.open(ME)
    assert found is not None
    assert found.identity.pod == "pod"
    shelf.delete(found)
    assert shelf.abandoned() == []


def test_a_half_made_file_is_removed(tmp_path: Path, shelf: Shelf) -> None:
    (tmp_path / "0.new").write_bytes(b"")
    shelf.remove_half_made()
    assert list(tmp_path.glob("0.*")) == []


def test_reading_the_identity_changes_nothing(tmp_path: Path, shelf: Shelf) -> None:
    shelf.create(ME, "region", "pod", 1).release()
    (path,) = tmp_path.glob("*.sqlite")
    before = path.read_bytes()
    assert read_identity(path).machine == "this machine"
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "damage", ["spent = 4", "lease = x'00'", "crc = 0", "lease = zeroblob(length(lease))"]
)
def test_a_damaged_lease_row_is_never_sealed(outbox: Outbox, damage: str) -> None:
    fill(outbox)
    outbox._connection.execute(f"UPDATE lease SET {damage}")
    with pytest.raises(OutboxError, match="damaged"):
        recovery.fence(outbox, ME, 9)
    assert not outbox.is_fenced()


def test_an_outbox_of_another_version_is_not_guessed_at(outbox: Outbox) -> None:
    fill(outbox)
    outbox._connection.execute("ALTER TABLE lease DROP COLUMN crc")
    with pytest.raises(OutboxError, match="another version"):
        recovery.fence(outbox, ME, 9)


def test_what_lies_on_the_disk_is_told_with_what_are_only_copies(
    tmp_path: Path, shelf: Shelf
) -> None:
    shelf.create(ME, "region", "pod", 1).release()
    other = "0" * 8 + "-0000-4000-8000-" + "0" * 12
    for name in (f"{other}.sqlite", f"{other}.sqlite.again", "backup.sqlite"):
        (tmp_path / "quarantine" / name).touch()
    (tmp_path / "quarantine" / next(tmp_path.glob("*.sqlite")).name).touch()
    assert shelf.found() == [ME]
    assert [one.hex()[-12:] for one in shelf.copies()] == ["0" * 12]
