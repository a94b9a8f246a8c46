"""The native markup request: JSON in a string (Native Ads API 1.2, sections 4.1 to 4.7)."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from bidder.openrtb.errors import MalformedRequestError
from bidder.openrtb.imp import ABSENT, Native


class Asset(Struct):
    id: int | None = None
    title: Raw = ABSENT
    img: Raw = ABSENT
    video: Raw = ABSENT
    data: Raw = ABSENT


class EventTracker(Struct):
    event: int
    methods: list[int]


class Markup(Struct):
    assets: list[Asset] = []
    eventtrackers: list[EventTracker] = []


class Wrapped(Markup):
    """1.0 wraps the object in a member "native"; later versions do not, exchanges do both."""

    native: Markup | None = None


_decode = msgspec.json.Decoder(Wrapped).decode


def check_native(native: Native, where: str) -> None:
    """Raises MalformedRequestError."""
    if not native.request:
        raise MalformedRequestError("native_request_missing", where)
    try:
        wrapped = _decode(native.request.encode())
    except msgspec.ValidationError as error:
        trackers = ".eventtrackers" in str(error)
        raise MalformedRequestError(
            "native_eventtracker" if trackers else "native_request_unusable", where
        ) from error
    except (ValueError, RecursionError) as error:
        raise MalformedRequestError("native_request_not_json", where) from error
    markup = wrapped.native or wrapped
    if not markup.assets:
        raise MalformedRequestError("native_without_assets", where)
    _check_assets(markup.assets, where)
    for tracker in markup.eventtrackers:
        if tracker.event < 1 or not tracker.methods:
            raise MalformedRequestError("native_eventtracker", where)


def _check_assets(assets: list[Asset], where: str) -> None:
    seen: set[int] = set()
    for asset in assets:
        if asset.id is None:
            raise MalformedRequestError("native_asset_id_missing", where)
        if asset.id in seen:
            raise MalformedRequestError("native_asset_id_duplicate", where)
        seen.add(asset.id)
        kinds = (asset.title, asset.img, asset.video, asset.data)
        if sum(bytes(kind) != b"null" for kind in kinds) != 1:
            raise MalformedRequestError("native_asset_type", where)
