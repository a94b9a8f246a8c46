"""The operator's live page of bidding health."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from billing.attention import frozen_campaigns, lost_incarnations, open_census, platform_losses
from billing.console.day_figures import calendar
from billing.selectors import open_alarms, treasuries
from campaigns.console.access import staff_page
from campaigns.console.switches import is_platform_killed
from campaigns.policy import Action
from rtbplatform.console import pod_health
from rtbplatform.kernel import wire

BEAT_LATE_S = 10
ALARMS_MAX = 20
_connections: dict[str, Any] = {}


def _connection() -> Any:
    url = settings.PLATFORM.redis_url
    if url not in _connections:
        _connections[url] = pod_health.connect(url)
    return _connections[url]


def _context() -> dict[str, Any]:
    health, version = pod_health.read(_connection(), time.time_ns() // 1_000_000)
    now = timezone.now()
    beats = [
        {"region": beat.region, "pid": beat.pid, "age_s": age_s, "is_late": age_s > BEAT_LATE_S}
        for beat in treasuries()
        for age_s in [max(0.0, (now - beat.beat_at).total_seconds())]
    ]
    return {
        "health": health,
        "published_version": version,
        "treasuries": beats,
        "alarms": open_alarms()[:ALARMS_MAX],
        "census": open_census(),
        "lost": lost_incarnations(),
        "frozen": frozen_campaigns(),
        "losses": [{"loss": loss, "day": calendar().label(loss.day)} for loss in platform_losses()],
        "switches": {"killed": is_platform_killed()},
        "health_ttl_s": wire.HEALTH_TTL_S,
        "recent_s": pod_health.RECENT_S,
    }


@require_safe
@staff_page(Action.HEALTH_VIEW)
def health(request: HttpRequest) -> HttpResponse:
    return render(request, "operator/health.html", _context())


@require_safe
@staff_page(Action.HEALTH_VIEW)
def health_live(request: HttpRequest) -> HttpResponse:
    """The part that the page asks for every two seconds."""
    return render(request, "operator/health_live.html", _context())
