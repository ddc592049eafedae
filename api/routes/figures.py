"""Builds and workers in figures and words, for people and their tools."""

from __future__ import annotations

from actors.domain.ids import is_build_id, is_worker_id
from actors.store import builds, workers
from api.dashboard.presenters import span
from api.errors import Refusal
from api.exchange import Outcome, Request, json_reply
from api.routes.builds import iso
from api.wire.builds import BuildDescribed, BuildStatistics
from api.wire.workers import WorkerStats


async def describe(request: Request) -> Outcome:
    """Say all about one build."""
    build_id = request.params["id"]
    row = None
    if is_build_id(build_id):
        row = await builds.describe_build(request.services.db, build_id)
    if row is None:
        raise Refusal(404, "Build not found")
    submitted, updated = iso(row.pop("submitted_at")), iso(row.pop("updated_at"))
    return json_reply(
        BuildDescribed(**row, submitted_at=submitted, createdAt=submitted, updated_at=updated)
    )


async def statistics(request: Request) -> Outcome:
    """Count the builds by state."""
    return json_reply(BuildStatistics(**await builds.statistics(request.services.db)))


async def worker_stats(request: Request) -> Outcome:
    """Say what a worker has done."""
    worker_id = request.params["id"]
    found = None
    if is_worker_id(worker_id):
        found = await workers.worker_stats(request.services.db, worker_id)
    if found is None:
        raise Refusal(404, "Worker not found")
    return json_reply(
        WorkerStats(
            totalBuilds=found.builds_completed + found.builds_failed,
            successfulBuilds=found.builds_completed,
            failedBuilds=found.builds_failed,
            workerName=found.name,
            status=found.status,
            uptime=span(found.known_seconds),
        )
    )
