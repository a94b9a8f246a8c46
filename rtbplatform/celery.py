"""Celery's application: `celery -A rtbplatform worker` and `beat`. The schedule stands here, in code.

Every job is derived from what Postgres holds, so that an emptied broker loses none: the next tick of the schedule does
what the lost one would have done. Jobs that waited too long expire; results are not kept.
"""

from __future__ import annotations

import os
from typing import Any

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rtbplatform.settings")

from django.conf import settings

MINUTE_S, HOUR_S = 60, 3600

SCHEDULE = {
    "billing.check_invariants": MINUTE_S,
    "billing.verify_new_audit": MINUTE_S,
    "billing.close_past_days": MINUTE_S,
    "billing.check_all_invariants": 24 * HOUR_S,
    "billing.prune_outbox": HOUR_S,
}
"""Seconds between two runs of each task."""

app = Celery("rtbplatform", include=["billing.tasks"])
app.conf.update(
    broker_url=settings.PLATFORM.redis_url,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"global_keyprefix": "celery:"},
    task_ignore_result=True,
    task_acks_late=True,
    task_time_limit=30 * MINUTE_S,
    task_default_queue="jobs",
    worker_prefetch_multiplier=1,
    timezone="UTC",
    beat_schedule={
        name: {"task": name, "schedule": float(every_s), "options": {"expires": every_s}}
        for name, every_s in SCHEDULE.items()
    },
)


@signals.setup_logging.connect
def keep_our_logs(**_: Any) -> None:
    """With a receiver here Celery leaves logging alone: it is set up by Django's settings, as in all processes."""
