"""What must hold when everything is at rest: E1 to E10 per campaign-day and scope, against what really happened."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from billing.escrow.values import Day, LeaseState
from tests.simulation.truth import UNLIMITED, Limit
from tests.simulation.truth_disks import Debit
from tests.simulation.world import Violation

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation


def limit(amount: int | None, version: int = 0) -> Limit:
    return Limit(version, UNLIMITED if amount is None else amount)


def at_rest(simulation: Simulation) -> None:
    """Raises Violation."""
    _streams_are_settled(simulation)
    _days_add_up(simulation)
    _postings_are_what_was_spent(simulation)
    _charged_within_budget(simulation)
    _debits_once(simulation)
    _bills_captured(simulation)
    _seen_is_delivered(simulation)
    _asked_is_in_force(simulation)
    _totals_are_in_force(simulation)
    _chains(simulation)


def _streams_are_settled(simulation: Simulation) -> None:
    """E10: every stream has come to its end, but for those in quarantine."""
    db, truth = simulation.db, simulation.truth
    for incarnation, file in truth.files.items():
        known = db.incarnations.get(incarnation)
        if known is None:
            if file.chunks and incarnation not in simulation.people.lost_files:
                raise Violation("E10", "a stream was never settled", (incarnation,))
        elif known.state == "closed":
            if known.seq != file.head().last_seq:
                raise Violation("E10", "a stream was closed before its end", (incarnation,))
        elif known.state != "quarantined":
            raise Violation(
                "E10", f"{known.pod} is still {known.state} {known.alarm}", (incarnation,)
            )
    newest = db.newest_census()
    if newest is None or not newest.is_complete or newest.server != db.server():
        raise Violation("E10", f"the census is open: {newest}")


def _days_add_up(simulation: Simulation) -> None:
    """E2 down to leases and holds; E10: nothing is out any more."""
    db = simulation.db
    of_day: dict[object, list[LeaseState]] = defaultdict(list)
    for lease in db.leases.values():
        of_day[lease.key].append(lease)
    held: dict[object, int] = defaultdict(int)
    blocked: dict[object, int] = defaultdict(int)
    for hold in db.holds.values():
        if hold.state == "held":
            held[hold.key] += hold.amount
        elif hold.state == "quarantined":
            blocked[hold.key] += hold.amount
    for key, day in db.days.items():
        leases = of_day[key]
        leased = sum(one.rest for one in leases if one.state == "open")
        lost = sum(one.rest for one in leases if one.state == "quarantined")
        used = sum(one.settled - one.released for one in leases)
        sums = (leased, held[key], lost + blocked[key], used)
        rows = (day.leased, day.held, day.quarantined, day.settled + day.held + blocked[key])
        if sums != rows:
            raise Violation("E2", f"leases and holds say {sums}, the day {rows}: {day}", (key,))
        if day.leased or day.held:
            raise Violation("E10", f"still out: {day}", (key,))
        _nothing_quarantined(simulation, day)


def _nothing_quarantined(simulation: Simulation, day: Day) -> None:
    waiting = list(simulation.people.store.quarantines())
    if day.quarantined and not waiting:
        raise Violation("E10", f"quarantined without a quarantine: {day}", (day.key,))


def _postings_are_what_was_spent(simulation: Simulation) -> None:
    """E7."""
    db = simulation.db
    spent: dict[object, int] = defaultdict(int)
    lost: dict[object, int] = defaultdict(int)
    for place, amount in db.spent.items():
        spent[place[:3]] += amount
    for place, amount in db.losses.items():
        lost[place[:3]] += amount
    for key, day in db.days.items():
        posted = (spent[key], lost[key], db.forgiven.get(key, 0))
        rows = (day.settled, day.late, day.forgiven)
        if posted != rows:
            raise Violation("E7", f"posted {posted}, the day says {rows}: {day}", (key,))


def _charged_within_budget(simulation: Simulation) -> None:
    """E1, E6: what is charged, in every scope; and what the observer saw is charged, or the platform's loss."""
    db, truth = simulation.db, simulation.truth
    charged: dict[tuple[int, ...], int] = defaultdict(int)
    for key, day in db.days.items():
        for place in (key, key[:2], key[:1]):
            charged[place] += day.settled - day.forgiven
    for place, amount in charged.items():
        in_force = truth.limits.get(place)
        if in_force is not None and amount > in_force.amount:
            raise Violation("E1", f"{amount} charged in {place}, in force {in_force}", (place,))


def _seen_is_delivered(simulation: Simulation) -> None:
    """E6, R7: whatever the observer counted is settled, or the platform's loss, unless it waits in quarantine."""
    db, truth = simulation.db, simulation.truth
    contradicted = {truth.debits[debit_id].lines[0].campaign for debit_id, _ in truth.contradicted}
    for key, day in db.days.items():
        seen = truth.seen.get(key, 0)
        if seen > day.settled + day.late + day.quarantined and key[1] not in contradicted:
            raise Violation("E6", f"{seen} seen: {day}", (key,))


