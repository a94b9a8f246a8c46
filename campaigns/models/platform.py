"""Switches that hold for the whole platform."""

from __future__ import annotations

import pghistory
from django.db import models


@pghistory.track()
class PlatformSwitch(models.Model):
    """The one row (id 1) of platform-wide switches. Velocity limits are requests a minute; 0: not checked."""

    killed = models.BooleanField(
        default=False, help_text="Kill switch: every request is answered without a bid."
    )
    velocity_ip_per_minute_max = models.PositiveIntegerField(default=0)
    velocity_user_per_minute_max = models.PositiveIntegerField(default=0)
    velocity_device_per_minute_max = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="platform_switch_one_row"),
        ]

    def __str__(self) -> str:
        return "platform switches"
