"""What the treasury's work needs of the world besides its store: mail. Redis carries it, or the simulator."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from rtbplatform.kernel.wire import ToBanker, ToTreasury


class Mail(Protocol):
    """The mail of one region. Any of it may be lost, repeated, late (R4). Raises what its carrier raises."""

    def take(self, timeout_s: float) -> list[ToTreasury]:
        """Waits for mail and takes what is there."""

    def send(self, mail: Iterable[tuple[bytes, ToBanker]]) -> None:
        """Puts messages into incarnations' mailboxes, in order."""
