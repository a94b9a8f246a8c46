"""The snapshot: all that a bidder must know of the market, made by `campaigns.snapshot`, versioned.

It travels through Redis sealed (encrypted and authenticated, compressed): it holds DSPs' credentials. Readers reject
versions below the one they have.
"""

from __future__ import annotations

import msgspec
import zstandard

from rtbplatform.kernel.keys import open_blob, seal_blob

SNAPSHOT_SCHEMA = 1
SNAPSHOT_BYTES_MAX = 1024 * 1024 * 1024


class ExchangeView(msgspec.Struct, frozen=True):
    id: int
    slug: str
    key_hashes: list[bytes]
    """`keys.exchange_key_hash` of every key in force (two while one is rotated)."""
    qps_max: int
    """Requests a second over the region; 0 = no quota."""
    increment_cpm_micros: int = 10_000
    """Added to the runner-up's price in a second-price auction; $0.01 CPM by default."""
    currencies: list[str] = msgspec.field(default_factory=lambda: ["USD"])
    explains_no_bids: bool = False
    """200 with nbr instead of 204."""
    allows_debug: bool = False
    charging: str = "at_auction"
    billing_horizon_ms: int = 0
    """on_billing_notice: how long after its answer a debit is held for the notice; 0 with at_auction."""
    signature_version: int = 1
    header_key_only: bool = False
    active: bool = True


class DspView(msgspec.Struct, frozen=True):
    id: int
    slug: str
    seat: str
    endpoint: str
    formats: list[str]
    """Any of banner, video, audio, native; empty = all."""
    countries: list[str]
    """ISO 3166-1 alpha-3; empty = all."""
    currency: str = "USD"
    timeout_ms: int = 0
    """0 = the fan-out's deadline."""
    in_flight_max: int = 200
    qps_max: int = 0
    gzip: bool = False
    openrtb_version: str = "2.6"
    auth_header: str = ""
    auth_value: str = ""
    active: bool = True


class TargetingView(msgspec.Struct, frozen=True, omit_defaults=True):
    """Each list: empty = all. Values as in OpenRTB: countries alpha-3, categories IAB codes, domains lower-case."""

    countries: list[str] = []
    not_countries: list[str] = []
    device_types: list[int] = []
    os: list[str] = []
    """Lower-case."""
    domains: list[str] = []
    not_domains: list[str] = []
    bundles: list[str] = []
    not_bundles: list[str] = []
    categories: list[str] = []
    not_categories: list[str] = []
    publishers: list[str] = []
    not_publishers: list[str] = []
    exchanges: list[int] = []
    formats: list[str] = []
    segments: list[str] = []
    hours: list[int] = []
    """`day_parts.hour_of_week` in the campaign's time zone."""


class FrequencyCap(msgspec.Struct, frozen=True):
    answers_max: int
    window_s: int


class CampaignView(msgspec.Struct, frozen=True):
    id: int
    advertiser: int
    currency: str
    dsp: int
    """Id of the DSP whose bids may name it as `cid`; 0 = our own campaign, matched by targeting."""
    bid_cpm_micros: int
    """Own campaigns: the price it bids; DSP campaigns: the most a bid may be (0 = no limit)."""
    starts_ms: int
    ends_ms: int
    """Flight in Unix ms; 0 = open."""
    budget_version: int
    targeting: TargetingView
    caps: list[FrequencyCap] = []
    categories: list[str] = []
    domain: str = ""
    active: bool = True
    time_zone: str = "UTC"
    """IANA name, for `targeting.hours`."""


class CreativeView(msgspec.Struct, frozen=True):
    id: int
    crid: str
    advertiser: int
    campaign: int
    format: str
    """banner | video | native | audio"""
    width: int
    height: int
    markup: str
    adomain: list[str]
    categories: list[str] = []
    attributes: list[int] = []
    mimes: list[str] = []
    duration_s: int = 0
    protocols: list[int] = []
    apis: list[int] = []
    language: str = ""
    secure: bool = True
    mtype: int = 1
    image_url: str = ""


class BlockView(msgspec.Struct, frozen=True):
    """One line of a block list. Kinds: ip (address or CIDR), datacenter (CIDR), user_agent (substring), domain,
    bundle, publisher, user (hex of the keyed hash)."""

    kind: str
    value: str
    nbr: int
    reason: str = ""
    expires_ms: int = 0


class FxRate(msgspec.Struct, frozen=True):
    """1 unit of `base` = `rate` units of `quote`, on `as_of` (ISO date). Rate as a decimal string."""

    base: str
    quote: str
    rate: str
    as_of: str


class Snapshot(msgspec.Struct, frozen=True):
    version: int
    made_ms: int
    exchanges: list[ExchangeView]
    dsps: list[DspView]
    campaigns: list[CampaignView]
    creatives: list[CreativeView]
    blocks: list[BlockView] = []
    fx: list[FxRate] = []
    velocity_per_minute_max: dict[str, int] = {}
    """Per kind (ip, user, device): requests a minute above which traffic is blocked; missing = not checked."""
    killed: bool = False
    """The platform's kill switch: answer every request without a bid."""
    schema: int = SNAPSHOT_SCHEMA


_decoder = msgspec.msgpack.Decoder(Snapshot)


def seal(key: bytes, snapshot: Snapshot) -> bytes:
    """`key` is ``derive(secret, wire.SNAPSHOT_PURPOSE)``."""
    plain = zstandard.ZstdCompressor(level=3).compress(msgspec.msgpack.encode(snapshot))
    return seal_blob(key, plain)


def unseal(key: bytes, blob: bytes) -> Snapshot:
    """Raises keys.SealError for a foreign or damaged blob, msgspec.MsgspecError for one of another schema."""
    plain = zstandard.ZstdDecompressor().decompress(
        open_blob(key, blob), max_output_size=SNAPSHOT_BYTES_MAX
    )
    return _decoder.decode(plain)
