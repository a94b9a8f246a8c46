"""An exchange's connection, byte by byte: so that a test sees what stands on the wire."""

from __future__ import annotations

import asyncio

import msgspec

from tests.integration.bidder.platform import KEY


class Reply(msgspec.Struct):
    status: int
    headers: dict[str, str]
    body: bytes


class RawHttp:
    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, version: str
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._version = version

    @classmethod
    async def connect(cls, port: int, version: str = "1.1") -> RawHttp:
        return cls(*await asyncio.open_connection("127.0.0.1", port), version)

    def send(
        self, target: str, body: bytes, headers: dict[str, str] | dict[str, None] | None = None
    ) -> None:
        fields: dict[str, str | None] = {"Host": "test", "X-Exchange-Key": KEY, **(headers or {})}
        if "Transfer-Encoding" in fields:
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        else:
            fields["Content-Length"] = str(len(body))
        lines = [f"{name}: {value}\r\n" for name, value in fields.items() if value is not None]
        head = f"POST {target} HTTP/{self._version}\r\n{''.join(lines)}\r\n"
        self._writer.write(head.encode() + body)

    async def post(
        self, target: str, body: bytes, headers: dict[str, str] | dict[str, None] | None = None
    ) -> Reply:
        self.send(target, body, headers)
        return await self.receive()

    async def get(self, target: str) -> Reply:
        self._writer.write(f"GET {target} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        return await self.receive()

    async def receive(self) -> Reply:
        async with asyncio.timeout(10):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
            status_line, *lines = head.rstrip().split("\r\n")
            headers = {
                name.lower(): value.strip()
                for name, _, value in (line.partition(":") for line in lines)
            }
            body = await self._reader.readexactly(int(headers.get("content-length", 0)))
            return Reply(int(status_line.split()[1]), headers, body)

    def close(self) -> None:
        self._writer.close()
