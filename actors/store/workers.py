"""Single workers: what they have done, and where they are told to send their requests."""

from __future__ import annotations

from dataclasses import dataclass

from actors.store.database import Database
from actors.store.queries import load

_SQL = load("workers.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStats:
    """What a worker has done since it registered first."""

    name: str
    status: str
    builds_completed: int
    builds_failed: int
    known_seconds: float


async def worker_stats(db: Database, worker_id: str) -> WorkerStats | None:
    """Return the figures of one worker."""
    record = await db.fetchrow(_SQL["worker_stats"], worker_id)
    return None if record is None else WorkerStats(**dict(record))


async def send_worker(db: Database, worker_id: str, url: str | None) -> bool:
    """Set where one worker is told to go, None to forget it; False for an unknown worker."""
    return await db.fetchval(_SQL["send_worker"], worker_id, url) is not None


async def send_everyone(db: Database, url: str | None) -> None:
    """Set where all workers are told to go, but for those with an address of their own."""
    await db.execute(_SQL["send_everyone"], url)


async def destinations(db: Database) -> dict[str | None, str]:
    """Return what is set, by worker id; None stands for everyone."""
    rows = await db.fetch(_SQL["destinations"])
    return {row["worker_id"]: row["controller_url"] for row in rows}
