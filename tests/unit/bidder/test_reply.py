"""An answer's bytes."""

import asyncio
import gzip
import socket

from bidder.reply import SentWatch, build_reply, header_text


def reply(status: int, body: bytes = b"", *, accept_gzip: bool = False, **flags: bool) -> bytes:
    options = {"keep_alive": True, "http10": False, **flags}
    return build_reply(status, body, [("X-A", "b")], accept_gzip=accept_gzip, **options)


def test_a_204_has_no_length_and_no_body() -> None:
    raw = reply(204)
    assert raw.startswith(b"HTTP/1.1 204 No Content\r\n")
    assert b"Content-Length" not in raw
    assert raw.endswith(b"X-A: b\r\n\r\n")


def test_a_200_has_its_body_and_length() -> None:
    raw = reply(200, b"{}")
    assert b"Content-Length: 2\r\n" in raw
    assert raw.endswith(b"\r\n\r\n{}")


def test_only_large_bodies_are_compressed_and_only_on_demand() -> None:
    body = b"x" * 2000
    assert gzip.decompress(reply(200, body, accept_gzip=True).split(b"\r\n\r\n", 1)[1]) == body
    assert reply(200, body).endswith(body)
    assert reply(200, b"x" * 1024, accept_gzip=True).endswith(b"x" * 1024)


def test_the_end_of_a_connection_is_said() -> None:
    assert b"Connection: close\r\n" in reply(413, keep_alive=False)
    assert b"Connection: keep-alive\r\n" in reply(204, http10=True)
    assert b"Connection" not in reply(204)


def test_no_text_can_break_out_of_its_header() -> None:
    assert header_text("imp[0]: bad\r\nX-Evil: 1") == "imp[0]: bad??X-Evil: 1"
    assert header_text("größe") == "gr??e"
    assert len(header_text("x" * 1000)) == 200


async def connected(buffer_bytes: int = 0) -> tuple[asyncio.Transport, socket.socket]:
    """A transport and its peer's plain socket."""
    ours, theirs = socket.socketpair()
    if buffer_bytes:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer_bytes)
    ours.setblocking(False)
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
    return transport, theirs


async def test_an_answer_that_the_kernel_takes_whole_is_sent_at_once() -> None:
    transport, theirs = await connected()
    told: list[str] = []
    assert SentWatch().write(transport, b"abc", lambda: told.append("sent"), lambda: None)
    assert (told, theirs.recv(10)) == (["sent"], b"abc")
    transport.close()
    theirs.close()


async def test_nothing_is_written_to_a_peer_that_is_gone() -> None:
    transport, theirs = await connected()
    theirs.close()
    assert not SentWatch().write(transport, b"abc", lambda: None, lambda: None)


async def test_a_slow_client_is_sent_to_once_it_has_read() -> None:
    transport, theirs = await connected(4096)
    told: list[str] = []
    watch = SentWatch()
    data = b"x" * 100_000
    assert watch.write(transport, data, lambda: told.append("sent"), lambda: told.append("lost"))
    assert told == []
    read = asyncio.create_task(asyncio.to_thread(read_all, theirs, len(data)))
    await watch.flushed(transport)
    assert (await read, told) == (len(data), ["sent"])
    transport.close()


async def test_a_connection_that_ends_half_way_leaves_it_unknown() -> None:
    transport, theirs = await connected(4096)
    told: list[str] = []
    watch = SentWatch()
    watch.write(
        transport, b"x" * 100_000, lambda: told.append("sent"), lambda: told.append("unknown")
    )
    theirs.close()
    await watch.flushed(transport)
    assert told == ["unknown"]


def read_all(peer: socket.socket, size: int) -> int:
    got = 0
    while got < size:
        got += len(peer.recv(65536))
    return got
