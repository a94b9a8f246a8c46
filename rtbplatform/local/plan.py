"""Which processes a run consists of, as plain values: their commands, environments, sockets and order of stopping."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct

from rtbplatform.kernel import environment
from rtbplatform.kernel.settings import Banker, Bidder, Local, Platform
from rtbplatform.local import proxy
from rtbplatform.local.folders import ROOT, Folders, kept_random
from rtbplatform.local.process import Spec
from rtbplatform.local.process_env import with_process_env
from rtbplatform.local.sockets import reachable_host, region_names

RANK = {
    name: rank
    for rank, name in enumerate(
        ("exchange", "bidder", "banker", "treasury", "celery", "web", "dsps", "proxy"), start=1
    )
}
GRACE_S = {"banker": 15.0, "treasury": 15.0}


class Region(Struct, frozen=True, kw_only=True):
    name: str
    suffix: str
    """Of its processes' names: empty when there is one region only."""
    bidder_port: int
    bidder_url: str
    redis_url: str
    sockets: tuple[socket.socket, ...]
    """One per bidder, held here, so that connections wait for a bidder that is restarted."""
    proxy_socket: socket.socket | None
    """Of its own way to Postgres; none when there is one region only."""


class Plan(Struct, frozen=True, kw_only=True):
    settings: Local
    web_url: str
    dsp_url: str
    web_socket: socket.socket
    regions: tuple[Region, ...]
    prepare: tuple[tuple[str, Spec], ...]
    """(what is told, command), run one after the other before the processes start."""
    processes: tuple[Spec, ...]
    exchange: tuple[Spec, ...]
    """The demo exchange, started when all others are ready; none without traffic."""


def make_plan(
    settings: Local,
    folders: Folders,
    *,
    database_url: str,
    redis_urls: Mapping[str, str],
    dsp_socket: socket.socket,
    web_socket: socket.socket,
    bidder_sockets: Mapping[str, tuple[socket.socket, ...]],
    proxy_sockets: Mapping[str, socket.socket],
) -> Plan:
    """The whole platform. Raises SettingsError when a process would refuse its settings, LocalError for a PROCESS_ENV
    that cannot be applied."""
    host = reachable_host(settings.bind_host)
    web_url = os.environ.get("WEB_PUBLIC_URL") or f"http://{host}:{settings.web_port}"
    dsp_port = dsp_socket.getsockname()[1]
    dsp_url = f"http://127.0.0.1:{dsp_port}"
    regions = tuple(
        _region(
            *(name, number, settings, host, redis_urls[name]),
            *(bidder_sockets[name], proxy_sockets.get(name)),
        )
        for number, name in enumerate(region_names(settings.regions))
    )
    base = _shared_env(settings, folders, web_url, dsp_port)
    django = {
        **base,
        "DATABASE_URL": database_url,
        "REDIS_URL": regions[0].redis_url,
        "REGION": regions[0].name,
        "BIDDER_PUBLIC_URL": regions[0].bidder_url,
    }
    processes = [*_django_processes(folders, django, web_socket), _dsps(folders, base, dsp_socket)]
    for region in regions:
        processes += _region_processes(folders, region, base, database_url)
    processes = with_process_env(processes, settings.process_env)
    _refuse_wrong_settings(processes)
    return Plan(
        settings=settings,
        web_url=web_url,
        dsp_url=dsp_url,
        web_socket=web_socket,
        regions=regions,
        prepare=_preparations(folders, django),
        processes=tuple(processes),
        exchange=_exchange(folders, base, regions) if settings.traffic else (),
    )


def _shared_env(settings: Local, folders: Folders, web_url: str, dsp_port: int) -> dict[str, str]:
    """What every process may know; stores and names of a region come on top."""
    return {
        "PYTHONUNBUFFERED": "1",
        "RTB_SECRET": os.environ.get("RTB_SECRET") or kept_random(folders.var / "secret"),
        "MACHINE_ID": os.environ.get("MACHINE_ID") or kept_random(folders.var / "machine-id", 16),
        "WEB_PUBLIC_URL": web_url,
        "DEMO_FILE": str(folders.demo_file),
        "DSP_BASE_URL": f"http://127.0.0.1:{dsp_port}",
        "DSP_PORT": str(dsp_port),
        "TRAFFIC": str(settings.traffic),
    }


def inherited(kind: type[Struct]) -> dict[str, str]:
    """Those settings of a kind of process that the run itself was given."""
    names = {field.name.upper() for field in msgspec.structs.fields(kind)}
    return {name: os.environ[name] for name in sorted(names & os.environ.keys())}


def _preparations(folders: Folders, env: dict[str, str]) -> tuple[tuple[str, Spec], ...]:
    # One process for both: starting Django costs more than either when there is nothing to do.
    commands = (
        ("Bringing the database up to date with the demo's data", ("load_demo", "--migrate")),
    )
    manage = (sys.executable, str(ROOT / "manage.py"))
    return tuple(
        (told, _spec(folders, words[0], (*manage, *words), "", env)) for told, words in commands
    )


