"""A campaign's change history in words: who changed which field from what to what. Read from the history tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from campaigns.models import Campaign, Creative, Targeting, User
from campaigns.policy import SYSTEM
from rtbplatform.console.amounts import exact

EVENTS_MAX = 1000
"""Of each table, the newest; older ones stay in the database."""
HIDDEN = frozenset(
    {"id", "pk", "created_at", "updated_at", "budget_version", "advertiser", "campaign", "currency"}
)
LABELS = {
    "bid_cpm_micros": "Max CPM",
    "daily_budget_micros": "Daily budget",
    "total_budget_micros": "Total budget",
    "dsp": "Demand",
    "os": "Operating systems",
    "adomain": "Domains",
}


@dataclass(frozen=True)
class Change:
    field: str
    old: str
    new: str


@dataclass(frozen=True)
class Entry:
    at: datetime
    who: str
    title: str
    changes: Sequence[Change]


def of_campaign(campaign: Campaign) -> list[Entry]:
    """Newest first: the campaign itself, its targeting and its creatives. Five queries, whatever its length."""
    creatives = list(Creative.objects.filter(campaign=campaign).values_list("pk", flat=True))
    sources = (
        (Campaign, {"pgh_obj_id": campaign.pk}, ""),
        (Targeting, {"campaign_id": campaign.pk}, "Targeting: "),
        (Creative, {"pgh_obj_id__in": creatives}, "Creative "),
    )
    found: list[tuple[Any, Entry]] = []
    for model, wanted, prefix in sources:
        events = _events(model, wanted)
        found += _entries(events, _field_names(model), prefix, campaign.currency)
    people = _people(event for event, _ in found)
    named = [
        Entry(entry.at, _who(event, people), entry.title, entry.changes) for event, entry in found
    ]
    # Changes of one transaction have one time: the later found of them comes first as well.
    return sorted(named, key=lambda entry: entry.at, reverse=True)


def _events(model: Any, wanted: dict[str, Any]) -> list[Any]:
    rows = model.pgh_event_model.objects.filter(**wanted).select_related("pgh_context")
    return list(reversed(rows.order_by("-pgh_id")[:EVENTS_MAX]))


def _field_names(model: Any) -> list[str]:
    fields = model._meta.concrete_fields  # noqa: SLF001 - Django documents it
    return [one.name for one in fields if one.name not in HIDDEN]


def _entries(
    events: Iterable[Any], fields: Sequence[str], prefix: str, currency: str
) -> list[tuple[Any, Entry]]:
    """Each event against the one before it of the same object."""
    previous: dict[int, Any] = {}
    found = []
    for event in events:
        before = previous.get(event.pgh_obj_id)
        previous[event.pgh_obj_id] = event
        name = getattr(event, "crid", "")
        if event.pgh_label == "insert":
            what = f"{prefix}{name}".strip().rstrip(":") or "Campaign"
            found.append((event, Entry(event.pgh_created_at, "", f"{what} created", [])))
        elif before is not None:
            changes = _changes(before, event, fields, f"{prefix}{name}", currency)
            if changes:
                found.append((event, Entry(event.pgh_created_at, "", "", changes)))
    return found


def _changes(
    before: Any, after: Any, fields: Sequence[str], prefix: str, currency: str
) -> list[Change]:
    changes = []
    for name in fields:
        old, new = getattr(before, _column(name)), getattr(after, _column(name))
        if old != new:
            label = LABELS.get(name, name.replace("_", " ").capitalize())
            shown = (
                f"{prefix}: {label.lower()}"
                if prefix and not prefix.endswith(": ")
                else prefix + label
            )
            changes.append(Change(shown, _text(name, old, currency), _text(name, new, currency)))
    return changes


def _column(name: str) -> str:
    return "dsp_id" if name == "dsp" else name


def _text(name: str, value: Any, currency: str) -> str:
    if value is None or value in ("", []):
        return ""
    if name.endswith("_micros"):
        return exact(value, currency)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M UTC")
    text = str(value)
    return text if len(text) <= 200 else f"{text[:200]}… ({len(text):,} characters)"


def _metadata(event: Any) -> dict[str, Any]:
    return event.pgh_context.metadata if event.pgh_context_id else {}


def _people(events: Iterable[Any]) -> dict[int, str]:
    ids = {user for event in events if (user := _metadata(event).get("user"))}
    return dict(User.objects.filter(pk__in=ids).values_list("pk", "email"))


def _who(event: Any, people: dict[int, str]) -> str:
    """A person's email; changes without a request are the platform's own."""
    metadata = _metadata(event)
    actor = str(metadata.get("actor") or SYSTEM)
    return people.get(metadata.get("user") or 0) or actor[:1].upper() + actor[1:]
