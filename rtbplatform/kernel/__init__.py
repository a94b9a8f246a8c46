"""What every process shares: money, ids, calendar, events, wire formats. No Django, no Celery, no I/O."""