def _region(
    name: str,
    number: int,
    settings: Local,
    host: str,
    redis_url: str,
    sockets: tuple[socket.socket, ...],
    proxy_socket: socket.socket | None,
) -> Region:
    port = settings.bidder_port + number
    given = os.environ.get("BIDDER_PUBLIC_URL") if settings.regions == 1 else None
    return Region(
        name=name,
        suffix="" if settings.regions == 1 else f"-{name}",
        bidder_port=port,
        bidder_url=given or f"http://{host}:{port}",
        redis_url=redis_url,
        sockets=sockets,
        proxy_socket=proxy_socket,
    )


def _spec(
    folders: Folders,
    name: str,
    argv: tuple[str, ...],
    role: str,
    env: dict[str, str],
    listen_fd: int | None = None,
) -> Spec:
    return Spec(
        name=name,
        argv=argv,
        log=folders.logs / f"{name}.log",
        env=env,
        stop_rank=RANK.get(role, 0),
        grace_s=GRACE_S.get(role, 10.0),
        listen_fd=listen_fd,
        essential=role != "exchange",
    )


def _django_processes(
    folders: Folders, env: dict[str, str], web_socket: socket.socket
) -> list[Spec]:
    web = (
        *(sys.executable, "-m", "gunicorn", "rtbplatform.wsgi", "--no-control-socket"),
        # One import for all workers: half the time until they answer.
        "--preload",
        *("--bind", f"fd://{web_socket.fileno()}", "--workers", "2", "--threads", "8"),
        *("--graceful-timeout", "5", "--worker-tmp-dir", "/dev/shm"),
    )
    celery = (sys.executable, "-m", "celery", "-A", "rtbplatform")
    worker = (*celery, "worker", "--concurrency", "2", "--without-gossip", "--without-mingle")
    beat = (*celery, "beat", "--pidfile=", "--schedule", str(folders.var / "celery-beat"))
    return [
        _spec(folders, "web", web, "web", env, web_socket.fileno()),
        _spec(folders, "worker", (*worker, "--loglevel", "INFO"), "celery", env),
        _spec(folders, "beat", (*beat, "--loglevel", "INFO"), "celery", env),
    ]


def _dsps(folders: Folders, env: dict[str, str], held: socket.socket) -> Spec:
    argv = (sys.executable, "-m", "rtbplatform.local.demo_dsps")
    return _spec(folders, "dsps", argv, "dsps", env, held.fileno())


def _exchange(
    folders: Folders, base: dict[str, str], regions: tuple[Region, ...]
) -> tuple[Spec, ...]:
    argv = (sys.executable, "-m", "rtbplatform.local.demo_exchange")
    env = {**base, "BIDDER_URLS": ",".join(region.bidder_url for region in regions)}
    return (_spec(folders, "exchange", argv, "exchange", env),)


def _region_processes(
    folders: Folders, region: Region, base: dict[str, str], database_url: str
) -> list[Spec]:
    outbox = folders.outbox(region.name)
    outbox.mkdir(mode=0o700, parents=True, exist_ok=True)
    env = {
        **base,
        "REGION": region.name,
        "POD": f"{region.name}-pod0",
        "REDIS_URL": region.redis_url,
        "OUTBOX_DIR": str(outbox),
        "BANKER_SOCKET": str(folders.sockets() / f"banker-{region.name}.sock"),
        "BIDDER_PORT": str(region.bidder_port),
        "BIDDER_PUBLIC_URL": region.bidder_url,
    }
    treasury = (sys.executable, str(ROOT / "manage.py"), "run_treasury")
    banker = (sys.executable, "-m", "bidder.banker")
    bidder = (sys.executable, "-m", "bidder")
    proxies, way = _way_to_postgres(folders, region, base, database_url)
    journal = folders.var / "journal" / f"{region.name}.journal"
    treasury_env = {**env, "DATABASE_URL": way, "TREASURY_JOURNAL": str(journal)}
    return [
        *proxies,
        _spec(folders, f"treasury{region.suffix}", treasury, "treasury", treasury_env),
        _spec(folders, f"banker{region.suffix}", banker, "banker", env),
        *(
            _spec(
                folders,
                f"bidder{region.suffix}-{worker}",
                bidder,
                "bidder",
                {**env, "WORKER": str(worker)},
                held.fileno(),
            )
            for worker, held in enumerate(region.sockets)
        ),
    ]


def _way_to_postgres(
    folders: Folders, region: Region, base: dict[str, str], database_url: str
) -> tuple[list[Spec], str]:
    """A region's proxy and the URL through it; one region alone needs none."""
    held = region.proxy_socket
    if held is None:
        return [], database_url
    argv = (sys.executable, "-m", "rtbplatform.local.proxy")
    env = {**base, "PROXY_TARGET": proxy.target_of(database_url)}
    spec = _spec(folders, f"proxy{region.suffix}", argv, "proxy", env, held.fileno())
    return [spec], proxy.url_through(database_url, held.getsockname()[1])


def _refuse_wrong_settings(processes: Iterable[Spec]) -> None:
    """Reads each kind's settings as the process will, so that a wrong one stops the start, not a child."""
    kinds: dict[int, type[Struct]] = {
        RANK["web"]: Platform,
        RANK["banker"]: Banker,
        RANK["bidder"]: Bidder,
    }
    for spec in processes:
        kind = kinds.get(spec.stop_rank)
        if kind is not None:
            environment.load(kind, {**os.environ, **spec.env})
