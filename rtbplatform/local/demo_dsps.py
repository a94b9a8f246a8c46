"""The demo's DSPs: one process of simulators, each with its own behaviour, which /control shows and changes.

POST /dsp/NAME/bid, GET /dsp/NAME/notice, GET /control, POST /control/NAME {"mode", "delay_ms", "bid_rate", ...}.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
import uvloop
from msgspec import Struct

from rtbplatform.local import ports
from rtbplatform.local.dsp_bids import (
    GARBAGE,
    Behaviour,
    Buyer,
    decode_request,
    delay_s,
    encode_response,
    respond,
)
from rtbplatform.local.small_http import Answer, SmallHttp

SLOW_MS = 500.0
ERROR_STATUS = 500
DEFAULT_NAMES = ("alder", "birch", "cedar", "dogwood", "slowpoke", "garbler")


class Counters(Struct):
    requests: int = 0
    bids: int = 0
    no_bids: int = 0
    unreadable: int = 0
    notices: dict[str, int] = {}


class Dsp(Struct):
    buyer: Buyer
    behaviour: Behaviour
    counters: Counters


def usual_behaviour(name: str, position: int) -> Behaviour:
    """By name for the two bad ones; the others differ a little by their position."""
    if "slow" in name:
        return Behaviour(mode="slow", delay_ms=SLOW_MS)
    if "garb" in name:
        return Behaviour(mode="garbage", delay_ms=10)
    return Behaviour(
        delay_ms=8.0 + 4 * (position % 4),
        bid_rate=(0.9, 0.75, 0.6, 0.8)[position % 4],
        price_cpm=(Decimal("2.20"), Decimal("1.80"), Decimal("2.60"), Decimal("1.50"))[
            position % 4
        ],
    )


class Simulators:
    """All of them. Everything random comes from (seed, DSP, request id), so that a run can be repeated."""

    def __init__(self, buyers: list[Buyer], base_url: str, seed: int = 0) -> None:
        self.base_url = base_url
        self.seed = seed
        self.dsps = {
            buyer.name: Dsp(buyer, usual_behaviour(buyer.name, position), Counters())
            for position, buyer in enumerate(buyers)
        }

    def handle(self, method: str, target: str, body: bytes) -> Answer:
        """The routes."""
        parts = urlsplit(target)
        match [unquote(part) for part in parts.path.split("/")[1:]]:
            case ["dsp", name, "bid"] if name in self.dsps:
                return self._bid(self.dsps[name], body)
            case ["dsp", name, "notice"] if name in self.dsps:
                kind = parse_qs(parts.query).get("kind", ["unknown"])[0]
                notices = self.dsps[name].counters.notices
                notices[kind] = notices.get(kind, 0) + 1
                return Answer(status=204)
            case ["control"] if method == "GET":
                return Answer(body=encode_response(self.dsps))
            case ["control", name] if name in self.dsps and method == "POST":
                return self._control(self.dsps[name], body)
        return Answer(status=404, body=b'{"error":"no such path or DSP"}')

    def _control(self, dsp: Dsp, body: bytes) -> Answer:
        try:
            changes: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
            unknown = changes.keys() - {field.name for field in msgspec.structs.fields(Behaviour)}
            if unknown:
                raise msgspec.ValidationError(f"unknown: {', '.join(sorted(unknown))}")
            known = msgspec.to_builtins(dsp.behaviour)
            dsp.behaviour = msgspec.convert({**known, **changes}, Behaviour, strict=False)
        except msgspec.MsgspecError as error:
            return Answer(status=400, body=msgspec.json.encode({"error": str(error)}))
        return Answer(body=encode_response(dsp.behaviour))

    def _bid(self, dsp: Dsp, body: bytes) -> Answer:
        dsp.counters.requests += 1
        try:
            request = decode_request(body)
        except msgspec.MsgspecError:
            dsp.counters.unreadable += 1
            return Answer(status=400)
        behaviour = dsp.behaviour
        rng = random.Random(f"{self.seed}/{dsp.buyer.name}/{request.id}")
        after_s = delay_s(behaviour, rng)
        match behaviour.mode:
            case "garbage":
                return Answer(body=rng.choice(GARBAGE), delay_s=after_s)
            case "reset":
                return Answer(delay_s=after_s, manner="reset")
            case "error":
                return Answer(status=ERROR_STATUS, delay_s=after_s)
            case "nobid":
                response = None
            case _:
                response = respond(request, dsp.buyer, behaviour, rng, self.base_url)
        if response is None:
            dsp.counters.no_bids += 1
            return Answer(status=204, delay_s=after_s)
        dsp.counters.bids += 1
        manner = "drip" if behaviour.mode == "drip" else "whole"
        return Answer(body=encode_response(response), delay_s=after_s, manner=manner)


def read_buyers(demo_file: Path) -> list[Buyer]:
    """The demo's DSPs (var/demo.json), or six that know no campaign and so never bid."""
    if not demo_file.exists():
        return [Buyer(name=name) for name in DEFAULT_NAMES]

    class Demo(Struct):
        dsps: list[Buyer]

    return msgspec.json.decode(demo_file.read_bytes(), type=Demo).dsps


async def serve(held: socket.socket, simulators: Simulators) -> asyncio.Server:
    """Answers on a socket that listens already."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: SmallHttp(simulators.handle), sock=held, backlog=4096)


def listening_socket(environ: Mapping[str, str]) -> socket.socket:
    """The supervisor's (LISTEN_FD), or our own on DSP_PORT."""
    if "LISTEN_FD" in environ:
        return socket.socket(fileno=int(environ["LISTEN_FD"]))
    return ports.hold("127.0.0.1", int(environ["DSP_PORT"]))


async def main() -> None:
    held = listening_socket(os.environ)
    base_url = os.environ.get("DSP_BASE_URL", f"http://127.0.0.1:{held.getsockname()[1]}")
    buyers = read_buyers(Path(os.environ.get("DEMO_FILE", "var/demo.json")))
    server = await serve(held, Simulators(buyers, base_url))
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()
    server.close()


if __name__ == "__main__":
    uvloop.run(main())
