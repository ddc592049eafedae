"""Reading builds, artifacts, log lines and figures; and appending lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actors.domain.artifact import Kind, Stored
from actors.domain.build import CANCELLED
from actors.store.database import Database, columns
from actors.store.queries import load

if TYPE_CHECKING:
    from asyncpg import Record

_SQL = load("builds.sql")
_WORKERS = load("workers.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A build as routes and guards need it; times are milliseconds since the epoch.

    `controller_url` is where its worker is told to send its requests.
    """

    id: str
    status: str
    platform: str
    worker_id: str | None
    lease: str | None
    submitted_at: int
    started_at: int | None
    completed_at: int | None
    error_message: str | None
    controller_url: str | None
    files: Mapping[Kind, Stored]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """The figures of `/api/stats`."""

    nodes_online: int
    builds_queued: int
    active_builds: int
    builds_today: int
    total_builds: int
    total_build_time_ms: int
    mean_cpu_percent: float


async def get_build(db: Database, build_id: str) -> Build | None:
    """Return one build with its current files; concurrent askers share a statement."""
    rows = await db.rows_of(_SQL["get_builds"], build_id)
    if not rows:
        return None
    first = rows[0]
    return Build(
        id=build_id,
        status=first["status"],
        platform=first["platform"],
        worker_id=first["worker_id"],
        lease=first["lease"],
        submitted_at=first["submitted_at"],
        started_at=first["started_at"],
        completed_at=first["completed_at"],
        error_message=first["error_message"],
        controller_url=first["controller_url"],
        files={Kind(row["kind"]): _stored(row) for row in rows if row["id"] is not None},
    )


async def describe_build(db: Database, build_id: str) -> dict[str, Any] | None:
    """Return what a page about one build shows."""
    record = await db.fetchrow(_SQL["describe_build"], build_id)
    return None if record is None else dict(record)


async def token_opens(db: Database, build_id: str, token_hash: bytes) -> bool:
    """Whether the token with this hash belongs to the build."""
    return bool(await db.fetchval(_SQL["token_opens"], build_id, token_hash))


async def list_builds(db: Database) -> list[dict[str, Any]]:
    """Return id, status, submitted_at, completed_at of all builds, newest first."""
    return [dict(r) for r in await db.fetch(_SQL["list_builds"])]


async def list_active(db: Database) -> list[dict[str, Any]]:
    """Return the builds that are with a worker."""
    return [dict(r) for r in await db.fetch(_SQL["list_active"])]


async def recent_builds(db: Database, limit: int) -> list[dict[str, Any]]:
    """Return the newest builds with their worker's name, for the dashboard."""
    return [dict(r) for r in await db.fetch(_SQL["recent_builds"], limit)]


async def list_workers(db: Database, limit: int) -> list[dict[str, Any]]:
    """Return workers, last seen first, for the dashboard."""
    return [dict(r) for r in await db.fetch(_WORKERS["list_workers"], limit)]


async def inputs(db: Database, build_id: str) -> list[Stored]:
    """Return the files that a build was submitted with."""
    return [_stored(record) for record in await db.fetch(_SQL["inputs"], build_id)]


async def known_locations(db: Database, locations: Sequence[str]) -> set[str]:
    """Return which of these locations belong to a row."""
    return {r["location"] for r in await db.fetch(_SQL["known_locations"], list(locations))}


async def read_logs(db: Database, build_id: str) -> list[dict[str, Any]]:
    """Return timestamp, level and message of every line, oldest first."""
    return [dict(r) for r in await db.fetch(_SQL["read_logs"], build_id)]


async def append_logs(db: Database, lines: Sequence[tuple[str, str, str]]) -> None:
    """Store (build id, level, message) lines in order, in one statement."""
    await db.execute(_SQL["append_logs"], *columns(lines, 3))


async def append_samples(db: Database, samples: Sequence[tuple[str, float, float]]) -> None:
    """Store (build id, percent of a core, mebibytes) samples in one statement."""
    await db.execute(_SQL["append_samples"], *columns(samples, 3))


async def queue_counts(db: Database) -> tuple[int, int]:
    """Return how many builds wait, and how many are with a worker."""
    record = await db.fetchrow(_SQL["queue_counts"])
    return (record["pending"], record["active"]) if record is not None else (0, 0)


async def statistics(db: Database) -> dict[str, int]:
    """Count the builds by state, cancelled ones apart from those that failed."""
    return dict(await db.fetchrow(_SQL["statistics"], CANCELLED) or {})


async def stats(db: Database) -> Stats:
    """Count everything; true figures."""
    record = await db.fetchrow(_SQL["stats"])
    return Stats(**dict(record or {}))


def _stored(record: Record) -> Stored:
    r = record
    return Stored(r["id"], Kind(r["kind"]), r["location"], r["size"], r["sha256"])
