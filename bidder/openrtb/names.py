"""Domains and categories and what is above them: a rule for one holds for everything below it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache


@lru_cache(maxsize=32_768)
def domain_and_parents(domain: str) -> tuple[str, ...]:
    """news.example.com -> (news.example.com, example.com); a bare top-level name is kept alone."""
    names: list[str] = []
    rest = domain.lower().strip(".")
    while rest and ("." in rest or not names):
        names.append(rest)
        rest = rest.partition(".")[2]
    return tuple(names)


def category_and_parent(category: str) -> tuple[str, ...]:
    """IAB's content taxonomy 1.0 writes the parent into the child: IAB25-3 -> (IAB25-3, IAB25)."""
    parent, dash, _ = category.partition("-")
    return (category, parent) if dash else (category,)


def with_parents(categories: Iterable[str]) -> set[str]:
    return {name for category in categories for name in category_and_parent(category)}


def lowered(names: Sequence[str]) -> list[str]:
    """All in lower case, in one go: block lists have hundreds of entries."""
    return "\n".join(names).lower().split("\n")
