"""Bugs in settlement."""

from __future__ import annotations

from tests.simulation.bugs.planting import bug

FOLD = "billing.settlement.fold:_Fold"
CLAIMS = "billing.settlement.claims"
RUN = "billing.settlement.settle:choose_run"

BUGS = (
    bug(
        "release_by_timer",
        "a lease past its term goes back without its seal",
        (
            "billing.treasury.rounds:Rounds.tick",
            "        self._mail.send((one, Inquire(leases)) for one, leases in late.items())",
            (
                "        from billing.escrow import coordinator\n"
                "        with store.transaction():\n"
                "            for lease in [one for leases in late.values() for one in leases]:\n"
                "                state = store.leases([lease.id])[lease.id]\n"
                "                day = store.lock_days([state.key])[state.key]\n"
                "                rows = store.lock_regions([state.key], state.region)\n"
                "                rest = state.give_back('sealed')\n"
                "                rows[state.key, state.region].unleased += rest\n"
                "                store.save_days([coordinator.move(day, 'leased', 'allocated', rest)])\n"
                "                store.save_regions(rows)\n"
                "                store.save_leases([state])"
            ),
        ),
    ),
    bug(
        "dedupe_off",
        "a chunk that comes again is settled again",
        (RUN, "if chunk.first_seq <= position.seq:", "if False:"),
        (RUN, "elif chunk.first_seq <= seq:", "elif False:"),
        (RUN, "elif chunk.prev_hash != previous:", "elif False:"),
        faults=("mail_doubled", "mail_late", "redis_restored"),
    ),
    bug(
        "gap_accepted",
        "a chunk is settled though one before it is missing",
        (RUN, "elif chunk.first_seq > seq + 1:", "elif False:"),
        (RUN, "elif chunk.prev_hash != previous:", "elif False:"),
        faults=("mail_dropped", "mail_swapped", "redis_emptied"),
    ),
    bug(
        "closed_at_any_end",
        "a fence gives back leases that the stream still spends",
        (f"{FOLD}._mark", "if entry.epoch == self.state.census:", "self._fence()\n    if False:"),
    ),
    bug(
        "marks_of_a_lost_history",
        "marks that a restore has lost count as settled",
        (f"{FOLD}._mark", "if entry.epoch == self.state.census:", "if True:"),
        faults=("postgres_restored", "postgres_failed_over", "mail_late"),
    ),
    bug(
        "void_credited_twice",
        "a void of a sealed lease goes back twice",
        (
            f"{FOLD}._undebit",
            "self.effects.give_back(lease, amount)",
            "self.effects.give_back(lease, 2 * amount)",
        ),
    ),
    bug(
        "unknown_is_credited",
        "what nobody knows of is given back at settlement",
        (
            f"{FOLD}._outcomes",
            "self._unknown(seq, outcome)",
            "self._void(seq, outcome)",
        ),
    ),
    bug(
        "void_stays_posted",
        "a void gives the money back and leaves the charge",
        (
            f"{FOLD}._void",
            "self.effects.spend(seq, (*lease.key, outcome.exchange), -line.amount_micros)",
            "pass",
        ),
    ),
    bug(
        "capture_above_hold",
        "a bill above its hold is captured whole",
        (
            f"{CLAIMS}:settle_claim",
            "bill = min(claim.bill_micros, hold.amount)",
            "bill = claim.bill_micros",
        ),
    ),
    bug(
        "loss_after_capture",
        "a loss notice releases what was captured",
        (
            "billing.settlement.fold:take_notice",
            "settle_claim(state, effects, seq, hold, claim)",
            (
                "hold.state = 'held' if claim.kind == 'loss' else hold.state\n"
                "        settle_claim(state, effects, seq, hold, claim)"
            ),
        ),
    ),
    bug(
        "late_bill_charged",
        "a bill after the horizon is the advertiser's",
        (
            f"{CLAIMS}:_bill_late",
            "effects.lose(seq, (*hold.key, hold.exchange), bill)",
            "effects.spend(seq, (*hold.key, hold.exchange), bill)",
        ),
    ),
    bug(
        "orphans_forgotten",
        "a notice that is settled before its debit is dropped",
        ("billing.settlement.fold:take_notice", "effects.parked.append(orphan)", "pass"),
        ("billing.settlement.fold:take_notice", "waiting.append(orphan)", "pass"),
    ),
    bug(
        "hold_released_at_its_seal",
        "a hold counts as settled spend when it is placed",
        (
            f"{FOLD}._debit",
            "        if entry.hold_ms:\n            day.held += amount",
            "        if False:\n            day.held += amount",
        ),
    ),
    bug(
        "horizon_on_the_wrong_clock",
        "a hold's horizon is over when it is settled",
        (f"{CLAIMS}:_new_hold", "horizon_ms=entry.hold_ms", "horizon_ms=1"),
    ),
    bug(
        "mark_before_its_notices",
        "a mark counts from the moment its stream is looked at, before the notices in front of it",
        (
            "billing.settlement.settle:_settle",
            "incarnation.mark, incarnation.epoch = loaded.state.mark, loaded.state.epoch",
            "incarnation.mark, incarnation.epoch = store.newest_mark(), loaded.state.epoch",
        ),
    ),
    bug(
        "loss_pays_nothing_back",
        "a released hold stays out of its lease's return",
        (
            f"{CLAIMS}:give_back",
            "lease.released += part",
            "lease.released += 0",
        ),
    ),
)
