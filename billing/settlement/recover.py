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
from billing.escrow.quarantine import QuarantineError, lock_quarantined, reopen
from billing.escrow.store import SettlementStore
from billing.settlement.persons import given, signer
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
    off goes on where it was. Raises QuarantineError; a damaged file is found before any money moves.

    The person vouches that this file is the only one of its incarnation: of two copies, each would be settled.
    """
    person, why = signer(by), given(reason, "The reason")
    incarnation = _incarnation_of(path)
    with _open_locked(path, incarnation) as outbox:
        _begin(store, incarnation, outbox, now_ms, person, why)
        return _settle(store, incarnation, outbox, lease_key, now_ms)


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
        lock = stack.enter_context((folder / f"{uuid_text(incarnation)}.lock").open("ab"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise QuarantineError(f"A banker has {path.name} open: it is not lost.") from error
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
            lock_quarantined(store, incarnation)
        try:
            fence(outbox, incarnation, now_ms)
        except (OutboxError, apsw.Error) as error:
            raise _damaged(outbox.path, error) from error
        if known is not None and known.state == "open":
            return
        reopen(store, incarnation)
        SignOff.objects.create(
            kind=SignOff.Kind.RECOVER,
            subject=uuid_text(incarnation),
            requested_by=person,
            reason=reason,
            details={"file": str(outbox.path), "last_seq": outbox.head().last_seq},
        )


def _settle(
    store: SettlementStore, incarnation: bytes, outbox: Outbox, lease_key: bytes, now_ms: int
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
                f"Its stream cannot be settled beyond entry {seq}: see the alarm of this incarnation."
            )
        seq = cursor.settled_seq
    outbox.write_cursor(seq, now_ms)
    return Recovered(incarnation, seq, entries)
