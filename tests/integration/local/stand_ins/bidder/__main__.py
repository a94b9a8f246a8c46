"""Stands in for a bidder: answers everything with 200 and its process number, on the socket that it was handed."""

import asyncio
import os
import signal
import socket
import sys

from rtbplatform.local.small_http import Answer, SmallHttp


async def main() -> None:
    if os.environ.get("BREAK") == "bidder":
        sys.exit("this bidder cannot start")
    loop = asyncio.get_running_loop()
    handed = socket.socket(fileno=int(os.environ["LISTEN_FD"]))
    body = str(os.getpid()).encode()
    await loop.create_server(lambda: SmallHttp(lambda *_: Answer(body=body)), sock=handed)
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()


asyncio.run(main())
