"""Whether the controller works, and its public figures."""

from __future__ import annotations

import trio

from actors.store import builds
from api.exchange import Outcome, Reply, Request, json_reply
from api.wire.health import Health, QueueHealth, Ready, Stats, StorageHealth

STATS_SECONDS = 10.0


async def health(request: Request) -> Outcome:
    """Count the queue and say where artifacts lie."""
    pending, active = await builds.queue_counts(request.services.db)
    store = request.services.store
    exists = await trio.to_thread.run_sync(store.is_there)
    return json_reply(
        Health(
            status="ok",
            queue=QueueHealth(pending=pending, active=active, total=pending + active),
            storage=StorageHealth(path=store.where, exists=exists),
        )
    )


async def ready(request: Request) -> Outcome:
    """Whether new work may be sent here."""
    if request.services.condition.draining:
        return json_reply(Ready(ready=False, why="draining"), 503)
    await builds.queue_counts(request.services.db)
    return json_reply(Ready(ready=True))


async def stats(request: Request) -> Outcome:
    """Figures of the farm, counted at most every ten seconds."""
    condition = request.services.condition
    if condition.stats is None or trio.current_time() >= condition.stats_until:
        found = await builds.stats(request.services.db)
        condition.stats = Stats(
            nodesOnline=found.nodes_online,
            buildsQueued=found.builds_queued,
            activeBuilds=found.active_builds,
            buildsToday=found.builds_today,
            totalBuilds=found.total_builds,
            totalBuildTimeMs=found.total_build_time_ms,
            totalCpuCycles=found.mean_cpu_percent / 100 * found.total_build_time_ms / 1000,
        )
        condition.stats_until = trio.current_time() + STATS_SECONDS
    return json_reply(condition.stats)


async def metrics(request: Request) -> Outcome:
    """All counters in the text form that Prometheus reads."""
    page = request.services.metrics_page()
    return Reply(page, headers=((b"content-type", b"text/plain; version=0.0.4; charset=utf-8"),))
