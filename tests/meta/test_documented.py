"""Settings, commands, metrics and Make targets are documented where people look for them."""

import re

import pytest

from rtbplatform.kernel.environment import settings_markdown
from tests.meta.house import ROOT, sources

COMMANDS = sorted(
    path.stem
    for path in ROOT.rglob("management/commands/*.py")
    if path.stem != "__init__" and ".venv" not in path.parts
)
METRICS = sorted(
    {
        name
        for folder in ("banker",)
        for path in sources("bidder", folder)
        for name in re.findall(r'"(rtb_[a-z_]+)"', path.read_text())
    }
    | set(re.findall(r'"(rtb_[a-z_]+)"', (ROOT / "bidder" / "metrics.py").read_text()))
)


def test_the_settings_page_is_what_the_code_says() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == settings_markdown()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented(command: str) -> None:
    assert f"`manage.py {command}" in (ROOT / "docs" / "commands.md").read_text()


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_is_documented(metric: str) -> None:
    assert f"`{metric}" in (ROOT / "docs" / "metrics.md").read_text()


def test_every_make_target_explains_itself() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in ("run", "test", "lint", "bench", "clean", "help"):
        assert re.search(rf"^{target}:.*## \S", makefile, re.MULTILINE), target
