"""The demo file: how programs and people get into the demo. It holds passwords, so only its owner may read it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import msgspec
from msgspec import Struct


class ExchangeAccess(Struct):
    slug: str
    key: str


class Login(Struct):
    email: str
    password: str
    advertiser: int | None = None


class SimulatedDsp(Struct):
    """What the simulator of this name buys."""

    name: str
    seat: str
    endpoint: str
    cids: list[str]
    adomain: list[str]
    crids: list[str]


class ListedCampaign(Struct):
    id: int
    advertiser: int
    name: str
    dsp: str | None
    currency: str
    daily_budget_micros: int
    pacing: str


class DemoFile(Struct):
    exchange: ExchangeAccess
    logins: dict[str, Login]
    dsps: list[SimulatedDsp]
    campaigns: list[ListedCampaign]


def read(path: Path) -> DemoFile | None:
    """None when there is none, or one that this version cannot read: its secrets are made anew then."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=DemoFile)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def write(path: Path, content: DemoFile) -> None:
    """Replaces the file in one step; mode 0600."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)
