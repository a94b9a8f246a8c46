"""Cells that a spreadsheet would run are made harmless; numbers stay numbers."""

from __future__ import annotations

import pytest

from rtbplatform.console.csv_files import safe


@pytest.mark.parametrize("cell", ["=1+1", "+cmd", "-cmd", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_formulas_are_made_texts(cell: str) -> None:
    assert safe(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["-1.5", "+3", "plain", "a=b", ""])
def test_other_texts_are_left_alone(cell: str) -> None:
    assert safe(cell) == cell


def test_nothing_is_an_empty_cell() -> None:
    assert safe(None) == ""
