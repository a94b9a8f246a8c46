"""The census: after every start, fail-over or restore of Postgres nothing is granted until everybody was heard.

Postgres cannot know what a restore has taken from it; bankers' disks and the regions' journals do. A census is a mark
with an epoch: regions compare their journals, streams are settled through the mark, and leases of earlier epochs are no
longer accepted. Only then money moves again. When nothing was lost that takes a second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from billing.escrow.journal import KEPT_MS, Journal, Life
from billing.escrow.store import EscrowStore
from billing.escrow.values import Census, Incarnation


def step(
    store: EscrowStore,
    journal: Journal,
    region: str,
    reconcile: Callable[[], object],
    now_ms: int,
) -> bool:
    """What this region can do for the census now; whether money may move. `reconcile` brings freezes into force.

    Raises what store and journal raise: the next tick goes on where this one ended.
    """
    with store.transaction():
        gate = store.gate()
    if gate.is_open and journal.compared == gate.epoch:
        _remember(store, journal, region, now_ms)
        return True
    census = _newest(store)
    journal.refresh()
    if journal.compared != census.no and _compare(store, journal, region, census):
        reconcile()
        _join(store, journal, region, census)
        journal.compared = census.no
    if not is_ready(census, store.unclosed()):
        return False
    # Streams that were settled since may have frozen campaigns; none of them can adopt a lease any more.
    reconcile()
    return _complete(store, census)


def is_ready(census: Census, unclosed: Sequence[Incarnation]) -> bool:
    """Whether every region that is known, or has unclosed streams, has compared its journal, and all streams have settled
    the mark."""
    return census.awaits <= census.regions and all(
        one.region in census.regions and one.epoch >= census.no for one in unclosed
    )


def reopen(store: EscrowStore) -> None:
    """An incarnation turned up that the database had lost: wait for it. In a transaction; waits for all grants."""
    census = store.lock_census()
    if census is not None and census.is_complete:
        census.is_complete = False
        store.save_census(census)


def outgrow(store: EscrowStore, epoch: int) -> None:
    """A banker knows a newer census than the database, which has lost it: another one is opened, above it."""
    with store.transaction():
        census = store.lock_census()
        if census is not None and census.no < epoch:
            store.open_census(store.server(), above=epoch)


def _newest(store: EscrowStore) -> Census:
    """The census of this start of Postgres, opened if nobody has yet."""
    with store.transaction():
        census, server = store.lock_census(), store.server()
        if census is None or census.server != server:
            census = store.open_census(server)
        return census


def _compare(store: EscrowStore, journal: Journal, region: str, census: Census) -> bool:
    """Puts back what the database has lost; False when a person must say what there was."""
    if not journal.is_whole and region not in census.regions and store.knows_region(region):
        store.alarm(
            "census_journal",
            region,
            f"{journal.damage or 'There is no journal'}: confirm that nothing of {region} was lost with a restore, "
            f"or that all its bankers are running (manage.py confirm_census {region})",
        )
        return False
    with store.transaction():
        newest = store.lock_census()
        if _insert_lost(store, journal) and newest is not None and newest.is_complete:
            newest.is_complete = False
            store.save_census(newest)
    _freeze_outdated(store, journal)
    return True


def _insert_lost(store: EscrowStore, journal: Journal) -> int:
    """Lives that the database does not know, closed ones too: what they had settled is lost as well."""
    lives = {one: life for one, life in journal.lives().items() if one not in journal.in_hand}
    known = store.lock_incarnations(lives.keys(), exclusive=False) if lives else {}
    return sum(
        store.insert_incarnation(lost(life))
        for one, life in sorted(lives.items())
        if one not in known
    )


def lost(life: Life) -> Incarnation:
    """An incarnation as it is put back: its whole stream is to come again, and everybody waits for it."""
    return Incarnation(life.incarnation, life.region, life.pod, life.machine, life.started_ms)


def _freeze_outdated(store: EscrowStore, journal: Journal) -> None:
    """A campaign of which a newer budget was in force than its row says gets nothing until a person confirms one."""
    versions = journal.versions()
    known = store.budget_versions(versions.keys()) if versions else {}
    for campaign, version in sorted(versions.items()):
        if version > known.get(campaign, version):
            reason = f"budget version {version} was in force, the database has {known[campaign]}"
            with store.transaction():
                store.freeze(campaign, version, reason)
            store.alarm("budget_frozen", f"campaign {campaign}", reason)


def _join(store: EscrowStore, journal: Journal, region: str, census: Census) -> None:
    with store.transaction():
        newest = store.lock_census()
        if newest is not None and newest.no == census.no:
            newest.regions.add(region)
            newest.awaits |= journal.regions()
            store.save_census(newest)
            census.regions, census.awaits = newest.regions, newest.awaits


def _complete(store: EscrowStore, census: Census) -> bool:
    with store.transaction():
        newest = store.lock_census()
        if newest is None or newest.no != census.no or not is_ready(newest, store.unclosed()):
            return False
        if not newest.is_complete:
            newest.is_complete = True
            store.save_census(newest)
        return True


def _remember(store: EscrowStore, journal: Journal, region: str, now_ms: int) -> None:
    """While the database is known to be right the journal learns from it: what is missing in it, and who has closed."""
    if not journal.is_whole:
        for one in store.recent(region, now_ms - KEPT_MS):
            journal.registered(Life(one.id, region, one.pod, one.machine, one.started_ms))
        journal.budgets(store.budget_versions())
        journal.whole()
    unclosed = store.unclosed()
    journal.saw({one.region for one in unclosed})
    running = {one.id for one in unclosed if one.region == region}
    gone = [
        one
        for one, life in journal.lives().items()
        if life.closed_ms is None and one not in running
    ]
    if not gone:
        return
    with store.transaction():
        states = store.lock_incarnations(gone, exclusive=False)
    for incarnation in states.values():
        if incarnation.state == "closed":
            journal.closed(incarnation.id, now_ms)
