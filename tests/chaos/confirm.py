"""What a person does by command after a disaster: confirms a census, frozen budgets, and gives up destroyed disks."""

from __future__ import annotations

from tests.acceptance.platform import Platform
from tests.chaos.verdict import Line


def confirm_as_a_person(
    platform: Platform, wanted: dict[int, int], lost_outboxes: list[str]
) -> list[Line]:
    """`wanted`: the daily budgets (micros) that the owner has in her own record."""
    return []
