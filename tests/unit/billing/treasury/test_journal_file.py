"""The journal's file: durable lines, shared by the treasuries of a region, damage put aside."""

from __future__ import annotations

from pathlib import Path

import pytest

from billing.escrow.journal import Life
from billing.treasury.journal_file import JournalFile, open_journal
from rtbplatform.kernel.environment import SettingsError


def life(number: int) -> Life:
    return Life(bytes([number]) * 16, "eu", "pod", "machine/disk/1", number)


def lives(path: Path) -> set[bytes]:
    file = JournalFile(path)
    try:
        return set(file.journal.lives())
    finally:
        file.close()


def test_a_new_treasury_reads_what_an_earlier_one_wrote(tmp_path: Path) -> None:
    file = JournalFile(tmp_path / "var" / "eu.journal")
    file.journal.registered(life(1))
    file.close()
    assert lives(tmp_path / "var" / "eu.journal") == {life(1).incarnation}


def test_two_treasuries_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "eu.journal"
    one, two = JournalFile(path), JournalFile(path)
    one.journal.registered(life(1))
    two.journal.registered(life(2))
    one.journal.refresh()
    assert one.journal.lives().keys() == {life(1).incarnation, life(2).incarnation}
    one.close()
    two.close()


def test_a_line_that_was_torn_is_cut_before_the_next_is_written(tmp_path: Path) -> None:
    path = tmp_path / "eu.journal"
    file = JournalFile(path)
    file.journal.registered(life(1))
    with path.open("ab") as torn:
        torn.write(b"0123 half a li")
    file.journal.registered(life(2))
    file.close()
    assert lives(path) == {life(1).incarnation, life(2).incarnation}


def test_a_damaged_journal_is_kept_and_a_new_one_begins(tmp_path: Path) -> None:
    path = tmp_path / "eu.journal"
    path.write_bytes(b"nonsense\nmore nonsense\n")
    file = JournalFile(path)
    assert file.journal.damage
    assert not file.journal.is_whole
    file.close()
    (kept,) = tmp_path.glob("*.damaged-*")
    assert kept.read_bytes().startswith(b"nonsense")
    assert lives(path) == set()


@pytest.mark.parametrize("place", ["taken/eu.journal", "folder", "."])
def test_a_place_that_cannot_be_written_is_refused_in_a_sentence_that_names_the_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_bytes(b"a file where a folder should be")
    (tmp_path / "folder").mkdir()
    with pytest.raises(
        SettingsError, match=rf"^TREASURY_JOURNAL must be a file .*'{place}': .*: name"
    ):
        open_journal(place)
