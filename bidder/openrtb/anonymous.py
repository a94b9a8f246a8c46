"""What of a user and a device may leave the platform without consent: nothing that singles a person out.

Lists of what may stay, not of what must go: an id in a member that we do not know must not slip through.
"""

from __future__ import annotations

import ipaddress

import msgspec
from msgspec import Raw

USER_STAYS = frozenset({"consent"})
USER_EXT_STAYS = frozenset({"consent", "consented_providers_settings"})
DEVICE_STAYS = frozenset(
    [
        "ua",
        "sua",
        "devicetype",
        "make",
        "model",
        "os",
        "osv",
        "hwv",
        "h",
        "w",
        "ppi",
        "pxratio",
        "js",
        "geofetch",
        "flashver",
        "language",
        "langb",
        "carrier",
        "mccmnc",
        "connectiontype",
        "lmt",
        "dnt",
    ]
)
GEO_STAYS = frozenset(["country", "region", "metro", "utcoffset", "type"])
IPV4_KEPT_BITS = 24
IPV6_KEPT_BITS = 48
GEO_DECIMALS = 2
DEGREES_MAX = 180

_decode = msgspec.json.Decoder(dict[str, Raw]).decode
_encode = msgspec.json.Encoder().encode
_any = msgspec.json.Decoder().decode
_NOTHING = Raw(b"{}")


def members_of(raw: Raw) -> dict[str, Raw]:
    """Empty for anything but an object: such a member was dropped when the request was read. So is one nested so
    deeply that it can no longer be read here, further down the stack than where it was read first."""
    try:
        return _decode(raw) if bytes(raw).startswith(b"{") else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}


def without(raw: Raw, name: str) -> Raw:
    """The object less one member; the same bytes when it has none of that name."""
    members = members_of(raw)
    if not members:
        return _NOTHING
    if members.pop(name, None) is None:
        return raw
    return Raw(_encode(members))


def anonymous_user(raw: Raw) -> Raw:
    members = members_of(raw)
    kept = {name: value for name, value in members.items() if name in USER_STAYS}
    ext = members_of(members.get("ext", _NOTHING))
    kept_ext = {name: value for name, value in ext.items() if name in USER_EXT_STAYS}
    if kept_ext:
        kept["ext"] = Raw(_encode(kept_ext))
    return Raw(_encode(kept))


def anonymous_device(raw: Raw) -> Raw:
    members = members_of(raw)
    kept: dict[str, Raw] = {name: value for name, value in members.items() if name in DEVICE_STAYS}
    for name in ("ip", "ipv6"):
        if name in members:
            address = truncated_ip(str(_value_of(members[name])))
            if address:
                kept[name] = Raw(_encode(address))
    if "geo" in members:
        kept["geo"] = _coarse_geo(members["geo"])
    return Raw(_encode(kept))


def truncated_ip(text: str) -> str:
    """/24 of an IPv4 address, /48 of an IPv6 one; empty for what is neither."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    bits = IPV4_KEPT_BITS if address.version == 4 else IPV6_KEPT_BITS
    return str(ipaddress.ip_network(f"{address}/{bits}", strict=False).network_address)


def _coarse_geo(raw: Raw) -> Raw:
    members = members_of(raw)
    kept: dict[str, Raw] = {name: value for name, value in members.items() if name in GEO_STAYS}
    for name in ("lat", "lon"):
        value = _value_of(members[name]) if name in members else None
        # Larger ones are no degrees, and may be integers that cannot be written.
        if isinstance(value, int | float) and abs(value) <= DEGREES_MAX:
            kept[name] = Raw(_encode(round(value, GEO_DECIMALS)))
    return Raw(_encode(kept))


def _value_of(raw: Raw) -> object:
    """None for what is no usable value, such as 1e400: the member was dropped when the request was read."""
    try:
        value: object = _any(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return value
