"""What a region's treasury remembers outside Postgres, so that a restored database can be told what it has lost.

Lines of text, each with a checksum, appended and durable before what they tell of happens: an incarnation before its
first lease, a budget before it is in force. Plain code over bytes; the file is `billing.treasury.journal_file`'s.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Iterable, Mapping

import msgspec

KEPT_MS = 72 * 3_600_000
"""Closed lives are remembered as long as bankers keep their outboxes: longer than the database's restore window."""


class Life(msgspec.Struct, frozen=True, tag="life"):
    """An incarnation that was registered."""

    incarnation: bytes
    region: str
    pod: str
    machine: str
    started_ms: int
    closed_ms: int | None = None
    """When its stream was known to be settled to its end."""


class Budgets(msgspec.Struct, frozen=True, tag="budgets"):
    """Budget versions that were brought into force, by campaign."""

    versions: dict[int, int]


class Regions(msgspec.Struct, frozen=True, tag="regions"):
    """Regions that had bankers: a database restored to before their first one does not know of them."""

    names: list[str]


class Whole(msgspec.Struct, frozen=True, tag="whole"):
    """From here on nothing is missing: it was the region's first start, or all that the database knew was written."""


Record = Life | Budgets | Regions | Whole
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Record).decode


class DamageError(Exception):
    """A journal with a line in its middle that is not as it was written."""


def encode(record: Record) -> bytes:
    """A line: checksum, space, JSON."""
    body = _encode(record)
    return b"%08x %s\n" % (binascii.crc32(body), body)


def decode(data: bytes) -> list[Record]:
    """All records. A last line that was torn by a crash is left out: what it told of had not happened yet.

    Raises DamageError for any other line that does not fit its checksum.
    """
    *lines, _torn = data.split(b"\n")
    records: list[Record] = []
    for number, line in enumerate(lines, start=1):
        record = _record(line)
        if record is not None:
            records.append(record)
        elif number < len(lines):
            raise DamageError(f"line {number} is not as it was written")
    return records


def _record(line: bytes) -> Record | None:
    """None when it is damaged; the last line may be, as its newline can reach the disk before the rest."""
    try:
        if int(line[:8], 16) == binascii.crc32(line[9:]):
            record: Record = _decode(line[9:])
            return record
    except ValueError:  # of int() or msgspec
        return None
    return None


class Journal:
    """A region's memory, and the lines to be appended to it. Its methods are called from several threads."""

    def __init__(
        self,
        append: Callable[[bytes], None],
        data: bytes | None,
        read: Callable[[], bytes] = bytes,
    ) -> None:
        """`append` makes a line durable before it returns. `data`: what was written before; None = nothing. `read`: what
        is written now, where others write too."""
        self._append = append
        self._read = read
        self._lives: dict[bytes, Life] = {}
        self._versions: dict[int, int] = {}
        self._regions: set[str] = set()
        self.is_whole = False
        """Otherwise it was lost, or is new: what it lacks must not be taken for what never was."""
        self.damage = ""
        self.in_hand: set[bytes] = set()
        """Incarnations that are being registered: written here, and in the database in a moment."""
        self.compared = 0
        """The census that it was compared with last; not written."""
        self._load(data or b"")

    def refresh(self) -> None:
        """Takes up what another treasury of the region has written."""
        self._load(self._read())

    def _load(self, data: bytes) -> None:
        try:
            for record in decode(data):
                self._apply(record)
        except DamageError as error:
            self.damage, self.is_whole = str(error), False

    def lives(self) -> dict[bytes, Life]:
        return dict(self._lives)

    def versions(self) -> dict[int, int]:
        """The newest budget version known of each campaign."""
        return dict(self._versions)

    def regions(self) -> set[str]:
        """All regions that are known to have had bankers, this one or others."""
        return self._regions | {life.region for life in self._lives.values()}

    def saw(self, regions: Iterable[str]) -> None:
        """Regions that have bankers now."""
        new = sorted(set(regions) - self._regions)
        if new:
            self._write(Regions(new))

    def registered(self, life: Life) -> None:
        """Before the incarnation is told that it is known. Once written it is not written again."""
        if life.incarnation not in self._lives:
            self._write(life)

    def closed(self, incarnation: bytes, now_ms: int) -> None:
        life = self._lives.get(incarnation)
        if life is not None and life.closed_ms is None:
            self._write(msgspec.structs.replace(life, closed_ms=now_ms))

    def budgets(self, versions: Mapping[int, int]) -> None:
        """Before the transaction that brings them into force."""
        newer = {key: no for key, no in versions.items() if no > self._versions.get(key, 0)}
        if newer:
            self._write(Budgets(newer))

    def whole(self) -> None:
        """Nothing is missing from now on."""
        if not self.is_whole:
            self._write(Whole())

    def compacted(self, now_ms: int) -> bytes:
        """All that is worth remembering, in as few lines as possible."""
        kept = [
            life
            for life in self._lives.values()
            if life.closed_ms is None or now_ms - life.closed_ms < KEPT_MS
        ]
        records: list[Record] = [*kept, Budgets(self._versions), Regions(sorted(self._regions))]
        if self.is_whole:
            records.append(Whole())
        return b"".join(encode(record) for record in records)

    def _write(self, record: Record) -> None:
        self._append(encode(record))
        self._apply(record)

    def _apply(self, record: Record) -> None:
        match record:
            case Life():
                self._lives[record.incarnation] = record
            case Budgets():
                for campaign, version in record.versions.items():
                    self._versions[campaign] = max(version, self._versions.get(campaign, 0))
            case Regions():
                self._regions.update(record.names)
            case Whole():
                self.is_whole = True
