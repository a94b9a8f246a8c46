"""A region's proxy on real sockets: it carries both ways, and a server that refuses closes the connection."""

import asyncio

from rtbplatform.local import ports, proxy


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(100):
        writer.write(data)
        await writer.drain()
    writer.close()


async def _said_through(target: str, text: bytes) -> bytes:
    held = ports.hold("127.0.0.1", ports.choose())
    server = await proxy.serve(held, target)
    reader, writer = await asyncio.open_connection(*held.getsockname()[:2])
    try:
        async with asyncio.timeout(10):
            writer.write(text)
            writer.write_eof()
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()
        server.close()


def test_bytes_and_the_end_are_carried_both_ways() -> None:
    async def carried() -> bytes:
        server = await asyncio.start_server(_echo, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        return await _said_through(f"127.0.0.1:{port}", b"x" * 300_000)

    assert asyncio.run(carried()) == b"x" * 300_000


def test_a_server_that_refuses_is_a_closed_connection() -> None:
    target = f"127.0.0.1:{ports.choose()}"
    assert asyncio.run(_said_through(target, b"hello")) == b""
