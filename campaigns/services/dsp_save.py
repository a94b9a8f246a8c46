"""Makes and changes DSPs, switching one off included. Their credentials are kept sealed."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError

from campaigns import policy
from campaigns.models import Dsp
from campaigns.policy import Action, Actor
from campaigns.services.change import assign, change, save_valid
from campaigns.validation import check_header_value
from rtbplatform.kernel.keys import derive, open_blob, seal_blob
from rtbplatform.outbox.models import PLATFORM_WIDE
from rtbplatform.outbox.publish import publish

TOPIC = "dsp.changed"
EDITABLE = frozenset(
    {
        "name",
        "seat",
        "endpoint",
        "formats",
        "countries",
        "currency",
        "timeout_ms",
        "in_flight_max",
        "qps_max",
        "gzip",
        "auth_header",
        "active",
    }
)


def dsp_create(
    *, actor: Actor, slug: str, auth_value: str = "", reason: str = "", **fields: Any
) -> Dsp:
    """Raises PermissionDenied, ValidationError."""
    with change(actor, reason):
        policy.require(actor, Action.MARKET_EDIT)
        dsp = Dsp(slug=slug)
        assign(dsp, fields, EDITABLE)
        _set_auth_value(dsp, auth_value)
        return _save(dsp)


def dsp_update(
    *, actor: Actor, dsp_id: int, auth_value: str | None = None, reason: str = "", **fields: Any
) -> Dsp:
    """`auth_value` None keeps the one there is. Raises Dsp.DoesNotExist, PermissionDenied, ValidationError."""
    with change(actor, reason):
        policy.require(actor, Action.MARKET_EDIT)
        dsp = Dsp.objects.select_for_update().get(pk=dsp_id)
        differs = assign(dsp, fields, EDITABLE)
        if auth_value is not None and auth_value != dsp_auth_value(dsp):
            _set_auth_value(dsp, auth_value)
            differs = True
        return _save(dsp) if differs else dsp


def dsp_auth_value(dsp: Dsp) -> str:
    """The credential in clear, for the sealed snapshot only. Raises keys.SealError after a change of RTB_SECRET."""
    sealed = bytes(dsp.auth_value_sealed)
    return open_blob(_key(), sealed, dsp.slug.encode()).decode() if sealed else ""


def _set_auth_value(dsp: Dsp, value: str) -> None:
    try:
        check_header_value(value)
    except ValidationError as error:
        raise ValidationError({"auth_value": error.messages}) from error
    dsp.auth_value_sealed = seal_blob(_key(), value.encode(), dsp.slug.encode()) if value else b""


def _key() -> bytes:
    return derive(settings.PLATFORM.rtb_secret, "dsp-credentials")


def _save(dsp: Dsp) -> Dsp:
    save_valid(dsp)
    publish(TOPIC, PLATFORM_WIDE, ("dsp", dsp.pk), {"dsp": dsp.pk})
    return dsp
