"""Stage 7, reserve: what can become of a submit, and how those who wait are told.

In: the banker's messages. Out: resolved futures.
On failure: `Lost`. Time: none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TypeVar

from rtbplatform.kernel import ipc

T = TypeVar("T")


class Lost:
    """The banker was lost, or never there: answer 204 and never send the debit again (R8)."""


LOST = Lost()
Answer = ipc.Committed | ipc.Refused | Lost


def resolve(future: asyncio.Future[T], result: T) -> None:
    """Whoever waited may have given up at its deadline."""
    if not future.done():
        future.set_result(result)


def resolve_all(futures: Iterable[asyncio.Future[T]], result: T) -> None:
    """The same for all."""
    for future in futures:
        resolve(future, result)
