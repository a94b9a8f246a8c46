"""The bidder as a process: on an inherited socket, and stopped by SIGTERM."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys

from tests.integration.bidder.platform import Platform, bid_request, encode
from tests.integration.bidder.raw_http import RawHttp


async def test_sigterm_finishes_what_is_under_way_and_exits_clean(platform: Platform) -> None:
    await platform.publish()
    with socket.create_server(("127.0.0.1", platform.port), reuse_port=True) as held:
        environment = {**platform.environment(), "LISTEN_FD": str(held.fileno())}
        bidder = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bidder"), env=environment, pass_fds=(held.fileno(),)
        )
        try:
            await platform.wait_ready()
            exchange = await RawHttp.connect(platform.port)
            reply = await exchange.post("/openrtb2/demo", encode(bid_request("one")))
            assert reply.status in {200, 204}
            bidder.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(bidder.wait(), 10) == 0
            # The socket is the supervisor's: connections wait there for the next bidder.
            with socket.create_connection(("127.0.0.1", platform.port), 2):
                pass
        finally:
            if bidder.returncode is None:
                bidder.kill()
                await bidder.wait()
    await platform.settled(lambda t: any(e.request_id == "one" for e in t.auctions))
    assert not platform.treasury.unknown


async def test_wrong_settings_stop_the_start_with_a_sentence(platform: Platform) -> None:
    environment = {**platform.environment(), "FANOUT_MS": "soon"}
    bidder = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bidder"), env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, said = await bidder.communicate()
    assert bidder.returncode == 2
    assert b"FANOUT_MS" in said
