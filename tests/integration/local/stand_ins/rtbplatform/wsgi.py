"""Stands in for the web process."""

from collections.abc import Callable, Iterable


def application(environ: object, start_response: Callable[..., object]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]