def _asked_is_in_force(simulation: Simulation) -> None:
    """E9: the last edit of every campaign is in force."""
    db = simulation.db
    for day in db.days.values():
        campaign = db.campaigns[day.campaign]
        is_now = day.starts_ms <= simulation.world.now < day.ends_ms
        if is_now and (day.version, day.asked) != (campaign.version, campaign.daily):
            raise Violation("E9", f"{campaign} is not in force: {day}", (day.key,))


def _totals_are_in_force(simulation: Simulation) -> None:
    """E9: and so is its total."""
    db = simulation.db
    for (advertiser, number), scope in db.totals.items():
        campaign = db.campaigns.get(number)
        days = [db.days[key] for key in db.days_of(advertiser, number)]
        is_now = any(day.ends_ms > simulation.world.now for day in days)
        if campaign is not None and is_now and scope.limit != campaign.total:
            raise Violation("E9", f"{campaign} has total {scope}", ((advertiser, number),))


def _debits_once(simulation: Simulation) -> None:
    """E6: what was seen is settled, once; the rest is void, unknown, or was lost on its way out."""
    db, truth = simulation.db, simulation.truth
    void_holds: dict[bytes, int] = defaultdict(int)
    for debit in truth.debits.values():
        _debit_is_settled(simulation, debit)
        if debit.hold_ms and debit.outcome == "void":
            for line in debit.lines:
                void_holds[line.lease] += line.amount_micros
    for lease_id, amount in truth.spent.items():
        lease: LeaseState | None = db.leases.get(lease_id)
        if lease is None and truth.granted[lease_id].incarnation in simulation.people.reconciled:
            continue  # granted in a history that was lost, to an outbox that was lost: the statement stands for it
        if lease is None:
            raise Violation("E6", "a lease with debits is not known", (lease_id,))
        # A hold that is void after its lease was sealed is released, not taken off.
        void = lease.settled - amount
        is_right = 0 <= void <= min(void_holds[lease_id], lease.released)
        if db.incarnations[lease.incarnation].state == "closed" and not is_right:
            raise Violation("E6", f"{amount} spent, settled is {lease}", (lease_id,))


def _debit_is_settled(simulation: Simulation, debit: Debit) -> None:
    db, truth = simulation.db, simulation.truth
    seen = debit.id in truth.heard_ms
    worker, life, banker = truth.given_up.get(debit.id, (None, 0, None))
    lived = worker is not None and worker.life == life and banker is not None and banker.is_alive
    if lived and debit.outcome != "void" and not debit.hold_ms:
        raise Violation("E6", "given up, and not void", (debit.id,))
    if seen and debit.outcome == "void":
        raise Violation("E6", "seen, and void", (debit.id,))
    known = db.incarnations.get(debit.incarnation)
    if known is None or known.state != "closed":
        return
    settled = db.debits.get((debit.incarnation, debit.seq))
    if settled is None or settled.debit_id != debit.id:
        raise Violation("E6", "a debit was not settled", (debit.id,))
    if not (seen or debit.outcome or debit.id in truth.sent_unseen):
        raise Violation("E6", "settled as sent, and nobody sent it", (debit.id,))


def _bills_captured(simulation: Simulation) -> None:
    """E1 on_billing_notice: a bill that was acknowledged within the horizon is captured, as it was billed."""
    db, truth = simulation.db, simulation.truth
    for (debit_id, imp), amount in truth.billed.items():
        debit = truth.debits[debit_id]
        hold = db.holds.get((debit_id, imp))
        known = db.incarnations.get(debit.incarnation)
        if known is None or known.state != "closed":
            continue
        if hold is None:
            raise Violation("E6", "a billed debit has no hold", (debit_id,))
        if hold.state == "quarantined" or hold.blocked_by:
            continue
        if hold.captured != amount and (debit_id, imp) not in truth.contradicted:
            raise Violation("E6", f"{amount} billed in time, {hold}", (debit_id,))


def _chains(simulation: Simulation) -> None:
    """E8: the audit trail has every stream from 1 to its cursor, each chunk after the one before."""
    db = simulation.db
    streams: dict[bytes, list[int]] = defaultdict(list)
    for incarnation, seq in db.chunks:
        streams[incarnation].append(seq)
    for incarnation, seqs in streams.items():
        following, digest = 1, bytes(32)
        for seq in sorted(seqs):
            chunk = db.chunks[incarnation, seq][0]
            if seq != following or chunk.prev_hash != digest:
                raise Violation("E8", f"a gap before {seq}", (incarnation,))
            following, digest = chunk.last_seq + 1, chunk.hash
        if db.incarnations[incarnation].seq != following - 1:
            raise Violation("E8", "the cursor is not the trail's end", (incarnation,))
