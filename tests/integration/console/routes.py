"""Every address of the web process that is ours, with what stands in it."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver

NOT_OURS = ("admin/", "accounts/")


def ours() -> list[tuple[str, set[str]]]:
    """(namespaced name, names of the values in its path) of each."""
    return sorted(_walk(get_resolver().url_patterns, "", frozenset()), key=lambda one: one[0])


def _walk(
    patterns: list[URLPattern | URLResolver], space: str, values: frozenset[str]
) -> Iterator[tuple[str, set[str]]]:
    for one in patterns:
        if str(one.pattern) in NOT_OURS:
            continue
        here = values | set(one.pattern.converters)
        if isinstance(one, URLResolver):
            inside = f"{space}{one.namespace}:" if one.namespace else space
            yield from _walk(one.url_patterns, inside, here)
        else:
            yield f"{space}{one.name}", set(here)
