"""Identifiers sort by time, look like UUIDv7 and hash stably."""

import uuid

from rtbplatform.kernel import ids


def test_a_uuid7_says_its_version_and_variant() -> None:
    made = uuid.UUID(bytes=ids.uuid7(1_700_000_000_000))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)


def test_later_ids_sort_later() -> None:
    assert ids.uuid7(1_700_000_000_000) < ids.uuid7(1_700_000_000_001)


def test_two_ids_of_one_millisecond_differ() -> None:
    assert ids.uuid7(1) != ids.uuid7(1)


def test_text_and_bytes_are_the_same_id() -> None:
    raw = ids.uuid7(5)
    assert ids.uuid_bytes(ids.uuid_text(raw)) == raw


def test_the_hash_never_changes_between_versions() -> None:
    assert ids.hash64("request-1") == -395898621372696476
