"""Where a REDIS_URL points and what a new connection must say first."""

from __future__ import annotations

import ssl
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec


class RedisAddress(msgspec.Struct, frozen=True):
    """`path` is a unix socket's, or empty for TCP. `greeting` holds AUTH and SELECT, encoded."""

    host: str
    port: int
    path: str
    tls: ssl.SSLContext | None
    greeting: bytes
    greeting_replies: int


def encode_command(*words: bytes) -> bytes:
    """A command in RESP (Redis serialization protocol)."""
    bulks = (b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
    return b"*%d\r\n%b" % (len(words), b"".join(bulks))


def parse_redis_url(url: str) -> RedisAddress:
    """redis://[user:password@]host[:port][/db], rediss:// for TLS, unix:///path[?db=n]. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("REDIS_URL must start with redis://, rediss:// or unix://")
    query = parse_qs(parts.query)
    database = query.get("db", [""])[0]
    if not database and parts.scheme != "unix":
        database = parts.path.strip("/")
    commands: list[bytes] = []
    password = unquote(parts.password or query.get("password", [""])[0])
    user = unquote(parts.username or "")
    if password:
        words = (b"AUTH", *([user.encode()] if user else []), password.encode())
        commands.append(encode_command(*words))
    if database and int(database):
        commands.append(encode_command(b"SELECT", database.encode()))
    return RedisAddress(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 6379,
        path=unquote(parts.path) if parts.scheme == "unix" else "",
        tls=ssl.create_default_context() if parts.scheme == "rediss" else None,
        greeting=b"".join(commands),
        greeting_replies=len(commands),
    )
