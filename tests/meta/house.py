"""What the house-rule tests look at: the tree's Python files and what they import."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("rtbplatform", "campaigns", "billing", "bidder", "fraud")


@cache
def sources(*parts: str) -> tuple[Path, ...]:
    """Python files below a folder of the project, migrations left out."""
    found = ROOT.joinpath(*parts).rglob("*.py")
    return tuple(sorted(path for path in found if "migrations" not in path.parts))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imports(path: Path) -> set[str]:
    """Dotted names of all modules that a file imports, wherever in the file."""
    names: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def imports_below(path: Path, *packages: str) -> set[str]:
    """Those imports of a file that are one of the packages, or below one."""
    return {
        name
        for name in imports(path)
        if any(name == package or name.startswith(package + ".") for package in packages)
    }


def where(path: Path) -> str:
    return str(path.relative_to(ROOT))
