"""What the banker says of itself: its samples for Prometheus, its totals for the operator's console."""

from __future__ import annotations

from collections.abc import Iterator

from bidder.banker.book import LeaseBook
from bidder.banker.demand import Demand
from bidder.banker.exposition import Gauge
from bidder.banker.graveyard import Graveyard
from bidder.banker.group import Group
from bidder.banker.mail import Mail
from bidder.banker.numbers import Numbers
from bidder.banker.relay import Relay
from bidder.banker.shelf import Shelf
from bidder.banker.worker_metrics import WorkerMetrics
from rtbplatform.kernel.clock import Clock


class OwnNumbers:
    """Gathers them at the moment of asking; iterating gives the samples."""

    def __init__(
        self,
        *,
        numbers: Numbers,
        book: LeaseBook,
        demand: Demand,
        group: Group,
        mail: Mail,
        relay: Relay,
        shelf: Shelf,
        graveyard: Graveyard,
        workers: WorkerMetrics,
        clock: Clock,
    ) -> None:
        self._numbers = numbers
        self._book = book
        self._demand = demand
        self._group = group
        self._mail = mail
        self._relay = relay
        self._shelf = shelf
        self._graveyard = graveyard
        self._workers = workers
        self._clock = clock

    def totals(self) -> dict[str, int]:
        numbers = self._numbers
        return {
            "commits": numbers.commits,
            "entries": numbers.entries,
            "debits_refused": numbers.refused,
            "debits_void": numbers.voids,
            "debits_unknown": numbers.unknown,
            "events_lost": numbers.lost,
        }

    def relay_lag(self) -> int:
        """Entries that are committed and not settled yet, over all streams."""
        ends = {stream.incarnation: stream.outbox.head().last_seq for stream in self._relay.streams}
        return sum(ends[one.incarnation] - one.shipping.settled_seq for one in self._relay.streams)

    def __iter__(self) -> Iterator[Gauge]:
        yield from self._counters()
        yield from self._gauges()

    def _counters(self) -> Iterator[Gauge]:
        numbers, relay = self._numbers, self._relay
        for name, text, value in (
            ("rtb_banker_commits_total", "Group commits", numbers.commits),
            ("rtb_banker_entries_total", "Entries committed", numbers.entries),
            ("rtb_banker_payload_bytes_total", "Compressed bytes committed", numbers.payload_bytes),
            ("rtb_debits_refused_total", "Submits refused for lack of money", numbers.refused),
            ("rtb_debits_void_total", "Debits given up before a byte was sent", numbers.voids),
            ("rtb_debits_unknown_total", "Debits whose worker vanished", numbers.unknown),
            ("rtb_events_lost_total", "Events without money dropped by workers", numbers.lost),
            ("rtb_relay_shipped_bytes_total", "Bytes put into the mailbox", relay.shipped_bytes),
            ("rtb_relay_bad_mail_total", "Mail dropped: forged or unreadable", relay.bad_mail),
            (
                "rtb_relay_resends_total",
                "Times that a stream was sent again from its cursor",
                sum(stream.shipping.resends for stream in relay.streams),
            ),
            ("rtb_payers_overflown_total", "Campaigns not taken up", self._demand.overflown),
            (
                "rtb_metrics_overflown_total",
                "Workers' metrics not taken up",
                self._workers.overflown,
            ),
        ):
            yield Gauge(name, text, value, "counter")
        for verdict, number in self._mail.verdicts.items():
            labels = {"verdict": verdict.value}
            yield Gauge("rtb_leases_total", "Leases that came by mail", number, "counter", labels)
        for reason, number in self._mail.refusals.items():
            labels = {"reason": reason}
            yield Gauge("rtb_lease_refusals_total", "Refusals", number, "counter", labels)

    def _gauges(self) -> Iterator[Gauge]:
        fundable = sum(self._book.fundable_now(self._clock.boot_ms()).values())
        for name, text, value in (
            ("rtb_leases_open", "Leases open", self._book.open_count),
            ("rtb_payers", "Campaigns matched lately", self._demand.payer_count),
            ("rtb_fundable_micros", "What all campaigns could spend here now", fundable),
            ("rtb_debits_undecided", "Debits without outcome yet", len(self._group.debits)),
            ("rtb_relay_lag_entries", "Entries committed and not settled", self.relay_lag()),
            (
                "rtb_relay_under_way_bytes",
                "Bytes shipped and not settled",
                sum(stream.shipping.under_way_bytes for stream in self._relay.streams),
            ),
            ("rtb_redis_up", "Whether Redis answers", int(self._relay.is_up)),
            (
                "rtb_outboxes_recovering",
                "Dead incarnations being shipped",
                self._graveyard.recovering,
            ),
            ("rtb_outboxes_quarantined", "Outboxes put to quarantine", self._shelf.quarantined),
        ):
            yield Gauge(name, text, value)
