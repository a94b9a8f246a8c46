"""Every setting of every process: name, type, limits, default and what it is for, read from the environment.

A process reads its settings once, at its start, with `environment.load`; a wrong one stops the start with a sentence
that says what to change. docs/settings.md is generated from here (``python -m rtbplatform.kernel.environment``).
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

Port = Annotated[int, Meta(ge=1, le=65535)]


class Common(Struct, frozen=True, kw_only=True):
    """Shared by every process."""

    redis_url: Annotated[
        str,
        Meta(
            pattern="^(redis|rediss|unix)://",
            examples=["redis://:password@127.0.0.1:6379/0"],
            description="Redis of this process's region (mailbox, snapshot, counters). `make run` starts its own when unset.",
        ),
    ]
    rtb_secret: Annotated[
        str,
        Meta(
            min_length=32,
            description="The platform's master secret, at least 32 random characters; all keys are derived from it. `make run` makes one in var/secret.",
        ),
    ]
    region: Annotated[
        str,
        Meta(
            pattern="^[a-z0-9][a-z0-9-]{0,31}$",
            examples=["eu-west-1"],
            description="Name of the region this process serves.",
        ),
    ] = "local"
    protocol_time_divisor: Annotated[
        int,
        Meta(
            ge=1,
            le=100,
            description="Runs all times of the budget protocol this many times faster (rehearsals only).",
        ),
    ] = 1
    budget_day_seconds: Annotated[
        int,
        Meta(
            ge=0,
            description="Length of a budget day in seconds for rehearsals; 0 = calendar days in each campaign's time zone.",
        ),
    ] = 0
    log_level: Annotated[
        str,
        Meta(
            pattern="^(DEBUG|INFO|WARNING|ERROR)$",
            examples=["INFO"],
            description="DEBUG, INFO, WARNING or ERROR.",
        ),
    ] = "INFO"


class Bidder(Common, frozen=True, kw_only=True):
    """`python -m bidder`."""

    pod: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=64,
            description="Name of this machine's banker and its workers.",
        ),
    ] = "pod0"
    worker: Annotated[
        int, Meta(ge=0, le=1023, description="Number of this bidder process on its machine.")
    ] = 0
    banker_socket: Annotated[
        str, Meta(min_length=1, max_length=100, description="Unix socket of the machine's banker.")
    ]
    listen_fd: Annotated[
        int, Meta(ge=-1, description="Inherited listening socket; -1 = bind BIND_HOST:BIDDER_PORT.")
    ] = -1
    bind_host: Annotated[str, Meta(min_length=1, description="Address that servers bind.")] = (
        "127.0.0.1"
    )
    bidder_port: Annotated[
        Port, Meta(description="Port of the bidder endpoint; region n listens on BIDDER_PORT + n.")
    ] = 8080
    bidder_public_url: Annotated[
        str,
        Meta(
            pattern="^https?://",
            examples=["https://rtb.example.com"],
            description="How exchanges reach this bidder: the base of notice URLs.",
        ),
    ] = "http://127.0.0.1:8080"
    fanout_ms: Annotated[
        int, Meta(ge=5, le=1000, description="Deadline of the DSP fan-out, ms.")
    ] = 70
    enrich_ms: Annotated[
        int,
        Meta(
            ge=1,
            le=100,
            description="How long a request waits for Redis before it goes on without, ms.",
        ),
    ] = 5
    request_bytes_max: Annotated[
        int, Meta(ge=1024, description="Largest request body, decoded, in bytes.")
    ] = 256 * 1024
    dsp_answer_bytes_max: Annotated[
        int, Meta(ge=1024, description="Largest DSP answer, decoded, in bytes.")
    ] = 256 * 1024
    network_margin_ms: Annotated[
        int, Meta(ge=0, le=500, description="Kept of an exchange's tmax for the way back, ms.")
    ] = 20
    in_flight_max: Annotated[
        int,
        Meta(
            ge=1, description="Auctions at once in one bidder; above it requests are shed with 204."
        ),
    ] = 2000


class Banker(Common, frozen=True, kw_only=True):
    """`python -m bidder.banker`."""

    pod: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=64,
            description="Name of this machine's banker and its workers.",
        ),
    ] = "pod0"
    banker_socket: Annotated[
        str, Meta(min_length=1, max_length=100, description="Unix socket of the machine's banker.")
    ]
    outbox_dir: Annotated[
        str,
        Meta(
            min_length=1,
            description="Folder of the outbox files, on a disk that survives a crash of the machine.",
        ),
    ]
    machine_id: Annotated[
        str,
        Meta(
            min_length=8,
            description="Identity of the machine (/etc/machine-id); a copied outbox is told by it.",
        ),
    ]
    commit_wait_ms: Annotated[
        int, Meta(ge=0, le=50, description="How long a group commit waits for company, ms.")
    ] = 2
    ship_window_bytes: Annotated[
        int,
        Meta(
            ge=65536,
            description="Unacknowledged bytes of the stream that may be under way to the treasury.",
        ),
    ] = 8 * 1024 * 1024
    outbox_retention_hours: Annotated[
        int,
        Meta(
            ge=1,
            description="How long settled rows and dead outboxes are kept; longer than the database's restore window.",
        ),
    ] = 72


class Platform(Common, frozen=True, kw_only=True):
    """Django: web, treasury, Celery worker and beat, management commands."""

    database_url: Annotated[
        str,
        Meta(
            pattern="^postgres(ql)?://",
            examples=["postgresql://user:password@127.0.0.1:5432/rtb"],
            description="The global Postgres (>= 15). `make run` starts its own when unset.",
        ),
    ]
    web_public_url: Annotated[
        str,
        Meta(
            pattern="^https?://",
            examples=["https://rtb.example.com"],
            description="How people reach the console.",
        ),
    ] = "http://127.0.0.1:8000"
    debug: Annotated[bool, Meta(description="Django's debug pages; never in production.")] = False
    allowed_hosts: Annotated[
        str, Meta(description="Comma-separated host names that the web process answers to.")
    ] = "127.0.0.1,localhost,[::1]"
    treasury_journal: Annotated[
        str,
        Meta(
            min_length=1,
            examples=["/var/lib/rtb/eu-west-1.journal"],
            description="The region's journal: what its treasury remembers of registered bankers and budgets when Postgres is restored. On a disk that is not Postgres's; all treasuries of a region share it. `make run` sets it itself, a file in VAR_DIR for each region.",
        ),
    ] = "var/journal/treasury.journal"
    email_url: Annotated[
        str,
        Meta(
            description="Where mail goes: smtp://user:password@host:port, or console: to print it."
        ),
    ] = "console:"


class Local(Struct, frozen=True, kw_only=True):
    """`make run`."""

    var_dir: Annotated[
        str, Meta(description="Folder of all that a run writes; empty = `var` in the checkout.")
    ] = ""
    web_port: Annotated[Port, Meta(description="Port of the web console and API.")] = 8000
    bidder_port: Annotated[
        Port, Meta(description="Port of the bidder endpoint; region n listens on BIDDER_PORT + n.")
    ] = 8080
    bidders: Annotated[int, Meta(ge=1, le=64, description="Bidder processes per region.")] = 1
    regions: Annotated[
        int,
        Meta(
            ge=1,
            le=9,
            description="Regions on this machine, each with its own Redis, treasury, banker and bidders.",
        ),
    ] = 1
    traffic: Annotated[
        int, Meta(ge=0, le=100_000, description="Requests a second of the demo exchange; 0 = none.")
    ] = 20
    database_url: Annotated[
        str,
        Meta(
            pattern="^(postgres(ql)?://.*)?$",
            examples=["postgresql://user:password@127.0.0.1:5432/rtb"],
            description="Your Postgres instead of the embedded one.",
        ),
    ] = ""
    redis_url: Annotated[
        str,
        Meta(
            pattern="^((redis|rediss|unix)://.*)?$",
            examples=["redis://:password@127.0.0.1:6379/0"],
            description="Your Redis instead of the embedded one (one region only).",
        ),
    ] = ""
    bind_host: Annotated[str, Meta(min_length=1, description="Address that servers bind.")] = (
        "127.0.0.1"
    )
    process_env: Annotated[
        str,
        Meta(
            examples=['{"banker": {"TZ": "Asia/Tokyo"}}'],
            description="JSON: environment variables of single processes, by name, for rehearsals.",
        ),
    ] = ""


PROCESSES: dict[str, type[Struct]] = {
    "all": Common,
    "bidder": Bidder,
    "banker": Banker,
    "web, treasury, Celery": Platform,
    "make run": Local,
}
