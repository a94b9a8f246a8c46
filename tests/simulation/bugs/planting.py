"""How a bug is planted: a few words of a production function's source are replaced, and the function is made again.

A bug whose words are not in the source any more does not plant anything by accident: it fails.
"""

from __future__ import annotations

import inspect
import textwrap
from importlib import import_module
from types import FunctionType
from typing import Any

from msgspec import Struct


class Edit(Struct, frozen=True):
    """In `where` ("module:Class.method" or "module:function"), `old` becomes `new`."""

    where: str
    old: str
    new: str


class Bug(Struct, frozen=True):
    """A wrong piece of production code, or a few that belong together."""

    name: str
    breaks: str
    """What it breaks, in words."""
    edits: tuple[Edit, ...]
    faults: tuple[str, ...] = ()
    """Kinds of faults that bring it out; empty = all."""

    def patches(self) -> list[tuple[Any, str, Any]]:
        """(module or class, attribute, the wrong one)."""
        places = dict.fromkeys(edit.where for edit in self.edits)
        return [
            _patch(where, [one for one in self.edits if one.where == where]) for where in places
        ]


def bug(name: str, breaks: str, *edits: tuple[str, str, str], faults: tuple[str, ...] = ()) -> Bug:
    return Bug(name, breaks, tuple(Edit(*edit) for edit in edits), faults)


def _patch(where: str, edits: list[Edit]) -> tuple[Any, str, Any]:
    module_name, _, path = where.partition(":")
    target: Any = import_module(module_name)
    *owners, name = path.split(".")
    for owner in owners:
        target = getattr(target, owner)
    value = inspect.getattr_static(target, name)
    function: FunctionType = value.fget if isinstance(value, property) else value
    function = inspect.unwrap(function)
    source = textwrap.dedent(inspect.getsource(function)).replace("@property\n", "")
    for edit in edits:
        if edit.old not in source:
            raise LookupError(f"{where} does not say {edit.old!r} any more: mend this bug")
        source = source.replace(edit.old, edit.new, 1)
    code = compile(source, f"<bug in {where}>", "exec")
    made: dict[str, Any] = {}
    exec(code, function.__globals__, made)
    wrong = made[name]
    return target, name, property(wrong) if isinstance(value, property) else wrong
