"""The budget protocol's times, and the lease itself: what treasury, banker and simulator agree on."""

from __future__ import annotations

import msgspec

from rtbplatform.kernel.keys import mac


class ProtocolTimes(msgspec.Struct, frozen=True):
    """All durations of the budget protocol, in milliseconds. Money never depends on them (R1), service does."""

    lease_term_ms: int = 30_000
    """How long a grant is meant to be out; past it the allocator asks for the lease by id until sealed."""
    lease_working_ms: int = 25_000
    """How long a banker spends from a lease, from the moment its request was first sent."""
    request_retry_ms: int = 1_000
    """An unanswered lease request is sent again, with the same number, after this."""
    refused_retry_ms: int = 500
    """A refused banker asks again, with a new number, after this."""
    rate_halflife_ms: int = 15_000
    renew_before_end_ms: int = 10_000
    relay_retry_ms: int = 2_000
    """Chunks not acknowledged within this are sent again from the acknowledged cursor."""
    inquiry_interval_ms: int = 2_000
    coordinator_interval_ms: int = 1_000
    mark_retry_ms: int = 1_000
    """A mark that an incarnation has not settled is sent to it again after this."""
    pacing_interval_ms: int = 10_000

    def divided(self, divisor: int) -> ProtocolTimes:
        """The same protocol run `divisor` times faster, for rehearsals and tests."""
        values = {name: getattr(self, name) // divisor for name in self.__struct_fields__}
        return ProtocolTimes(**values)


class Lease(msgspec.Struct, frozen=True, array_like=True):
    """Money moved to one banker before it is spent. Signed; accepted at most once, and only above the
    high-water number of its campaign-day (R4)."""

    id: bytes
    no: int
    """Rises per campaign-day over all bankers; assigned in the granting transaction."""
    request_no: int
    incarnation: bytes
    advertiser: int
    campaign: int
    day: int
    amount_micros: int
    budget_version: int
    spend_for_ms: int
    """Working time, counted from when the request was first sent - or from its start, if that is later."""
    starts_in_ms: int
    """The budget day starts this long after the grant; counted from receipt, so never early. 0 = running."""
    ends_in_ms: int
    """The budget day ends this long after the grant; counted from when the request was first sent, so never late."""
    epoch: int = 0
    """The census (a mark's number) it was granted under: a banker that has written a newer one does not accept it."""
    currency: str = ""
    day_starts_ms: int = 0
    day_ends_ms: int = 0
    """Currency and interval of the budget day: a database that has lost the campaign-day makes it again from these."""
    mac: bytes = b""

    def signed(self, key: bytes) -> Lease:
        return msgspec.structs.replace(self, mac=mac(key, self._body()))

    def verify(self, key: bytes) -> bool:
        """Whether the allocator made this lease: a forged or damaged one is never money."""
        return self.mac == mac(key, self._body())

    def _body(self) -> bytes:
        return msgspec.msgpack.encode(msgspec.structs.replace(self, mac=b""))
