"""Collects static files only when they, or the packages that bring some, have changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import msgspec

from rtbplatform.local.folders import ROOT, Folders, write_whole
from rtbplatform.local.process import Spec


def static_files_step(folders: Folders, like: Spec) -> Iterator[tuple[str, Spec]]:
    """Yields the command (an environment like `like`'s) if needed, and remembers once it has succeeded."""
    stamp = folders.var / "static.stamp"
    digest = _digest()
    if stamp.exists() and stamp.read_text(encoding="ascii") == digest:
        return
    log = folders.logs / "collectstatic.log"
    argv = (*like.argv[:2], "collectstatic", "--no-input", "-v", "0")
    yield (
        "Collecting static files",
        msgspec.structs.replace(like, name="collectstatic", argv=argv, log=log),
    )
    write_whole(stamp, digest.encode())


def _digest() -> str:
    """Of names, sizes and times: cheap, and changes whenever a file does."""
    files = [ROOT / "requirements.txt"]
    for folder in (ROOT / "static", *ROOT.glob("*/static")):
        if "var" not in folder.parts:
            files += sorted(path for path in folder.rglob("*") if path.is_file())
    facts = ((str(path.relative_to(ROOT)), path.stat()) for path in files if path.exists())
    text = "\n".join(f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in facts)
    return hashlib.sha256(text.encode()).hexdigest()
