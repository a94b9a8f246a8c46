"""Bugs in the banker and in the worker that speaks to it."""

from __future__ import annotations

from tests.simulation.bugs.planting import bug

BOOK = "bidder.banker.book:LeaseBook"
GROUP = "bidder.banker.group:Group"

BUGS = (
    bug(
        "answer_before_fsync",
        "workers are told of a debit before it is durable",
        (
            "bidder.banker.group:commit",
            (
                "    outbox.commit(batch)\n    for connection, acks in group.committed(batch).items():\n"
                "        replies.acknowledge(connection, acks)\n"
            ),
            (
                "    for connection, acks in group.committed(batch).items():\n"
                "        replies.acknowledge(connection, acks)\n    outbox.commit(batch)\n"
            ),
        ),
    ),
    bug(
        "trust_a_stale_copy",
        "a lease that comes again is accepted again",
        (f"{BOOK}.accept", "if day.knows(lease.no):", "if False:"),
        (f"{BOOK}.accept", "lease.no <= day.high_water or ", ""),
    ),
    bug(
        "accept_without_tombstone",
        "a lease that was tombstoned on inquiry can still be accepted when its mail comes late",
        (f"{BOOK}._tombstone", "self._decide(lease, day)", "pass"),
        (f"{BOOK}.accept", "lease.no <= day.high_water or ", ""),
        (f"{BOOK}.accept", "or not usable", ""),
        faults=("mail_late", "mail_doubled", "redis_restored", "banker_paused"),
    ),
    bug(
        "sealed_lease_spent",
        "a lease is sealed in the stream and stays in the book",
        (f"{BOOK}._seal", "del self._open[lease.id]\n", "pass\n"),
        (
            f"{BOOK}._seal",
            "    self._of_campaign[lease.campaign].remove(held)\n",
            "    return lease_change('sealed', lease, held.spent_micros)\n",
        ),
    ),
    bug(
        "day_taken_at_arrival",
        "a debit is stamped with the newest day that the campaign has here, not with its lease's",
        (
            f"{BOOK}._fund",
            "DebitLine(want.imp, lease.advertiser, lease.campaign, day, lease.id, part)",
            (
                "DebitLine(want.imp, lease.advertiser, lease.campaign,"
                " self._of_campaign[want.campaign][-1].lease.day, lease.id, part)"
            ),
        ),
    ),
    bug(
        "same_money_twice_in_one_request",
        "two imps of a request are funded from the same rest of a lease",
        (f"{BOOK}._fund", "held.left_micros - taken.get(lease.id, 0)", "held.left_micros"),
    ),
    bug(
        "refused_request_stays_debited",
        "what could be funded of a refused request stays debited in the book",
        (
            f"{BOOK}.debit",
            (
                "    if unfundable:\n        return [], unfundable\n    for line in lines:\n"
                "        self._move(self._open[line.lease], line.amount_micros)\n    return lines, []"
            ),
            (
                "    for line in lines:\n        self._move(self._open[line.lease], line.amount_micros)\n"
                "    return ([], unfundable) if unfundable else (lines, [])"
            ),
        ),
    ),
    bug(
        "unknown_treated_as_void",
        "debits of a worker that died are credited, though their answers may have been sent",
        (
            f"{GROUP}.worker_gone",
            "self._void(void, unknown)",
            "self._void([*void, *unknown], [])",
        ),
    ),
    bug(
        "recovery_makes_unknown_void",
        "recovery credits debits whose outcome nobody knows",
        (
            "bidder.banker.recovery:last_batch",
            "OutcomeEntry([], [], unknown)",
            "OutcomeEntry([], unknown, [])",
        ),
        faults=("banker_killed", "power_cut", "fsync_error"),
    ),
    bug(
        "recovery_forgets_debits",
        "recovery seals leases as if nothing had been spent on them",
        (
            "bidder.banker.recovery:last_batch",
            'lease_change("sealed", row.lease, row.spent_micros)',
            'lease_change("sealed", row.lease, 0)',
        ),
    ),
    bug(
        "seal_forgets_debits",
        "a seal says that less was spent",
        (
            f"{BOOK}._seal",
            'return lease_change("sealed", lease, held.spent_micros)',
            'return lease_change("sealed", lease, held.spent_micros // 2)',
        ),
    ),
    bug(
        "seal_before_the_last_debit",
        "changes of leases go to the front of the group, before debits that are on them",
        (
            f"{GROUP}.lease_changes",
            "        self._add(LeaseEntry(wall_ms, list(changes)), 0)",
            "        self._entries.insert(0, LeaseEntry(wall_ms, list(changes)))",
        ),
    ),
    bug(
        "late_commit_is_not_void",
        "a debit that came after the exchange got its no-bid is kept",
        (
            "bidder.reserve.promises:Promises.answered",
            "if debit.given_up and isinstance(answer, ipc.Committed):",
            "if False:",
        ),
        faults=("banker_paused", "worker_paused"),
    ),
    bug(
        "notice_acknowledged_and_lost",
        "a notice gets its 200 and is not in the stream",
        (
            f"{GROUP}.notice",
            "self._add(entry, len(message.event))",
            "self._add(LossEntry(0, 1, ''), 0)",
        ),
    ),
    bug(
        "epoch_not_checked",
        "a lease of before a census is accepted after it",
        (f"{BOOK}.accept", "if lease.epoch < self.epoch:", "if False:"),
        faults=("postgres_failed_over", "postgres_failed_over", "mail_late"),
    ),
    bug(
        "two_voids",
        "a void is credited twice in the stream's book",
        (
            f"{BOOK}.void",
            "self._move(held, -line.amount_micros)",
            "self._move(held, -min(2 * line.amount_micros, held.spent_micros))",
        ),
    ),
    bug(
        "last_chunk_not_chained",
        "the chain goes on from the chunk before the last after a restart of the group",
        (
            f"{GROUP}.committed",
            "self.durable_seq, self._hash = batch.chunk.last_seq, batch.chunk.hash",
            "self.durable_seq, self._hash = batch.chunk.last_seq, batch.chunk.prev_hash",
        ),
    ),
)
