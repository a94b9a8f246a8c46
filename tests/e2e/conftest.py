"""Chromium against a really running platform: the one of RTB_READY (a ready.json), or one of its own."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.acceptance.platform import Platform, started

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGS = ["--no-sandbox", "--disable-dev-shm-usage"]  # as root, and where /dev/shm is small
TIMEOUT_MS = 20_000


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.fail("The browser tests need Chromium: apt install chromium", pytrace=False)
    return found


@pytest.fixture(scope="module")
def running() -> Iterator[Platform]:
    """With the demo exchange sending, so that money moves."""
    given = os.environ.get("RTB_READY")
    if given:
        yield Platform(Path(given).parent)
        return
    # Not below pytest's folder: nobody else may enter that, and Postgres may run as another user.
    var = Path(tempfile.mkdtemp(prefix="rtb-e2e-"))
    try:
        with started(var, TRAFFIC="20") as platform:
            yield platform
    finally:
        shutil.rmtree(var, ignore_errors=True)


@pytest.fixture
def page(chromium: str) -> Iterator[Page]:
    """A window in which nothing that the pages say to the console is an error."""
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGS)
        window = browser.new_page(viewport={"width": 1280, "height": 900})
        window.set_default_timeout(TIMEOUT_MS)
        window.on("pageerror", lambda error: complaints.append(str(error)))
        window.on(
            "console",
            lambda said: complaints.append(said.text) if "Security Policy" in said.text else None,
        )
        yield window
        browser.close()
    assert complaints == []
