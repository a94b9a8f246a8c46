"""Django's cache in a Redis that others use as well."""

from __future__ import annotations

from typing import Any

from django_redis.client import DefaultClient


class SharedRedisClient(DefaultClient):
    """Clears only the cache's own keys: the default empties the whole database, mailboxes included."""

    def clear(self, client: Any = None) -> None:
        self.delete_pattern("*", client=client)
