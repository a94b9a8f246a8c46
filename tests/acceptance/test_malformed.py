"""Malformed requests are refused with the right status, never with 500, and the connection lives on."""

from __future__ import annotations

import gzip
import http.client
import json
import secrets
import sys
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from rtbplatform.local.traffic import Traffic
from tests.acceptance import case
from tests.acceptance.platform import NotAcceptedError, Platform, tell

Headers = dict[str, str]


class Bad(msgspec.Struct, frozen=True):
    """One way to be wrong."""

    name: str
    body: bytes
    status: int
    headers: Headers = {}
    path_tail: str = ""


def good_request() -> dict[str, Any]:
    request: dict[str, Any] = json.loads(Traffic(secrets.token_hex(8)).make(0, "site").body)
    return request


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    request = good_request()
    change(request)
    return json.dumps(request).encode()


def cases() -> Iterator[Bad]:
    good = json.dumps(good_request()).encode()
    yield Bad("truncated JSON", good[: len(good) // 2], 400)
    yield Bad("empty body", b"", 400)
    yield Bad("not JSON", b"<xml/>", 400)
    yield Bad("a JSON list", b"[]", 400)
    yield Bad("not UTF-8", good.replace(b'"USD"', b'"\xff\xfe"', 1), 400)
    yield Bad("imp is a string", changed(lambda r: r.update(imp="x")), 400)
    yield Bad("id is a number", changed(lambda r: r.update(id=7)), 400)
    yield Bad("id is empty", changed(lambda r: r.update(id="")), 400)
    yield Bad("no id", changed(lambda r: r.pop("id")), 400)
    yield Bad("no imp", changed(lambda r: r.pop("imp")), 400)
    yield Bad("imp empty", changed(lambda r: r.update(imp=[])), 400)
    yield Bad("imp without id", changed(lambda r: r["imp"][0].pop("id")), 400)
    yield Bad("imp twice", changed(lambda r: r["imp"].append(r["imp"][0])), 400)
    yield Bad("imp without format", changed(lambda r: r["imp"][0].pop("banner")), 400)
    yield Bad("both site and app", changed(lambda r: r.update(app={"bundle": "a.b"})), 400)
    yield Bad("negative tmax", changed(lambda r: r.update(tmax=-1)), 400)
    yield Bad("tmax is text", changed(lambda r: r.update(tmax="fast")), 400)
    yield Bad("negative width", changed(lambda r: r["imp"][0]["banner"].update(w=-300, h=250)), 400)
    yield Bad("300 KiB", changed(lambda r: r.update(ext={"pad": "x" * 300 * 1024})), 413)
    packed = gzip.compress(changed(lambda r: r.update(ext={"pad": "x" * 300 * 1024})))
    yield Bad("300 KiB, gzipped small", packed, 413, {"Content-Encoding": "gzip"})
    yield Bad("bad gzip", b"\x1f\x8b" + good, 400, {"Content-Encoding": "gzip"})
    yield Bad("plain said to be gzip", good, 400, {"Content-Encoding": "gzip"})
    yield Bad("unknown encoding", good, 415, {"Content-Encoding": "br"})
    yield Bad("unknown key", good, 401, {"X-Exchange-Key": "no-such-key"})
    yield Bad("empty key", good, 401, {"X-Exchange-Key": ""})
    yield Bad("unknown exchange", good, 401, path_tail="-nobody")


class Caller:
    """One keep-alive connection to the bidder."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._path = urlsplit(platform.endpoint).path
        self.connects = 0
        self._open()

    def _open(self) -> None:
        parts = urlsplit(self._platform.endpoint)
        self.connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
        self.connection.connect()
        self.connects += 1

    def post(self, body: bytes, headers: Headers | None = None, path_tail: str = "") -> int:
        """The status; the connection stays open when the server keeps it."""
        sent = {
            "X-Exchange-Key": self._platform.key,
            "Content-Type": "application/json",
            **(headers or {}),
        }
        self.connection.request("POST", self._path + path_tail, body, sent)
        answer = self.connection.getresponse()
        answer.read()
        return answer.status

    def reopen_if_closed(self) -> None:
        if self.connection.sock is None:
            self._open()


def check(platform: Platform, *, short: bool = False) -> None:
    """The whole table, on one connection. (There is no shorter form.)"""
    findings: list[str] = []
    caller = Caller(platform)
    count = 0
    for bad in cases():
        count += 1
        try:
            status = caller.post(bad.body, bad.headers, bad.path_tail)
        except (OSError, http.client.HTTPException) as error:
            findings.append(f"{bad.name}: {error!r} instead of {bad.status}")
            caller = Caller(platform)
            continue
        if status != bad.status:
            findings.append(f"{bad.name}: {status} instead of {bad.status}")
        if bad.status == 413:
            caller.reopen_if_closed()
        try:
            after = caller.post(json.dumps(good_request()).encode())
        except (OSError, http.client.HTTPException) as error:
            findings.append(f"after {bad.name}: {error!r}")
            caller = Caller(platform)
            continue
        if after not in {200, 204}:
            findings.append(f"after {bad.name}: a good request gets {after}")
    tell(f"malformed {count} cases, {caller.connects} connections")
    if findings:
        raise NotAcceptedError("\n      ".join(findings))


@pytest.mark.slow
def test_malformed_requests_are_refused_and_the_connection_lives_on(platform: Platform) -> None:
    check(platform)


if __name__ == "__main__":
    sys.exit(case.main(check, __doc__))
