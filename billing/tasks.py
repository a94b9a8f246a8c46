"""Jobs of the money side. All of them derive their work from Postgres, so that running one twice changes nothing."""

from __future__ import annotations

import time

import structlog
from celery import shared_task
from django.conf import settings
from django_scopes import scopes_disabled

from billing.audit.chain import verify_new
from billing.escrow import upkeep
from billing.escrow.alarms import clear_alarms, raise_alarm
from billing.escrow.postgres import PgEscrowStore
from billing.invariants import find_violations
from rtbplatform.kernel.calendar import BudgetCalendar
from rtbplatform.kernel.protocol import ProtocolTimes
from rtbplatform.outbox.consume import prune

log = structlog.get_logger(__name__)


@shared_task(name="billing.check_invariants")
def check_invariants() -> int:
    """Looks at what is still moving; an alarm for each violation. Returns how many."""
    return _alarm_violations(moving_only=True)


@shared_task(name="billing.check_all_invariants")
def check_all_invariants() -> int:
    """Looks at everything."""
    return _alarm_violations(moving_only=False)


def _alarm_violations(*, moving_only: bool) -> int:
    violations = find_violations(moving_only=moving_only)
    kind = "invariant" if moving_only else "invariant_full"
    subjects = []
    for violation in violations:
        subject = f"{violation.invariant}: {violation.subject}"[:200]
        raise_alarm(kind, subject, violation.text)
        subjects.append(subject)
    clear_alarms(kind, subjects)
    return len(violations)


@shared_task(name="billing.verify_new_audit")
def verify_new_audit() -> int:
    """Recomputes the hash chains of what was settled since the last run; an alarm for each broken stream."""
    problems = verify_new()
    for report in problems:
        raise_alarm("audit_chain", report.incarnation, report.problem)
    clear_alarms("audit_chain", [report.incarnation for report in problems])
    return len(problems)


@shared_task(name="billing.close_past_days")
@scopes_disabled()
def close_past_days() -> int:
    """Returns what is left of past days to their scopes, where no treasury runs that would; returns days closed."""
    now_ms = time.time_ns() // 1_000_000
    store = PgEscrowStore(BudgetCalendar(settings.PLATFORM.budget_day_seconds))
    times = ProtocolTimes().divided(settings.PLATFORM.protocol_time_divisor)
    upkeep.rebalance(store, times, now_ms)
    return store.close_days(now_ms)


@shared_task(name="billing.prune_outbox")
def prune_outbox() -> int:
    """Deletes outbox rows that every consumer has passed; returns how many."""
    return prune()
