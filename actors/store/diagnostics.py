"""The statements of `diagnostics.sql`: what machines tell about themselves."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from actors.store.database import Database
from actors.store.queries import load

_SQL = load("diagnostics.sql")
_BATCH = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a worker found when it checked itself; `checks` is the JSON text that it sent."""

    id: UUID
    worker_id: str
    status: str
    duration_ms: float
    auto_fixed: bool
    checks: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A finding with the time at which it came, in milliseconds since the epoch."""

    id: UUID
    worker_id: str
    status: str
    run_at: int
    duration_ms: float
    auto_fixed: bool
    checks: str


async def report(db: Database, finding: Finding) -> bool:
    """Keep a report; False when the worker is unknown. Idempotent by its id."""
    f = finding
    arguments = (f.id, f.worker_id, f.status, f.duration_ms, f.auto_fixed, f.checks)
    return await db.fetchval(_SQL["report"], *arguments) is not None


async def reports(db: Database, worker_id: str, limit: int | None) -> list[Report] | None:
    """Return the newest reports of a worker, all without `limit`; None for an unknown worker."""
    rows = await db.fetch(_SQL["reports"], worker_id, limit)
    return [Report(**dict(row)) for row in rows if row["id"] is not None] if rows else None


async def forget_samples(db: Database, days: int) -> int:
    """Delete samples older than `days`, in batches; return how many."""
    total = 0
    while count := await db.fetchval(_SQL["forget_samples"], days, _BATCH):
        total += count
    return total
