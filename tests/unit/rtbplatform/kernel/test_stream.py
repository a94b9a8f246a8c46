"""Chunks: what is committed verifies, what was touched does not."""

import msgspec
import pytest

from rtbplatform.kernel import stream

INCARNATION = b"i" * 16
LINE = stream.DebitLine(0, 1, 2, 20_000, b"l" * 16, 1_250)
ENTRIES: list[stream.Entry] = [
    stream.AuctionEntry(7, 1, 1_000, b"d" * 16, [LINE], b"event"),
    stream.OutcomeEntry([1], [stream.Outcome(2, 1, [LINE])], []),
    stream.LeaseEntry(1_000, [stream.LeaseChange("sealed", b"l" * 16, 1, 2, 20_000, 5_000, 1_250)]),
    stream.NoticeEntry(7, 1, 1_000, b"d" * 16, b"notice"),
    stream.LossEntry(1_000, 3, "queue full"),
    stream.FenceEntry(1_000, "restart"),
]


def chunk() -> stream.Chunk:
    key = stream.SubjectKey(b"k" * 12, b"s" * 16, b"wrapped", 1_000)
    return stream.make_chunk(INCARNATION, 11, 2_000, stream.GENESIS_HASH, ENTRIES, [key])


def test_entries_come_back_as_they_went_in() -> None:
    assert stream.chunk_entries(chunk().payload) == ENTRIES


def test_an_untouched_chunk_verifies() -> None:
    assert chunk().verify()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("incarnation", b"j" * 16),
        ("first_seq", 12),
        ("count", 5),
        ("committed_ms", 2_001),
        ("prev_hash", b"x" * 32),
        ("payload", b"other"),
    ],
)
def test_a_chunk_with_anything_changed_does_not_verify(field: str, value: object) -> None:
    assert not msgspec.structs.replace(chunk(), **{field: value}).verify()


def test_shredding_keys_leaves_the_chunk_valid() -> None:
    assert msgspec.structs.replace(chunk(), keys=b"\x90").verify()


def test_subject_keys_travel_with_their_chunk() -> None:
    assert [key.key_id for key in stream.chunk_keys(chunk().keys)] == [b"k" * 12]


def test_the_last_number_counts_the_entries() -> None:
    assert chunk().last_seq == 16


@pytest.mark.parametrize("payload", [b"", b"not zstd", chunk().payload[:-3]])
def test_damaged_payloads_are_refused(payload: bytes) -> None:
    with pytest.raises(stream.ChunkError):
        stream.chunk_entries(payload)
