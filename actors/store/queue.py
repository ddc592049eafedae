"""The statements of `queue.sql`: who has which build."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from actors.domain.artifact import Stored
from actors.domain.build import CANCELLED, Verdict
from actors.domain.credentials import one_time_password
from actors.store.database import Database, columns
from actors.store.queries import load

if TYPE_CHECKING:
    from asyncpg import Record

    from actors.store.job import Link

_SQL = load("queue.sql")
_WORKERS = load("workers.sql")
_STALE = "stale"
"""Verdict of a statement that has to be run again on a fresh snapshot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A build to be made of files that are stored already; `priority` is from -9 to 9."""

    id: str
    platform: str
    token_hash: bytes
    submit_key: str
    files: tuple[Stored, ...]
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a submission; `made` is False for a repeated key (`id` is the first one's)."""

    id: str
    submitted_at: int
    made: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A build in the hands of a worker, as its poll is answered."""

    build_id: str
    platform: str
    attempt: int
    lease: str
    has_certs: bool
    fresh: bool
    waited: float
    otp: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ClaimAnswer:
    """Answer to one asking worker: unknown, nothing for it, or a job.

    `controller_url` is where it is told to send its requests from now on.
    """

    known: bool
    job: Job | None
    controller_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a worker says about the end of a build."""

    build_id: str
    worker_id: str
    lease: str | None
    success: bool
    error: str
    artifact: Stored | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A build taken back from a silent worker."""

    build_id: str
    worker_id: str
    attempt: int
    requeued: bool


async def submit(db: Database, submissions: Sequence[Submission]) -> list[Submitted]:
    """Insert submissions with files and first log line; one answer each, in order.

    Keys must differ within one call. Idempotent by `submit_key`.
    """
    rows = [(s.id, s.platform, s.token_hash, s.submit_key, s.priority) for s in submissions]
    files = [
        (f.id, s.id, f.kind.value, f.location, f.size, f.sha256)
        for s in submissions
        for f in s.files
    ]
    records = await db.fetch(_SQL["submit"], *columns(rows, 5), *columns(files, 6))
    by_key = {
        r["submit_key"]: Submitted(r["id"], r["submitted_at"], made=r["made"]) for r in records
    }
    return [by_key[s.submit_key] for s in submissions]


async def claim(db: Database, asking: Sequence[tuple[str, str]]) -> dict[str, ClaimAnswer]:
    """Give work to the asking (worker id, lease to use) in one statement; answers by worker id."""
    worker_ids, leases = columns(asking, 2)
    records = await db.fetch(_SQL["claim"], worker_ids, leases)
    answers: dict[str, ClaimAnswer] = {
        str(worker_id): ClaimAnswer(known=False, job=None) for worker_id in worker_ids
    }
    for r in records:
        job = None
        if r["build_id"] is not None:
            job = Job(
                build_id=r["build_id"],
                platform=r["platform"],
                attempt=r["attempt"],
                lease=r["lease"],
                has_certs=r["has_certs"],
                fresh=r["fresh"],
                waited=r["waited"],
                otp=one_time_password(r["farm_key"], r["lease"]),
            )
        answers[r["worker_id"]] = ClaimAnswer(
            known=True, job=job, controller_url=r["controller_url"]
        )
    return answers


async def is_work_waiting(db: Database) -> bool:
    """Whether any build waits."""
    return bool(await db.fetchval(_SQL["is_work_waiting"]))


async def settle(db: Database, reports: Sequence[Report]) -> list[Verdict]:
    """Apply reported ends in one statement, one verdict each, in order; one report a build."""
    verdicts: dict[str, Verdict] = {}
    while left := [r for r in reports if r.build_id not in verdicts]:
        records = await db.fetch(_SQL["settle"], *columns(_settle_rows(left), 9))
        for report, record in zip(left, records, strict=True):
            if record["verdict"] != _STALE:
                verdicts[report.build_id] = Verdict(record["verdict"])
    return [verdicts[r.build_id] for r in reports]


def _settle_rows(reports: Sequence[Report]) -> list[tuple[object, ...]]:
    return [
        (
            r.build_id,
            r.worker_id,
            r.lease,
            r.success,
            r.error,
            r.artifact.id if r.artifact else None,
            r.artifact.location if r.artifact else None,
            r.artifact.size if r.artifact else None,
            r.artifact.sha256 if r.artifact else None,
        )
        for r in reports
    ]


async def cancel(db: Database, build_id: str, *, repeated: bool) -> Verdict:
    """End a build for its user; `repeated` accepts one that was cancelled before."""
    verdict = _STALE
    while verdict == _STALE:
        verdict = await db.fetchval(_SQL["cancel"], build_id, repeated, CANCELLED)
    return Verdict(verdict)


async def abandon(
    db: Database, build_id: str, worker_id: str, lease: str | None, line: str
) -> Verdict:
    """Put a build that its worker gives up back into the queue, where it may be already."""
    verdict = _STALE
    while verdict == _STALE:
        verdict = await db.fetchval(_SQL["abandon"], build_id, worker_id, lease, line)
    return Verdict(verdict)


async def lose(
    db: Database, *, silent: float, first_sign: float, max_attempts: int, listening: float
) -> list[Lost]:
    """Take builds back from workers silent for `silent` seconds (see `queue.sql`)."""
    records = await db.fetch(_SQL["lose"], silent, first_sign, max_attempts, listening)
    return [
        Lost(
            build_id=r["build_id"],
            worker_id=r["worker_id"],
            attempt=r["attempt"],
            requeued=r["requeued"],
        )
        for r in records
    ]


async def signs_of_life(db: Database, signs: Sequence[tuple[str, str, bool]]) -> None:
    """Note (build id, worker id, at work) in one statement."""
    await db.execute(_SQL["signs_of_life"], *columns(signs, 3))


async def register(
    db: Database, worker_id: str, name: str, capabilities: object, serves: str
) -> bool:
    """Make a worker or take a known one back; True when it was known."""
    encoded = json.dumps(capabilities)
    return bool(await db.fetchval(_WORKERS["register"], worker_id, name, encoded, serves))


async def seen(db: Database, worker_ids: Sequence[str]) -> None:
    """Note that workers were heard of."""
    await db.execute(_WORKERS["seen"], list(worker_ids))


async def unregister(db: Database, worker_id: str) -> int | None:
    """Sign a worker off; how many builds went back to the queue, None for an unknown worker."""

    async def work(link: Link) -> Record | None:
        async with link.transaction():
            await link.fetch(_WORKERS["hold_worker"], worker_id)
            return await link.fetchrow(_WORKERS["unregister"], worker_id)

    record = await db.run(work, "unregister")
    return record["returned"] if record is not None and record["known"] else None
