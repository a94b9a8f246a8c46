"""Answers in a JSON Lines file, so that what was seen on the wire can be compared later."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from bench.figures import Answer


class _Line(msgspec.Struct):
    request_id: str
    kind: str
    status: int
    latency_ms: float
    sent_ms: int
    body: str
    headers: dict[str, str]
    error: str


def write(path: Path, answers: Iterable[Answer]) -> None:
    """One line an answer; bodies as text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for answer in answers:
            fields = msgspec.structs.asdict(answer)
            fields["body"] = answer.body.decode(errors="replace")
            file.write(msgspec.json.encode(_Line(**fields)) + b"\n")


def read(path: Path) -> list[Answer]:
    """What `write` wrote."""
    decoder = msgspec.json.Decoder(_Line)
    lines = (decoder.decode(line) for line in path.read_bytes().splitlines())
    return [
        Answer(**{**msgspec.structs.asdict(line), "body": line.body.encode()}) for line in lines
    ]
