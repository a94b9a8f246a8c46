"""The request as bytes, member by member: bodies for DSPs are spliced from it, and the audit's two halves."""

from __future__ import annotations

import msgspec
from msgspec import Raw


class RequestParts(msgspec.Struct):
    """Top-level members in the exchange's order; unknown ones are kept as they came."""

    members: dict[str, Raw]

    @classmethod
    def of(cls, body: bytes) -> RequestParts:
        """`body` has been through `request.parse`, so it is a JSON object."""
        raise NotImplementedError

    def shared_body(self, *, ids_allowed: bool, schain: bytes | None = None) -> SharedBody:
        """What all DSPs get: once per request. Without consent ids, eids, IP ends and precise geo are stripped.
        `schain`: our schain node as JSON, appended to the chain (None = leave the chain)."""
        raise NotImplementedError

    def public_bytes(self) -> bytes:
        """The request less everything that may point at a person: device, user, ext and unknown members."""
        raise NotImplementedError

    def personal_bytes(self) -> bytes:
        """The members that `public_bytes` leaves out."""
        raise NotImplementedError


class SharedBody(msgspec.Struct):
    """A DSP's body is `head + tmax + tail`; `with_buyeruid` splices one user id in."""

    head: bytes
    tail: bytes

    def for_dsp(self, tmax_ms: int) -> bytes:
        """The body with the time that is truly left."""
        return b"%b%d%b" % (self.head, tmax_ms, self.tail)
