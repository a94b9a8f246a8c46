"""Settings, commands, metrics and Make targets are documented where people look for them."""

import ast
import re
from itertools import chain
from pathlib import Path

import pytest

from rtbplatform.kernel.environment import settings_markdown
from tests.meta.house import ROOT, sources, tree

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


def alarm_kinds(path: Path) -> set[str]:
    """The first words of what is given to `raise_alarm`, to a store's `alarm` and to `alarms.append`."""
    kinds: set[str] = set()
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        called, first = ast.unparse(node.func), node.args[0]
        if called.endswith("alarms.append") and isinstance(first, ast.Tuple):
            kinds |= texts(path, first.elts[0])
        elif called == "raise_alarm" or called.endswith(".alarm"):
            kinds |= texts(path, first)
    return kinds


def texts(path: Path, value: ast.expr) -> set[str]:
    """What it can be; a name is looked up where the file assigns it."""
    if isinstance(value, ast.IfExp):
        return texts(path, value.body) | texts(path, value.orelse)
    if isinstance(value, ast.Constant):
        return {str(value.value)}
    assigned = [
        node.value
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == ast.unparse(value)
    ]
    return {text for one in assigned for text in texts(path, one)}


ALARMS = sorted(set(chain.from_iterable(alarm_kinds(path) for path in sources("billing"))))


def test_alarms_are_found_however_they_are_raised() -> None:
    raised = {"audit_chain", "invariant_full", "late_bill", "outbox_copy", "stream_stopped"}
    assert raised <= set(ALARMS)


@pytest.mark.parametrize("alarm", ALARMS)
def test_every_alarm_stands_in_a_runbooks_table(alarm: str) -> None:
    runbooks = [path.read_text() for path in (ROOT / "docs" / "runbooks").glob("*.md")]
    assert any(re.search(rf"^\| [^|]*`{alarm}`", text, re.MULTILINE) for text in runbooks)


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
