"""Whether the controller works, and its public figures."""

from __future__ import annotations

import trio

from actors.domain.errors import InterruptedJobError, UnavailableError
from actors.store import builds
from api.exchange import Outcome, Reply, Request, json_reply
from api.wire.health import Health, Live, QueueHealth, Ready, Stats, StorageHealth

STATS_SECONDS = 10.0
READY_SECONDS = 2.0


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


async def live(request: Request) -> Outcome:
    """Whether the tree lives; waits for nobody, since what is away comes back without a restart."""
    root = request.services.root()
    if root is None or root.started_at is None:
        return json_reply(Live(live=True, uptime=0.0))
    uptime = trio.current_time() - root.started_at
    return json_reply(Live(root.is_alive, round(uptime, 1)), 200 if root.is_alive else 503)


async def ready(request: Request) -> Outcome:
    """Whether new work may be sent here; answers within `READY_SECONDS`."""
    why = await _why_not(request)
    return json_reply(Ready(why is None, why), 200 if why is None else 503)


async def _why_not(request: Request) -> str | None:
    services = request.services
    if services.condition.draining:
        return "draining"
    if services.root() is None:
        return "starting"
    if not services.db.open:
        return "the database is away"
    with trio.move_on_after(READY_SECONDS):
        try:
            await builds.queue_counts(services.db)
        except (UnavailableError, InterruptedJobError):
            return "the database is away"
        return None
    return f"the database has not answered in {READY_SECONDS:g} s"


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
