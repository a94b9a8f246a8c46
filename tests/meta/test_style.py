"""Sizes and habits: files and functions stay small, modules say what they are for, nothing is swallowed."""

import ast
from pathlib import Path

import pytest

from tests.meta.house import PACKAGES, ROOT, sources, tree, where

FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 50
OURS = [path for package in (*PACKAGES, "bench") for path in sources(package)]
STAGES = ("edge", "enrich", "respond", "reserve")


@pytest.mark.parametrize("path", OURS, ids=where)
def test_files_stay_within_300_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= FILE_LINES_MAX


@pytest.mark.parametrize("path", OURS, ids=where)
def test_functions_stay_within_50_lines(path: Path) -> None:
    long = [
        f"{node.name}: {(node.end_lineno or 0) - node.lineno + 1} lines"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES_MAX
    ]
    assert long == []


@pytest.mark.parametrize("path", [path for path in OURS if path.read_text().strip()], ids=where)
def test_modules_say_what_they_are_for(path: Path) -> None:
    assert ast.get_docstring(tree(path))


@pytest.mark.parametrize("path", OURS, ids=where)
def test_no_exception_is_swallowed(path: Path) -> None:
    swallowed = [
        node.lineno
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler)
        and len(node.body) == 1
        and isinstance(node.body[0], ast.Pass)
    ]
    assert swallowed == []


def test_no_file_is_left_unfinished() -> None:
    marks = ("TO" + "DO", "FIX" + "ME", "NotImplemented" + "Error")
    assert [where(p) for p in OURS if any(mark in p.read_text() for mark in marks)] == []


def test_tests_do_not_sleep() -> None:
    sleeping = []
    for path in sources("tests"):
        sleeping += [
            f"{where(path)}:{node.lineno}"
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "time.sleep"
        ]
    assert sleeping == []


def test_the_readme_is_there_for_someone_new() -> None:
    readme = (ROOT / "README.md").read_text()
    assert "make run" in readme
    assert "make test" in readme
