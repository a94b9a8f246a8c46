"""Waits until the whole platform is ready, and tells it: var/ready.json for programs, a few lines for people."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from rtbplatform.kernel.keys import answer_signing_key
from rtbplatform.local.folders import Folders, LocalError, tail, write_json
from rtbplatform.local.plan import Plan
from rtbplatform.local.probes import accepts, all_bidders_ready, http_ok
from rtbplatform.local.say import say, say_plain
from rtbplatform.local.supervisor import Supervisor

TIMEOUT_S = 120.0
TELL_EVERY_S = 5.0
STEADY_S = 1.0
POLL_S = 0.1

Check = Callable[[], Awaitable[bool]]


def checks(plan: Plan, supervisor: Supervisor) -> dict[str, Check]:
    """What is asked of whom, by process name (bidders by their region's first)."""
    host, port = plan.web_socket.getsockname()[:2]
    local_web = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"
    asked: dict[str, Check] = {"web": partial(http_ok, f"{local_web}/healthz")}
    for spec in plan.processes:
        if spec.name.startswith("banker"):
            socket_path = Path(spec.env["BANKER_SOCKET"])
            asked[spec.name] = partial(accepts, socket_path)
        elif spec.name.startswith(("treasury", "worker", "beat")):
            asked[spec.name] = partial(_steady, supervisor, spec.name)
    for region in plan.regions:
        url = f"http://127.0.0.1:{region.bidder_port}"
        if plan.settings.bind_host not in {"0.0.0.0", "127.0.0.1"}:
            url = region.bidder_url
        asked[f"bidder{region.suffix}-0"] = partial(all_bidders_ready, url, plan.settings.bidders)
    asked["dsps"] = partial(http_ok, f"{plan.dsp_url}/control")
    return asked


async def _steady(supervisor: Supervisor, name: str) -> bool:
    child = supervisor.children[name]
    return child.alive and time.monotonic() - child.started_s > STEADY_S


async def wait_until_ready(asked: dict[str, Check], logs: Path) -> None:
    """Asks until each has said yes once. Raises LocalError with the log of one that does not in time."""
    waiting = dict(asked)
    deadline_s = time.monotonic() + TIMEOUT_S
    tell_s = time.monotonic() + TELL_EVERY_S
    while waiting:
        for name, answer in zip(
            list(waiting), await asyncio.gather(*(ask() for ask in waiting.values())), strict=True
        ):
            if answer:
                del waiting[name]
                say(f"{name} is ready")
        if waiting and time.monotonic() > tell_s:
            say(f"Still waiting for {', '.join(waiting)}")
            tell_s += TELL_EVERY_S
        if waiting and time.monotonic() > deadline_s:
            first = next(iter(waiting))
            raise LocalError(
                f"Not ready after {TIMEOUT_S:.0f} s: {', '.join(waiting)}. "
                f"The end of {first}'s log:\n\n{tail(logs / f'{first}.log')}"
            )
        await asyncio.sleep(POLL_S)


def facts(
    plan: Plan, folders: Folders, pids: dict[str, int], database_url: str
) -> dict[str, object]:
    """The content of var/ready.json."""
    demo: dict[str, Any] = msgspec.json.decode(folders.demo_file.read_bytes())
    exchange = demo.get("exchange")
    if exchange:
        secret = plan.prepare[0][1].env["RTB_SECRET"]
        exchange["signing_key"] = answer_signing_key(secret, exchange["slug"], 1).hex()
    return {
        "web": plan.web_url,
        "bidder": plan.regions[0].bidder_url,
        "exchange": exchange,
        "logins": demo.get("logins"),
        "dsps": plan.dsp_url,
        "pids": pids,
        "regions": {
            region.name: {"bidder": region.bidder_url, "redis_url": region.redis_url}
            for region in plan.regions
        },
        "database_url": database_url,
        "redis_url": plan.regions[0].redis_url,
    }


def write_ready(folders: Folders, content: dict[str, object]) -> None:
    write_json(folders.ready_file, content)


def announce(folders: Folders, content: dict[str, Any], traffic: int) -> None:
    """What a person who just typed `make run` wants to know."""
    logins = content.get("logins") or {}
    exchange = content.get("exchange") or {}
    slug = exchange.get("slug", "")
    lines = [
        "",
        "  Ready.",
        f"  console   {content['web']}",
        *(
            f"            {role:<12} {login.get('email', '')}   {login.get('password', '')}"
            for role, login in logins.items()
        ),
        *(
            f"  bidder    {region['bidder']}/openrtb2/{slug}   ({name})"
            for name, region in content["regions"].items()
        ),
        f"            X-Exchange-Key: {exchange.get('key', '')}",
        f"  traffic   {traffic} requests/s from the demo exchange",
        f"  logs      {folders.logs}",
        "  Ctrl-C stops everything.",
        "",
    ]
    say_plain("\n".join(lines))
