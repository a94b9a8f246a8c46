"""Block lists: traffic that the bidders refuse before anything else looks at it."""

from __future__ import annotations

import pghistory
from django.conf import settings
from django.db import models


class BlockKind(models.TextChoices):
    IP = "ip", "IP address or range"
    DATACENTER = "datacenter", "data-centre range"
    USER_AGENT = "user_agent", "part of a user agent"
    DOMAIN = "domain"
    BUNDLE = "bundle"
    PUBLISHER = "publisher"
    USER = "user", "user (keyed hash)"


@pghistory.track()
class BlockEntry(models.Model):
    """`nbr` is the OpenRTB no-bid reason that blocked requests are recorded with."""

    kind = models.CharField(max_length=12, choices=BlockKind.choices)
    value = models.CharField(max_length=255)
    nbr = models.PositiveSmallIntegerField()
    reason = models.CharField(max_length=200, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["kind", "value"]
        verbose_name_plural = "block entries"
        constraints = [
            models.UniqueConstraint(fields=["kind", "value"], name="block_entry_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"
