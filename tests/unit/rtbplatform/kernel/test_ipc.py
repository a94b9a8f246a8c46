"""Frames between worker and banker, however the stream is cut."""

import pytest

from rtbplatform.kernel import ipc


def test_messages_survive_any_cut_of_the_stream() -> None:
    messages = [ipc.Hello(1, 42), ipc.Outcomes([b"a" * 16], []), ipc.Wanted([(1, 2, 3)])]
    data = b"".join(ipc.frame(message) for message in messages)
    for size in (1, 3, 7, len(data)):
        reader = ipc.FrameReader()
        bodies = [
            body
            for start in range(0, len(data), size)
            for body in reader.feed(data[start : start + size])
        ]
        assert [ipc.decode_to_banker(body) for body in bodies] == messages


def test_an_absurd_length_is_refused_before_it_is_awaited() -> None:
    with pytest.raises(ValueError, match="frame of"):
        ipc.FrameReader().feed((2**31).to_bytes(4, "little"))
