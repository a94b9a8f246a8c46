"""Alarms about money: raised once, seen again while they last, cleared when it is right again."""

from __future__ import annotations

from collections.abc import Collection

import structlog

from billing.escrow.sql import execute

log = structlog.get_logger(__name__)


def raise_alarm(kind: str, subject: str, text: str) -> None:
    """One open alarm per kind and subject; raised again, it is seen again."""
    execute(
        """
        INSERT INTO escrow_alarm (kind, subject, text, raised_at, last_seen_at) VALUES (%s, %s, %s, now(), now())
        ON CONFLICT (kind, subject) WHERE cleared_at IS NULL
            DO UPDATE SET text = excluded.text, last_seen_at = excluded.last_seen_at
        """,
        [kind, subject[:200], text],
    )
    log.error("alarm", kind=kind, subject=subject, text=text)


def clear_alarms_about(subject: str, kinds: Collection[str]) -> int:
    """Clears the open alarms of these kinds about one subject, once a person has decided; returns how many."""
    return execute(
        "UPDATE escrow_alarm SET cleared_at = now() WHERE subject = %s AND cleared_at IS NULL AND kind = ANY(%s)",
        [subject, list(kinds)],
    )


def clear_alarms(kind: str, except_subjects: Collection[str]) -> int:
    """Clears the open alarms of a kind whose subject is right again; returns how many."""
    return execute(
        "UPDATE escrow_alarm SET cleared_at = now() WHERE kind = %s AND cleared_at IS NULL AND NOT subject = ANY(%s)",
        [kind, list(except_subjects)],
    )
