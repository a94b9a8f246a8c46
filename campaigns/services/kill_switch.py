"""Kill switches of the platform and of an advertiser, and the platform's velocity limits.

An exchange or a DSP is switched off by `exchange_update` / `dsp_update` with ``active=False``.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError

from campaigns import policy
from campaigns.models import Advertiser, PlatformSwitch
from campaigns.policy import Action, Actor
from campaigns.services.advertiser_save import advertiser_changed
from campaigns.services.change import assign, change, save_valid
from rtbplatform.outbox.models import PLATFORM_WIDE
from rtbplatform.outbox.publish import publish

EDITABLE = frozenset(
    {
        "killed",
        "velocity_ip_per_minute_max",
        "velocity_user_per_minute_max",
        "velocity_device_per_minute_max",
    }
)


def platform_switch_set(*, actor: Actor, reason: str, **fields: Any) -> PlatformSwitch:
    """Sets some of EDITABLE. Raises PermissionDenied, ValidationError (no reason)."""
    with change(actor, reason):
        policy.require(actor, Action.SWITCHES_EDIT)
        _need(reason)
        PlatformSwitch.objects.get_or_create(pk=1)
        switch = PlatformSwitch.objects.select_for_update().get(pk=1)
        if assign(switch, fields, EDITABLE):
            save_valid(switch)
            publish("platform.changed", PLATFORM_WIDE, ("platform", 1), {"killed": switch.killed})
    return switch


def advertiser_kill(*, actor: Actor, advertiser_id: int, killed: bool, reason: str) -> Advertiser:
    """Takes all campaigns of an advertiser out, or lets them back. Raises as `platform_switch_set`, and
    Advertiser.DoesNotExist."""
    with change(actor, reason):
        policy.require(actor, Action.SWITCHES_EDIT)
        _need(reason)
        advertiser = Advertiser.objects.select_for_update().get(pk=advertiser_id)
        if advertiser.killed != killed:
            advertiser.killed = killed
            save_valid(advertiser)
            advertiser_changed(advertiser)
    return advertiser


def _need(reason: str) -> None:
    if not reason.strip():
        raise ValidationError({"reason": "Say why: whoever finds the switch set will ask."})
