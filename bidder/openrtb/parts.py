"""The request as bytes, member by member: bodies for DSPs are spliced from it, and the audit's two halves.

Members that need no change keep the exchange's bytes, unknown ones included.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from bidder.openrtb.anonymous import anonymous_device, anonymous_user, members_of, without
from bidder.openrtb.errors import MalformedRequestError

PUBLIC = frozenset(
    [
        "id",
        "imp",
        "site",
        "app",
        "dooh",
        "test",
        "at",
        "tmax",
        "wseat",
        "bseat",
        "allimps",
        "cur",
        "wlang",
        "wlangb",
        "acat",
        "bcat",
        "cattax",
        "badv",
        "bapp",
        "source",
        "regs",
    ]
)
_decode = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_list = msgspec.json.Decoder(list[Raw]).decode
_encode = msgspec.json.Encoder().encode


class SharedBody(Struct, frozen=True):
    """What all DSPs asked about one request get, but for the time they have."""

    head: bytes
    tail: bytes = b"}"

    def for_dsp(self, tmax_ms: int) -> bytes:
        """The body with the time that is truly left."""
        return b"%b%d%b" % (self.head, tmax_ms, self.tail)


class RequestParts(Struct):
    """Top-level members in the exchange's order."""

    members: dict[str, Raw]

    @classmethod
    def of(cls, body: bytes) -> RequestParts:
        """`body` has been through `request.parse`, so it is a JSON object. Raises MalformedRequestError all the same
        for what only this reading finds, such as a member's name that is not UTF-8."""
        try:
            return cls(_decode(body))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedRequestError("not_json") from error

    def shared_body(self, *, ids_allowed: bool, schain_node: bytes | None = None) -> SharedBody:
        """Without consent ids, eids, IP ends and precise geo are left out. The exchange's buyeruid is ours, so it
        never goes on. `schain_node`: our node as JSON, appended to the supply chain."""
        members = dict(self.members)
        members.pop("tmax", None)
        user, device = members.get("user"), members.get("device")
        if user is not None:
            members["user"] = without(user, "buyeruid") if ids_allowed else anonymous_user(user)
        if device is not None and not ids_allowed:
            members["device"] = anonymous_device(device)
        if schain_node is not None:
            members["source"] = _with_node(members.get("source", Raw(b"{}")), schain_node)
        return SharedBody(_encode(members)[:-1] + b',"tmax":')

    def public_bytes(self) -> bytes:
        """The request less everything that may point at a person: device, user, ext and unknown members."""
        return _encode({name: raw for name, raw in self.members.items() if name in PUBLIC})

    def personal_bytes(self) -> bytes:
        """The members that `public_bytes` leaves out."""
        return _encode({name: raw for name, raw in self.members.items() if name not in PUBLIC})


def _with_node(source: Raw, node: bytes) -> Raw:
    """2.5 keeps the chain in ext; it is extended where it is found."""
    members = members_of(source)
    ext = members_of(members["ext"]) if "ext" in members else {}
    if "schain" not in members and "schain" in ext:
        ext["schain"] = _extended(ext["schain"], node)
        members["ext"] = Raw(_encode(ext))
    else:
        members["schain"] = _extended(members.get("schain"), node)
    return Raw(_encode(members))


def _extended(schain: Raw | None, node: bytes) -> Raw:
    """Nodes that are no list are as good as none: ours is the first then, and the chain is not complete."""
    chain = members_of(schain) if schain is not None else {}
    nodes = _nodes_of(chain)
    if not nodes:
        # What came before us is not known.
        chain["complete"] = Raw(b"0")
        chain.setdefault("ver", Raw(b'"1.0"'))
    chain["nodes"] = Raw(_encode([*nodes, Raw(node)]))
    return Raw(_encode(chain))


def _nodes_of(chain: dict[str, Raw]) -> list[Raw]:
    try:
        return _decode_list(chain["nodes"]) if "nodes" in chain else []
    except (msgspec.DecodeError, RecursionError):
        return []
