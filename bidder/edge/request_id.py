"""The id of a request that is not read or cannot be, so that its event can be found by it. Best effort.

A body that is JSON is asked by its JSON; of any other (truncated, damaged, too deep, too large) the first few KiB are
scanned for the first member ``"id"`` of the outermost object. What is not there, or cut off, is not found.
"""

from __future__ import annotations

import re

import msgspec

from bidder.openrtb.validate import REQUEST_ID_CHARS_MAX

SCANNED_BYTES_MAX = 4 * 1024
"""Exchanges write the id first; a longer search would make junk expensive."""

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)
_VALUE = re.compile(rb'\s*:\s*("(?:[^"\\]|\\.)*"|-?[0-9]+(?=[\s,}]))', re.DOTALL)


class _OnlyId(msgspec.Struct):
    id: str = ""


_decode_id = msgspec.json.Decoder(_OnlyId).decode
_decode_text = msgspec.json.Decoder(str).decode


def request_id_of(body: bytes) -> str:
    """At most REQUEST_ID_CHARS_MAX characters of the id; empty when there is none to be found. Never raises."""
    try:
        found = _decode_id(body).id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = _scanned(body[:SCANNED_BYTES_MAX])
    return found[:REQUEST_ID_CHARS_MAX]


def _scanned(beginning: bytes) -> str:
    """A number counts as well: a request with such an id is refused, and looked for by it all the same."""
    depth = 0
    for token in _TOKEN.finditer(beginning):
        text = token.group()
        if text in b"{[":
            depth += 1
        elif text in b"}]":
            depth -= 1
        elif depth == 1 and text == b'"id"':
            value = _VALUE.match(beginning, token.end())
            if value is not None:
                return _text_of(value.group(1))
    return ""


def _text_of(value: bytes) -> str:
    if not value.startswith(b'"'):
        return value.decode()
    try:
        return _decode_text(value)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        # Such as bytes that are no UTF-8: the rest of it is still what the exchange will ask for.
        return value[1:-1].decode(errors="replace")
