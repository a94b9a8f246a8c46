"""What the settler keeps in memory: bounded, and each chunk once."""

from __future__ import annotations

import pytest

from billing.treasury import settler as settler_module
from billing.treasury.settler import Settler
from rtbplatform.kernel.stream import Chunk


def chunk(first_seq: int, size: int = 10) -> Chunk:
    return Chunk(b"i" * 16, first_seq, 1, 0, b"", b"", bytes(size), b"")


@pytest.fixture
def settler() -> Settler:
    return Settler(None, lambda _: False)  # type: ignore[arg-type]  # sends no mail here


def test_a_chunk_that_waits_already_is_kept_once(settler: Settler) -> None:
    settler.offer(chunk(1))
    settler.offer(chunk(1))
    assert settler.waiting_bytes == 10


def test_what_does_not_fit_is_dropped(settler: Settler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settler_module, "BUFFER_BYTES_MAX", 25)
    for seq in (1, 2, 3):
        settler.offer(chunk(seq))
    assert settler.waiting_bytes == 20
