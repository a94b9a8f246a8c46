"""How a command line finds the platform that runs in this checkout, when nobody told it by the environment."""

from __future__ import annotations

import msgspec

from rtbplatform.local.folders import Folders


def running_environment() -> dict[str, str]:
    """The settings of the platform that `make run` keeps up here; empty when none runs."""
    try:
        raw = Folders.default().environment_file.read_bytes()
        return msgspec.json.decode(raw, type=dict[str, str])
    except (FileNotFoundError, PermissionError, msgspec.MsgspecError):
        return {}
