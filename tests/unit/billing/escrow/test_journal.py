"""The region's journal: what was written is remembered, a torn end is cut, damage is not taken for silence."""

from __future__ import annotations

import pytest

from billing.escrow.journal import KEPT_MS, DamageError, Journal, Life, decode, encode

LIFE = Life(b"1" * 16, "eu", "pod", "machine/disk/1", 5)


class Disk:
    """A file as bytes."""

    def __init__(self) -> None:
        self.data = b""

    def append(self, line: bytes) -> None:
        self.data += line

    def journal(self) -> Journal:
        """Read again, as after a start."""
        return Journal(self.append, self.data or None)


@pytest.fixture
def disk() -> Disk:
    """A life, a budget, and that nothing is missing."""
    made = Disk()
    journal = made.journal()
    journal.registered(LIFE)
    journal.budgets({7: 3})
    journal.whole()
    return made


def test_what_was_written_is_remembered(disk: Disk) -> None:
    journal = disk.journal()
    assert journal.lives() == {LIFE.incarnation: LIFE}
    assert journal.versions() == {7: 3}
    assert journal.is_whole


def test_a_journal_that_is_not_there_is_not_whole() -> None:
    assert not Disk().journal().is_whole


def test_a_journal_begun_anew_is_not_whole_until_it_is_said_to_be() -> None:
    disk = Disk()
    disk.journal().registered(LIFE)
    assert not disk.journal().is_whole


def test_what_is_known_is_not_written_again(disk: Disk) -> None:
    before = disk.data
    journal = disk.journal()
    journal.registered(LIFE)
    journal.budgets({7: 2})
    journal.whole()
    assert disk.data == before


def test_a_newer_budget_is_written(disk: Disk) -> None:
    disk.journal().budgets({7: 4, 8: 1})
    assert disk.journal().versions() == {7: 4, 8: 1}


def test_nothing_is_remembered_that_could_not_be_written() -> None:
    def refuse(_: bytes) -> None:
        raise OSError("no space left on device")

    journal = Journal(refuse, None)
    with pytest.raises(OSError, match="no space"):
        journal.registered(LIFE)
    assert journal.lives() == {}


@pytest.mark.parametrize("cut", range(1, 20, 3))
def test_a_torn_last_line_is_left_out(disk: Disk, cut: int) -> None:
    whole = disk.data
    disk.append(encode(Life(b"2" * 16, "eu", "pod", "machine", 6))[:-cut])
    assert disk.journal().lives().keys() == {LIFE.incarnation}
    assert disk.journal().is_whole
    assert decode(disk.data) == decode(whole)


def test_damage_before_the_end_is_told(disk: Disk) -> None:
    disk.data = disk.data.replace(b"disk/1", b"disk/2", 1)
    with pytest.raises(DamageError, match="line 1"):
        decode(disk.data)
    assert not disk.journal().is_whole
    assert disk.journal().damage


def test_compacted_it_says_the_same(disk: Disk) -> None:
    before = disk.journal()
    disk.data = before.compacted(0)
    after = disk.journal()
    assert (after.lives(), after.versions(), after.is_whole) == (
        before.lives(),
        before.versions(),
        True,
    )


def test_a_closed_life_is_remembered_as_long_as_its_outbox_is_kept(disk: Disk) -> None:
    disk.journal().closed(LIFE.incarnation, 1_000)
    disk.data = disk.journal().compacted(1_000 + KEPT_MS - 1)
    assert LIFE.incarnation in disk.journal().lives()
    disk.data = disk.journal().compacted(1_000 + KEPT_MS)
    assert disk.journal().lives() == {}


def test_regions_that_were_seen_are_remembered_once() -> None:
    lines: list[bytes] = []
    journal = Journal(lines.append, None)
    journal.saw({"eu", "us"})
    journal.saw({"us"})
    assert len(lines) == 1
    assert Journal(lines.append, b"".join(lines)).regions() == {"eu", "us"}
    assert Journal(lines.append, journal.compacted(0)).regions() == {"eu", "us"}
