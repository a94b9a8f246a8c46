"""What a creative must be for its format, beyond what its fields say."""

from __future__ import annotations

import re
from collections.abc import Iterator

from campaigns.models import Creative, CreativeFormat
from campaigns.validation import refuse

MARKUP_CHARACTERS_MAX = 65_536
DURATION_S_MAX = 600
_INSECURE = re.compile(r"""\b(src|href|url)\s*[=(]\s*["']?\s*http:""", re.IGNORECASE)


def check_creative(creative: Creative) -> None:
    """Raises ValidationError with a sentence per field."""
    refuse(_problems(creative))


def _problems(creative: Creative) -> Iterator[tuple[str, str]]:
    if len(creative.markup) > MARKUP_CHARACTERS_MAX:
        yield "markup", f"Markup may have at most {MARKUP_CHARACTERS_MAX:,} characters."
    if _INSECURE.search(creative.markup):
        yield "markup", "Markup must load everything over HTTPS."
    if not creative.adomain:
        yield "adomain", "Name the advertiser's domain: exchanges and publishers block by it."
    if creative.format == CreativeFormat.BANNER and not (creative.width and creative.height):
        yield "width", "A banner needs a width and a height."
    if creative.format in {CreativeFormat.VIDEO, CreativeFormat.AUDIO}:
        if not 0 < creative.duration_s <= DURATION_S_MAX:
            yield "duration_s", f"The duration must be 1 to {DURATION_S_MAX} seconds."
        if not creative.mimes:
            yield "mimes", "Name the media types, such as video/mp4."
