"""Ports and passwords of a checkout's own servers: chosen once, kept in var/servers.json, looked at again at each start."""

from __future__ import annotations

import secrets
from pathlib import Path

import msgspec

from rtbplatform.local import ports
from rtbplatform.local.folders import write_json


class Endpoint(msgspec.Struct):
    port: int
    password: str


class ServersState(msgspec.Struct):
    postgres: Endpoint | None = None
    redis: dict[str, Endpoint] = {}
    dsp_port: int | None = None


def choose_endpoints(path: Path, regions: tuple[str, ...]) -> ServersState:
    """Last time's ports where they are still free, else others; written down before anything starts."""
    try:
        state = msgspec.json.decode(path.read_bytes(), type=ServersState)
    except (FileNotFoundError, msgspec.MsgspecError):
        state = ServersState()
    taken: set[int] = set()

    def pick(preferred: int | None) -> int:
        port = ports.choose(preferred, frozenset(taken))
        taken.add(port)
        return port

    def endpoint(last: Endpoint | None) -> Endpoint:
        password = last.password if last else secrets.token_hex(16)
        return Endpoint(port=pick(last.port if last else None), password=password)

    state.postgres = endpoint(state.postgres)
    state.redis = {region: endpoint(state.redis.get(region)) for region in regions}
    state.dsp_port = pick(state.dsp_port)
    write_json(path, state)
    return state
