"""The budget report as a table for a terminal: all terms of the budget's sum, in currency units."""

from __future__ import annotations

from collections.abc import Sequence

from billing.report import ReportLine
from rtbplatform.kernel.money import format_micros

NAMES = ("campaign", "day", "currency")
TERMS = ("available", "allocated", "leased", "held", "settled", "quarantined", "written_off")
"""They add up to the budget in force."""
AMOUNTS = ("budget", *TERMS, "delivered", "unknown", "charged", "platform_loss", "asked")


def table(lines: Sequence[ReportLine]) -> list[str]:
    """What it is, the header, and a row for each campaign-day; decimal points stand below each other."""
    names = [_column(name, [str(getattr(line, name)) for line in lines]) for name in NAMES]
    amounts = [
        _column(name, _aligned([format_micros(getattr(line, name)) for line in lines]))
        for name in AMOUNTS
    ]
    rows = zip(*names, *amounts, strict=True)
    about = f"Amounts in units of the currency. budget = {' + '.join(TERMS)}"
    return [about, *("  ".join(row).rstrip() for row in rows)]


def _aligned(numbers: list[str]) -> list[str]:
    """Filled up with blanks behind the last digit."""
    tails = [len(number) - len(number.partition(".")[0]) for number in numbers]
    longest = max(tails, default=0)
    return [number + " " * (longest - tail) for number, tail in zip(numbers, tails, strict=True)]


def _column(name: str, cells: list[str]) -> list[str]:
    width = max(len(cell) for cell in (name, *cells))
    return [cell.rjust(width) for cell in (name, *cells)]
