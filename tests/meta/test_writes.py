"""Who may write: services only, and ledger rows only inside the ledger."""

import ast
from pathlib import Path

import pytest

from tests.meta.house import PACKAGES, sources, tree, where

WRITES = {
    "save",
    "delete",
    "create",
    "bulk_create",
    "update",
    "bulk_update",
    "get_or_create",
    "update_or_create",
}
VIEW_FILES = [
    path
    for package in PACKAGES
    for path in sources(package)
    if path.stem in {"admin", "serializers"} or {"console", "api"} & set(path.parts)
]


def orm_writes(path: Path) -> list[str]:
    """Calls such as ``Model.objects.create(...)``, ``x.objects.filter(...).update(...)``, ``instance.save()``."""
    found = []
    for node in ast.walk(tree(path)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        text = ast.unparse(node.func)
        name = node.func.attr
        is_manager = ".objects." in text and name in WRITES
        is_instance = name == "save" and not text.startswith(("super()", "form."))
        if is_manager or is_instance:
            found.append(f"{where(path)}:{node.lineno} {text}")
    return found


@pytest.mark.parametrize("path", VIEW_FILES, ids=where)
def test_views_serializers_and_admin_never_write(path: Path) -> None:
    assert orm_writes(path) == []


@pytest.mark.parametrize(
    "path",
    [p for package in PACKAGES for p in sources(package) if "ledger" not in p.parts],
    ids=where,
)
def test_only_the_ledger_inserts_ledger_rows(path: Path) -> None:
    writes = [
        line
        for line in orm_writes(path)
        if "Posting.objects" in line or "Transaction.objects" in line
    ]
    assert writes == []
