"""Block lists: entries are added, given another end, and removed; each change is in force within seconds."""

from __future__ import annotations

from datetime import datetime
from ipaddress import ip_network

from django.core.exceptions import ValidationError

from campaigns import policy
from campaigns.models import User
from campaigns.policy import Action, Actor
from campaigns.services.change import change, save_valid
from fraud.models import BlockEntry, BlockKind
from rtbplatform.outbox.models import PLATFORM_WIDE
from rtbplatform.outbox.publish import publish

NBR: dict[str, int] = {
    BlockKind.IP: 4,
    BlockKind.DATACENTER: 5,
    BlockKind.USER_AGENT: 3,
    BlockKind.DOMAIN: 7,
    BlockKind.BUNDLE: 7,
    BlockKind.PUBLISHER: 7,
    BlockKind.USER: 4,
}
"""No-bid reason codes of OpenRTB 2.6, section 5.24 of 2.5: 3 known web crawler, 4 suspected non-human traffic, 5 cloud,
data centre or proxy IP, 7 blocked publisher or site."""
USER_AGENT_CHARACTERS_MIN = 4


def block_entry_set(
    *,
    actor: Actor,
    kind: str,
    value: str,
    nbr: int | None = None,
    block_reason: str = "",
    expires_at: datetime | None = None,
) -> BlockEntry:
    """Adds an entry, or changes the one of that kind and value. `nbr`: by kind unless named.

    Raises PermissionDenied, ValidationError.
    """
    with change(actor, block_reason):
        policy.require(actor, Action.BLOCKS_EDIT)
        cleaned = _clean(kind, value)
        entry = BlockEntry.objects.select_for_update().filter(kind=kind, value=cleaned).first()
        if entry is None:
            entry = BlockEntry(kind=kind, value=cleaned)
            entry.created_by = actor if isinstance(actor, User) else None
        entry.nbr = NBR.get(kind, 0) if nbr is None else nbr
        entry.reason, entry.expires_at = block_reason, expires_at
        save_valid(entry)
        _changed(entry)
    return entry


def block_entry_remove(*, actor: Actor, entry_id: int, reason: str = "") -> None:
    """Raises BlockEntry.DoesNotExist, PermissionDenied."""
    with change(actor, reason):
        policy.require(actor, Action.BLOCKS_EDIT)
        entry = BlockEntry.objects.select_for_update().get(pk=entry_id)
        _changed(entry)
        entry.delete()


def _clean(kind: str, value: str) -> str:
    """The one way in which a value is written, so that it is listed once and compares by equality."""
    text = value.strip()
    if kind in {BlockKind.IP, BlockKind.DATACENTER}:
        try:
            network = ip_network(text, strict=False)
        except ValueError as error:
            raise ValidationError(
                {"value": f"{text!r} is not an IP address or range, such as 192.0.2.0/24."}
            ) from error
        if network.prefixlen == 0:
            raise ValidationError({"value": "This range is the whole internet."})
        single = network.prefixlen == network.max_prefixlen
        return str(network.network_address) if single else str(network)
    if kind == BlockKind.USER_AGENT and len(text) < USER_AGENT_CHARACTERS_MIN:
        raise ValidationError({"value": "So short a text is part of too many user agents."})
    return text if kind in {BlockKind.BUNDLE, BlockKind.PUBLISHER} else text.lower()


def _changed(entry: BlockEntry) -> None:
    publish("block.changed", PLATFORM_WIDE, ("block", entry.pk or 0), {"kind": entry.kind})
