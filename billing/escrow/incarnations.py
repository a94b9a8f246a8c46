"""Registers bankers' lives and tells where their streams stand (R2, R6); misses outboxes that are gone."""

from __future__ import annotations

from msgspec import Struct

from billing.escrow import census
from billing.escrow.journal import Journal, Life
from billing.escrow.quarantine import quarantine
from billing.escrow.store import EscrowStore, SettlementStore
from billing.escrow.values import Incarnation
from rtbplatform.kernel.ids import uuid_text
from rtbplatform.kernel.wire import Cursor, Register


class Registration(Struct, frozen=True):
    cursor: Cursor
    is_new: bool


def register(
    store: SettlementStore, journal: Journal, message: Register, region: str
) -> Registration:
    """Makes the incarnation known, once, and says where its stream stands. Raises what store and journal raise.

    It is in the journal before the banker hears of it, and so before its first lease.
    """
    life = Life(message.incarnation, region, message.pod, message.machine, message.started_ms)
    if not journal.is_whole and not store.knows_region(region):
        journal.whole()  # the region's first banker: nothing can be missing
    # What the database does not know although it was written down, or cannot be told from that, was lost.
    is_lost = message.incarnation in journal.lives() or (
        message.last_seq > 0 and not journal.is_whole
    )
    journal.in_hand.add(life.incarnation)
    try:
        journal.registered(life)
        known = _find(store, life.incarnation)
        is_new = known is None and _insert(store, life, message, is_lost=is_lost)
        if known is None:
            known = _find(store, life.incarnation)
    finally:
        journal.in_hand.discard(life.incarnation)
    assert known is not None  # nobody deletes one
    if message.epoch > known.epoch:
        census.outgrow(store, message.epoch)
    _look_for_lost(store, message, known)
    return Registration(Cursor(known.id, known.seq, known.state), is_new)


def _find(store: EscrowStore, incarnation: bytes) -> Incarnation | None:
    with store.transaction():
        return store.lock_incarnations([incarnation], exclusive=False).get(incarnation)


def _insert(store: EscrowStore, life: Life, message: Register, *, is_lost: bool) -> bool:
    """A lost one is waited for by the census: grants stop until its stream has come again."""
    with store.transaction():
        new = census.lost(life)
        if is_lost:
            census.reopen(store)
        else:
            # Its epoch stays 0: it is sent the newest mark, and with it rouses the dead outboxes on its disk, which
            # a census may wait for. What its stream holds already must be settled before a hold is released; there is
            # no lease in it.
            new.mark = 0 if message.last_seq else store.newest_mark()
        return store.insert_incarnation(new)


def _look_for_lost(store: SettlementStore, message: Register, own: Incarnation) -> None:
    for copy in message.copies:
        store.alarm(
            "outbox_copy",
            uuid_text(copy),
            f"the outbox on {message.machine} of {message.pod} is a copy, a clone or damaged: it was put aside there",
        )
    if message.found is None or own.state != "open":
        return
    for one in store.unclosed(own.region):
        # Mail may be old: a banker cannot have found the outbox of one that came after it. Which came first the database
        # knows; the machine's calendar may have gone back in between.
        is_older = one.pod == message.pod and one.registered_us < own.registered_us
        if is_older and one.id not in message.found and one.id not in message.copies:
            _missed(store, message, one)


def _missed(store: SettlementStore, message: Register, one: Incarnation) -> None:
    """An unclosed stream of this pod whose outbox its banker does not find."""
    if _disk(one.machine) != _disk(message.machine):
        text = f"its pod {one.pod} runs on another machine or disk now: its outbox is not there"
        store.alarm("outbox_elsewhere", uuid_text(one.id), text)
        return
    text = f"its outbox on {one.machine} was deleted: {one.pod} lives there and does not find it"
    quarantine(store, one.id, reason=text)
    store.alarm("outbox_lost", uuid_text(one.id), text)


def _disk(machine: str) -> str:
    """Machine and file system of an outbox's identity (machine/file system/inode)."""
    return machine.rpartition("/")[0]


def open_cursors(store: EscrowStore, region: str) -> list[Cursor]:
    """Of all streams of a region that may still grow."""
    return [
        Cursor(one.id, one.seq, one.state) for one in store.unclosed(region) if one.state == "open"
    ]


def regions_open(store: EscrowStore) -> int:
    """In how many regions there are bankers; at least 1."""
    return max(1, len({one.region for one in store.unclosed() if one.state == "open"}))
