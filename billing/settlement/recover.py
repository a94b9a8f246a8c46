"""Settles a quarantined outbox that was found after all, on the machine that has the file."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import apsw
from django.db import transaction
from msgspec import Struct

from bidder.banker.outbox import Outbox, OutboxError, read_identity
from bidder.banker.recovery import fence
from bidder.banker.shelf import QUARANTINE
from billing.escrow.models import SignOff
from billing.escrow.quarantine import QuarantineError, lock_quarantined, quarantine, reopen
from billing.escrow.store import SettlementStore
from billing.escrow.values import Incarnation
from billing.settlement.persons import clear_alarms_of, given, signer
from billing.settlement.settle import settle_chunks
from rtbplatform.kernel.ids import uuid_text


class Recovered(Struct, frozen=True):
    incarnation: bytes
    settled_seq: int
    entries: int
    """Settled now."""


def recover(
    store: SettlementStore, path: Path, lease_key: bytes, now_ms: int, *, by: str, reason: str
) -> Recovered:
    """Fences the file, takes its incarnation out of quarantine, settles its stream to its end. A recovery that broke
    off goes on where it was. Raises QuarantineError; a damaged or older file is found before any money moves, and a
    stream that cannot be settled to its end is back in quarantine.

    The person vouches that this file is the only one of its incarnation: of two copies, each would be settled.
    """
    person, why = signer(by), given(reason, "The reason")
    incarnation = _incarnation_of(path)
    with _open_locked(path, incarnation) as outbox:
        _begin(store, incarnation, outbox, now_ms, person, why)
        try:
            done = _settle(store, incarnation, outbox, lease_key)
        except BaseException:
            # Never left open: what it has would be free once somebody settles another file's fence.
            quarantine(store, incarnation, reason="its recovery failed")
            raise
        clear_alarms_of(incarnation)
        outbox.write_cursor(done.settled_seq, now_ms)
        return done


def _incarnation_of(path: Path) -> bytes:
    if not path.is_file():
        raise QuarantineError(f"There is no file {path}.")
    try:
        return read_identity(path).incarnation
    except OutboxError as error:
        raise QuarantineError(
            f"{error}. It cannot be recovered: write its incarnation off."
        ) from error


@contextmanager
def _open_locked(path: Path, incarnation: bytes) -> Iterator[Outbox]:
    """The outbox, while no banker has it: a banker holds the lock beside its files for life."""
    with ExitStack() as stack:
        folder = path.parent.parent if path.parent.name == QUARANTINE else path.parent
        beside = folder / f"{uuid_text(incarnation)}.lock"
        was_there = beside.exists()
        lock = stack.enter_context(beside.open("ab"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise QuarantineError(f"A banker has {path.name} open: it is not lost.") from error
        if not was_there:
            stack.callback(beside.unlink, missing_ok=True)
        try:
            outbox = Outbox(path)
        except apsw.Error as error:
            raise _damaged(path, error) from error
        stack.callback(outbox.close)
        yield outbox


def _damaged(path: Path, error: Exception) -> QuarantineError:
    return QuarantineError(
        f"{path.name} cannot be read to its end: {error}. Nothing was changed; write its incarnation off."
    )


def _begin(
    store: SettlementStore,
    incarnation: bytes,
    outbox: Outbox,
    now_ms: int,
    person: str,
    reason: str,
) -> None:
    with transaction.atomic():
        known = store.lock_incarnations([incarnation], exclusive=True).get(incarnation)
        if known is None or known.state != "open" or not outbox.is_fenced():
            known = lock_quarantined(store, incarnation)
        _compare(outbox, known)
        try:
            fence(outbox, incarnation, now_ms)
        except (OutboxError, apsw.Error) as error:
            raise _damaged(outbox.path, error) from error
        if known.state == "open":
            return
        reopen(store, incarnation)
        SignOff.objects.create(
            kind=SignOff.Kind.RECOVER,
            subject=uuid_text(incarnation),
            requested_by=person,
            reason=reason,
            details={"file": str(outbox.path), "last_seq": outbox.head().last_seq},
        )


def _compare(outbox: Outbox, known: Incarnation) -> None:
    """Raises QuarantineError unless the file goes on from what the ledger has settled: fencing an older copy would free
    what only the newer file has debited."""
    end = outbox.head().last_seq
    if end < known.seq:
        raise QuarantineError(
            f"This file ends at entry {end}; the ledger has settled {known.seq} already: it is an older copy. "
            "Look for the newest file."
        )
    first = next(iter(outbox.chunks_after(max(known.seq - 1, 0), known.id, limit=1)), None)
    if first is None:
        return
    if first.first_seq > known.seq + 1:
        raise QuarantineError(
            f"This file begins at entry {first.first_seq}; the ledger has settled up to {known.seq}: "
            "what is between is missing. Look for the file that has it."
        )
    is_last_settled = first.last_seq == known.seq and first.hash == known.hash
    is_next = first.first_seq == known.seq + 1 and first.prev_hash == known.hash
    if not (is_last_settled or is_next):
        raise QuarantineError(
            f"This file has another entry {known.seq} than the ledger has settled: it is a copy that went its own way. "
            "Look for the file that the ledger knows."
        )


def _settle(
    store: SettlementStore, incarnation: bytes, outbox: Outbox, lease_key: bytes
) -> Recovered:
    with store.transaction():
        seq = store.lock_incarnations([incarnation], exclusive=False)[incarnation].seq
    entries = 0
    while chunks := outbox.chunks_after(seq, incarnation):
        settled = settle_chunks(store, chunks, lease_key)
        entries += settled.entries
        cursor = settled.cursor
        if cursor is None or cursor.state == "stopped" or cursor.settled_seq <= seq:
            raise QuarantineError(
                f"Its stream cannot be settled beyond entry {seq}: see the alarm of this incarnation. "
                "It is in quarantine again."
            )
        seq = cursor.settled_seq
    with store.transaction():
        state = store.lock_incarnations([incarnation], exclusive=False)[incarnation].state
    if state != "closed":
        raise QuarantineError(
            f"It is settled up to entry {seq}, but the end of its stream (the fence) is missing: it is {state}. "
            "It is in quarantine again."
        )
    return Recovered(incarnation, seq, entries)
