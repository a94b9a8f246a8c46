"""What `bidder.banker.relay` does with Redis: registrations, chunks and letters of a machine's streams, in pipelines."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from bidder.banker.shipping import Shipping
from rtbplatform.kernel import wire
from rtbplatform.kernel.protocol import ProtocolTimes
from tests.simulation.disks import File

if TYPE_CHECKING:
    from tests.simulation.banker import Banker

RELAY_MS = 8
AT_ONCE = 16
WINDOW_BYTES = 64 * 1024
HEARD: dict[type, str] = {
    wire.Grant: "accept",
    wire.Recall: "recall",
    wire.Inquire: "inquire",
    wire.Mark: "mark",
    wire.Cursor: "cursor",
}
"""Protocol steps by the mail that makes them."""


def new_shipping(times: ProtocolTimes) -> Callable[[int], Shipping]:
    """Makes a stream's shipping from its settled seq."""
    return lambda settled_seq: Shipping(settled_seq, WINDOW_BYTES, times.relay_retry_ms)


class Stream:
    """One incarnation's stream on its way out."""

    def __init__(self, file: File, shipping: Shipping) -> None:
        self.file, self.shipping = file, shipping
        self.registered_ms = -(10**12)


class Relay:
    """Of one banker."""

    def __init__(self, banker: Banker) -> None:
        self.banker = banker
        self.streams: dict[bytes, Stream] = {}
        self.letters: list[wire.LeaseRequest] = []
        self._waits = False

    def post(self, request: wire.LeaseRequest) -> None:
        self.banker.ran("request")
        self.letters.append(request)
        self.soon()

    def post_requests(self) -> None:
        for request in self.banker.group.requests:
            self.post(request)
        self.banker.group.requests.clear()

    def soon(self) -> None:
        if not self._waits:
            self._waits = True
            self.banker.after(RELAY_MS, self._due)

    def _due(self) -> None:
        self._waits = False
        self.send()

    def send(self) -> None:
        """One pipeline of registrations, chunks and letters."""
        boot_ms = self.banker.clock.boot_ms()
        mail: list[Any] = []
        sending: list[Stream] = []
        for stream in self.streams.values():
            stream.shipping.tick(boot_ms)
            if stream.shipping.registers:
                mail += self._registration(stream, boot_ms)
            chunks = self._chunks(stream, boot_ms)
            if chunks:
                mail += chunks
                sending.append(stream)
        mail += self.letters
        self.letters = []
        if not mail:
            return
        try:
            box = self.banker.machine.redis
            box.push(self.banker, "bankers", "treasury", mail)
        except RedisError:
            for stream in sending:
                stream.shipping.failed(boot_ms)

    def _registration(self, stream: Stream, boot_ms: int) -> list[wire.Register]:
        if boot_ms - stream.registered_ms < self.banker.times.request_retry_ms:
            return []
        stream.registered_ms = boot_ms
        stream.shipping.register_sent()
        identity = stream.file.identity
        is_own = identity.incarnation == self.banker.incarnation
        disk = self.banker.machine.disk
        values: dict[str, Any] = {}
        if is_own:
            values = {
                "found": disk.found(),
                "copies": disk.copies(),
                "epoch": self.banker.book.epoch,
            }
        return [
            wire.Register(
                *(identity.incarnation, identity.region, identity.pod, identity.text()),
                identity.started_ms,
                stream.file.head().last_seq,
                **values,
            )
        ]

    def _chunks(self, stream: Stream, boot_ms: int) -> list[wire.Ship]:
        shipping = stream.shipping
        mail: list[wire.Ship] = []
        if not shipping.may_send():
            return mail
        for chunk in stream.file.chunks_after(shipping.sent_seq, stream.file.incarnation, AT_ONCE):
            if not shipping.may_send():
                break
            shipping.sent(chunk.last_seq, len(chunk.payload) + 150, boot_ms)
            mail.append(wire.Ship(chunk))
            self.banker.ran("ship")
        shipping.has_more = len(mail) == AT_ONCE
        return mail
