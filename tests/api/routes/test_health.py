"""Whether the controller works, its figures, and the window into its tree."""

from __future__ import annotations

import pytest

from actors.domain.events import BuildSubmitted
from api.routes import health
from supervisors.events import ChildStarted
from tests.support.farm import Farm, good, refused

STATS = [
    "nodesOnline",
    "buildsQueued",
    "activeBuilds",
    "buildsToday",
    "totalBuilds",
    "totalBuildTimeMs",
    "totalCpuCycles",
]


async def test_health_counts_the_queue_and_names_the_storage(farm: Farm) -> None:
    """On both paths, without a key or with any; pending and active make the total."""
    await farm.assigned()
    await farm.submit()
    await farm.submit()
    queue = {"pending": 2, "active": 1, "total": 3}
    storage = {"path": str(farm.storage), "exists": True}
    for path in ("/health", "/api/health"):
        for key in ("", "wrong", farm.api_key):
            answer = good(await farm.get(path, x_api_key=key))
            assert answer == {"status": "ok", "queue": queue, "storage": storage}


async def test_a_finished_build_leaves_the_queue_at_once(farm: Farm) -> None:
    """Cancelled or completed while it was pending: it counts nowhere and is given to nobody."""
    cancelled, completed = (await farm.submit())["id"], (await farm.submit())["id"]
    worker_id = await farm.register()
    await farm.post(f"/api/builds/{cancelled}/cancel")
    await farm.upload(completed, worker_id)
    assert good(await farm.get("/health"))["queue"]["total"] == 0
    assert await farm.poll(worker_id) is None


async def test_ready_says_whether_new_work_is_wanted(farm: Farm) -> None:
    """503 while draining."""
    assert good(await farm.get("/ready", x_api_key=""))["ready"] is True
    farm.parts.note_draining(True)  # noqa: FBT003 - the one fact it takes
    answer = await farm.get("/ready")
    assert (answer.status_code, answer.json()["why"]) == (503, "draining")


async def test_stats_of_an_empty_farm_are_zero(farm: Farm) -> None:
    """All seven numbers, true ones; no key."""
    answer = good(await farm.get("/api/stats", x_api_key=""))
    assert list(answer) == STATS
    assert list(answer.values()) == [0, 0, 0, 0, 0, 0, 0]


async def test_stats_are_true(farm: Farm) -> None:
    """Workers online, queued, active, of today, in all, their time and their load."""
    done, worker_id, _ = await farm.assigned()
    ids = {"x_worker_id": worker_id, "x_build_id": done}
    for cpu in (100, 300):
        body = {"type": "cpu_snapshot", "data": {"cpu_percent": cpu, "memory_mb": 1}}
        good(await farm.post(f"/api/builds/{done}/telemetry", body, **ids))
    await farm.upload(done, worker_id)
    _, failing, _ = failed = await farm.assigned()
    await farm.upload(failed[0], failing, None)
    gone = await farm.register()
    await farm.post(f"/api/workers/{gone}/unregister")
    await farm.assigned()
    await farm.submit()
    answer = good(await farm.get("/api/stats"))
    spans = [await farm.status(build_id) for build_id in (done, failed[0])]
    took = sum(one["completed_at"] - one["started_at"] for one in spans)
    assert answer["totalCpuCycles"] == pytest.approx(2 * took / 1000)
    assert [answer[name] for name in STATS[:-1]] == [3, 1, 1, 1, 2, took]


async def test_stats_are_kept_for_ten_seconds(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same body meanwhile, a new one afterwards."""
    assert health.STATS_SECONDS == 10
    before = await farm.get("/api/stats")
    await farm.submit()
    assert (await farm.get("/api/stats")).content == before.content
    monkeypatch.setattr(farm.parts.condition, "stats_until", 0.0)
    assert good(await farm.get("/api/stats"))["buildsQueued"] == 1


async def test_metrics_are_for_prometheus(farm: Farm) -> None:
    """Text with counters of requests by route, and no id of anything."""
    build_id, worker_id, _ = await farm.assigned()
    response = await farm.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    route = 'route="POST /api/builds/submit",status="200"'
    assert f"expo_http_requests_total{{{route}}} 1.0" in response.text
    assert f'expo_events_total{{event="{BuildSubmitted.name}"}} 1.0' in response.text
    assert build_id not in response.text
    assert worker_id not in response.text


async def test_the_tree_is_shown(farm: Farm) -> None:
    """As JSON for programs, as text for people; with a name for every process."""
    root = good(await farm.get("/debug/tree"))
    paths = [node["path"] for node in root["children"]]
    assert paths[-2:] == ["endpoint", "drain"]
    assert root["state"] == "running"
    text = await farm.get("/debug/tree?format=text")
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    for name in ("queue_manager", "recorder", "repo", "uploads"):
        assert name in text.text
    assert farm.api_key not in text.text


async def test_kill_kills_and_the_tree_recovers(farm: Farm) -> None:
    """The generation that died is named; the next one serves."""
    answer = good(await farm.post("/debug/kill", {"path": "orchestration/queue_manager"}))
    assert answer == {"killed": "orchestration/queue_manager", "generation": 1}
    path = "orchestration/queue_manager"
    await farm.events.first(ChildStarted, lambda e: e.path == path and e.generation == 2)
    assert (await farm.submit())["status"] == "pending"


async def test_kill_needs_a_living_path(farm: Farm) -> None:
    """400 without one, 404 for one that leads nowhere."""
    wanted = 'path required, such as "orchestration/queue_manager"'
    for body in (None, {}, {"path": ""}, {"path": 5}, {"path": ["endpoint"]}):
        assert refused(await farm.post("/debug/kill", body)) == (400, wanted)
    for path in ("nothing", "/", "endpoint/x", "orchestration/", "a\0"):
        answer = await farm.post("/debug/kill", {"path": path})
        assert refused(answer) == (404, f"No process at {path}")
