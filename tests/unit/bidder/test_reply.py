"""An answer's bytes."""

import gzip

from bidder.reply import build_reply, header_text


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
