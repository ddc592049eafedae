"""Sections 2 and 3: the state of builds and workers, and the routes without key."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.contract.client import Controller, good

OURS = pytest.mark.ours


def test_build_goes_from_pending_over_assigned_to_completed(it: Controller) -> None:
    """With worker and times as they come."""
    build_id = it.submit()["id"]
    found = it.status(build_id)
    assert (found["status"], found["worker_id"], found["started_at"]) == ("pending", None, None)
    worker_id = it.register()
    it.poll(worker_id)
    found = it.status(build_id)
    assert found["status"] in {"assigned", "building"}
    assert found["worker_id"] == worker_id
    assert isinstance(found["started_at"], int)
    good(it.upload(build_id, worker_id))
    found = it.status(build_id)
    assert found["status"] == "completed"
    assert isinstance(found["completed_at"], int)
    assert found["worker_id"] == worker_id


def test_there_is_no_cancelled_status(it: Controller) -> None:
    """A cancelled build is a failed one: the CLI refuses other words."""
    build_id = it.submit()["id"]
    good(it.post(f"/api/builds/{build_id}/cancel"))
    assert it.status(build_id)["status"] == "failed"


def test_queue_is_first_in_first_out(it: Controller) -> None:
    """Whatever the platform."""
    builds = [it.submit(platform)["id"] for platform in ("ios", "android", "ios")]
    workers = [it.register() for _ in builds]
    assert [it.poll(worker)["id"] for worker in workers] == builds


def test_worker_holds_at_most_one_build(it: Controller) -> None:
    """Polling again gives the same build."""
    first, _ = it.submit()["id"], it.submit()["id"]
    worker_id = it.register()
    assert [it.poll(worker_id)["id"] for _ in range(3)] == [first] * 3


def test_build_is_handed_out_once(it: Controller) -> None:
    """However many workers poll at the same moment."""
    build_id = it.submit()["id"]
    workers = [it.register() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(it.poll, workers))
    assert [job["id"] for job in jobs if job] == [build_id]


@OURS
@pytest.mark.parametrize("end", ["cancel", "upload"])
def test_ended_pending_build_leaves_the_queue(it: Controller, end: str) -> None:
    """It is not counted, and swallows no poll."""
    worker_id = it.register()
    ended, waiting = it.submit()["id"], it.submit()["id"]
    if end == "cancel":
        good(it.post(f"/api/builds/{ended}/cancel"))
    else:
        good(it.upload(ended, worker_id))
    assert good(it.get("/health"))["queue"]["pending"] == 1
    assert it.poll(worker_id)["id"] == waiting


def test_logs_are_ascending_and_ties_stay_in_order(it: Controller) -> None:
    """As they were sent."""
    build_id, worker_id = it.assigned()
    batch = [{"level": "info", "message": f"line {n}"} for n in range(20)]
    path = f"/api/builds/{build_id}/logs"
    good(it.post(path, {"logs": batch}, x_worker_id=worker_id))
    logs = good(it.get(path))["logs"]
    assert [line["timestamp"] for line in logs] == sorted(line["timestamp"] for line in logs)
    assert [line["message"] for line in logs][-20:] == [line["message"] for line in batch]


# -- routes without key ---------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "wrong key of the tests", None])
def test_health_ignores_the_key(it: Controller, key: str | None) -> None:
    """None, a wrong one and the right one are the same."""
    good(it.get("/health") if key is None else it.get("/health", x_api_key=key))


def test_health_counts_the_queue(it: Controller) -> None:
    """Pending, active, and both; and where artifacts lie."""
    it.assigned()
    it.submit()
    answer = good(it.get("/health"))
    assert answer["status"] == "ok"
    assert answer["queue"] == {"pending": 1, "active": 1, "total": 2}
    assert isinstance(answer["storage"]["path"], str)
    assert answer["storage"]["exists"] is True


STATS = ["nodesOnline", "buildsQueued", "activeBuilds", "buildsToday", "totalBuilds"]


@pytest.mark.parametrize("key", ["", "wrong key of the tests"])
def test_stats_are_seven_numbers_without_key(it: Controller, key: str) -> None:
    """Five of them whole."""
    answer = good(it.get("/api/stats", x_api_key=key))
    assert set(answer) >= {*STATS, "totalBuildTimeMs", "totalCpuCycles"}
    assert all(isinstance(answer[name], int) for name in STATS)
    assert isinstance(answer["totalBuildTimeMs"], int | float)
    assert isinstance(answer["totalCpuCycles"], int | float)


def test_stats_are_kept_for_a_while(it: Controller) -> None:
    """The same body at once after, whatever happens meanwhile."""
    before = good(it.get("/api/stats"))
    it.submit()
    assert good(it.get("/api/stats"))["buildsQueued"] == before["buildsQueued"]


@OURS
def test_stats_invent_nothing(it: Controller) -> None:
    """A small farm has small figures."""
    assert good(it.get("/api/stats"))["totalBuilds"] < 80_000_000


def test_dashboard_is_html_with_the_title(it: Controller) -> None:
    """For a browser without key."""
    answer = it.get("/", x_api_key="")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "Expo Free Agent Controller" in answer.text


def test_dashboard_shows_builds_and_workers_escaped(it: Controller) -> None:
    """Eight characters of the id; a worker's name is text, never markup."""
    build_id = it.submit()["id"]
    it.poll(it.register("<script>alert(1)</script>"))
    page = it.get("/").text
    assert build_id[:8] in page
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_demo_is_marked(it: Controller) -> None:
    """Invented data says so."""
    answer = it.get("/?demo=true")
    assert answer.status_code == 200
    assert "Demo" in answer.text
