"""Mistakes of ours in the bid path: each kind logged once with its traceback, all counted, none an exchange's problem."""

from __future__ import annotations

import logging

from bidder.metrics import Metrics, sample

KINDS_MAX = 200

log = logging.getLogger(__name__)


class Unexpected:
    """A kind is where it happened, the exception's class and its line."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._known: set[tuple[str, str, int]] = set()

    def note(self, where: str, error: BaseException) -> None:
        """Counts it; logs the first of its kind."""
        name = type(error).__name__
        self._metrics.count(sample("rtb_unexpected_total", kind=name))
        traceback = error.__traceback__
        while traceback is not None and traceback.tb_next is not None:
            traceback = traceback.tb_next
        kind = (where, name, traceback.tb_lineno if traceback else 0)
        if kind not in self._known and len(self._known) < KINDS_MAX:
            self._known.add(kind)
            log.error("unexpected, in %s (logged once)", where, exc_info=error)
