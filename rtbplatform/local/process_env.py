"""`PROCESS_ENV`: variables for single processes of a run, for rehearsals in which one machine is not like the others."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from rtbplatform.local.folders import LocalError
from rtbplatform.local.process import Spec

EXAMPLE = '{"banker": {"TZ": "Asia/Tokyo"}}'


def with_process_env(specs: Iterable[Spec], setting: str) -> list[Spec]:
    """The processes with what is set for them. Raises LocalError for text that is not such a table, and for the name of
    a process that there is not."""
    known = {spec.name: spec for spec in specs}
    for name, variables in _table(setting).items():
        if name not in known:
            raise LocalError(
                f"PROCESS_ENV names {name!r}, and there is no such process: use one of {', '.join(known)}."
            )
        known[name] = replace(known[name], env={**known[name].env, **variables})
    return list(known.values())


def _table(setting: str) -> dict[str, dict[str, str]]:
    try:
        return msgspec.json.decode(setting or "{}", type=dict[str, dict[str, str]])
    except msgspec.MsgspecError as error:
        raise LocalError(
            f"PROCESS_ENV is not a JSON object of objects of texts, such as {EXAMPLE}: {error}"
        ) from error
