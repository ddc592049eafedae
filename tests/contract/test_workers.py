"""Section 5: workers and diagnostics."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest

from tests.contract.client import APP, Controller, Part, file, good, nobody, refused

OURS = pytest.mark.ours
UNKNOWN = (404, "Worker not found")
UPLOAD = "/api/workers/upload"


# -- register -------------------------------------------------------------------------------------


def test_register_answers_id_status_and_image(it: Controller) -> None:
    """A new worker."""
    answer = good(it.post("/api/workers/register", {"name": "m", "capabilities": {}}))
    assert set(answer) >= {"id", "status", "baseImageId"}
    assert answer["status"] == "registered"
    assert answer["baseImageId"]


def test_registered_worker_is_idle(it: Controller) -> None:
    """And has done nothing yet."""
    stats = it.stats(it.register())
    assert (stats["status"], stats["totalBuilds"]) == ("idle", 0)


@pytest.mark.parametrize("able", [{}, [], {"platforms": ["ios"]}])
def test_empty_capabilities_are_capabilities(it: Controller, able: object) -> None:
    """An empty object and an empty list are fine."""
    good(it.post("/api/workers/register", {"name": "m", "capabilities": able}))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "m"},
        {"capabilities": {}},
        {"name": "", "capabilities": {}},
        {"name": "m", "capabilities": ""},
        {"name": "m", "capabilities": None},
    ],
)
def test_name_and_capabilities_are_required(it: Controller, body: object) -> None:
    """400."""
    answer = it.post("/api/workers/register", body)
    assert refused(answer) == (400, "Name and capabilities required")


def test_unknown_fields_are_ignored(it: Controller) -> None:
    """As the installer sends them."""
    more = {"publicIdentifier": "p", "apiKey": "k", "active_build_count": 0}
    good(it.post("/api/workers/register", {"name": "m", "capabilities": {}, **more}))


def test_names_need_not_be_unique(it: Controller) -> None:
    """Two workers of one name are two."""
    assert it.register("same") != it.register("same")


@OURS
def test_register_with_an_id_keeps_or_takes_it_over(it: Controller) -> None:
    """Unknown: made under that id. Known: the same worker again."""
    mine = nobody()
    for wanted in ("registered", "re-registered"):
        body = {"name": "m", "capabilities": {}, "id": mine}
        answer = good(it.post("/api/workers/register", body))
        assert (answer["id"], answer["status"]) == (mine, wanted)


# -- poll -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["", "?worker_id="])
def test_poll_wants_the_worker(it: Controller, query: str) -> None:
    """Missing or empty is 400."""
    assert refused(it.get(f"/api/workers/poll{query}")) == (400, "worker_id required")


def test_poll_of_a_stranger_is_404(it: Controller) -> None:
    """It has to register first."""
    assert refused(it.get(f"/api/workers/poll?worker_id={nobody()}")) == UNKNOWN


def test_poll_without_work_is_a_null_job(it: Controller) -> None:
    """200 all the same."""
    answer = good(it.get(f"/api/workers/poll?worker_id={it.register()}"))
    assert answer["job"] is None


@pytest.mark.parametrize("certs", [None, b"c"])
def test_poll_gives_the_job(it: Controller, certs: bytes | None) -> None:
    """Addresses are paths; certs are null when there are none."""
    build_id, worker_id = it.submit(certs=certs)["id"], it.register()
    job = it.poll(worker_id)
    assert (job["id"], job["platform"]) == (build_id, "ios")
    assert job["source_url"] == f"/api/builds/{build_id}/source"
    assert job["certs_url"] == (f"/api/builds/{build_id}/certs" if certs else None)
    assert job["baseImageId"]


def test_poll_assigns(it: Controller) -> None:
    """Build, worker and a log line."""
    build_id, worker_id = it.submit()["id"], it.register("the mac")
    it.poll(worker_id)
    assert it.status(build_id)["worker_id"] == worker_id
    assert it.stats(worker_id)["status"] == "building"
    assert it.lines(build_id)[-1] == ("info", "Assigned to worker the mac")


def test_poll_again_changes_nothing(it: Controller) -> None:
    """The same job, no second line."""
    build_id, worker_id = it.assigned()
    before = it.status(build_id)["started_at"], it.lines(build_id)
    assert it.poll(worker_id)["id"] == build_id
    assert (it.status(build_id)["started_at"], it.lines(build_id)) == before


# -- upload ---------------------------------------------------------------------------------------


def test_success_completes_the_build(it: Controller) -> None:
    """Build, counter, worker, log line."""
    build_id, worker_id = it.assigned()
    assert good(it.upload(build_id, worker_id)) == {"status": "success"}
    found, stats = it.status(build_id), it.stats(worker_id)
    assert (found["status"], found["error_message"]) == ("completed", None)
    assert (stats["successfulBuilds"], stats["status"]) == (1, "idle")
    assert it.lines(build_id)[-1] == ("info", "Build completed successfully")


@pytest.mark.parametrize("text", ["it broke", ""])
def test_failure_fails_the_build(it: Controller, text: str) -> None:
    """With the worker's words or ours; status 200."""
    build_id, worker_id = it.assigned()
    more = {"error_message": text} if text else {}
    assert good(it.upload(build_id, worker_id, None, **more)) == {"status": "failed"}
    found, stats = it.status(build_id), it.stats(worker_id)
    assert (found["status"], found["error_message"]) == ("failed", text or "Build failed")
    assert (stats["failedBuilds"], stats["status"]) == (1, "idle")
    assert it.lines(build_id)[-1] == ("error", text or "Build failed")


@pytest.mark.parametrize("success", ["TRUE", "1", "yes", "false", ""])
def test_only_true_to_the_letter_is_success(it: Controller, success: str) -> None:
    """With a file, too."""
    build_id, worker_id = it.assigned()
    assert good(it.upload(build_id, worker_id, APP, success=success)) == {"status": "failed"}


def test_success_without_file_is_a_failure(it: Controller) -> None:
    """200 all the same."""
    build_id, worker_id = it.assigned()
    assert good(it.upload(build_id, worker_id, None, success="true")) == {"status": "failed"}


def test_result_may_be_empty(it: Controller) -> None:
    """A file of no bytes is a result."""
    build_id, worker_id = it.assigned()
    assert good(it.upload(build_id, worker_id, b"")) == {"status": "success"}
    assert it.get(f"/api/builds/{build_id}/download").content == b""


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (3, 0, 1, 2)])
def test_upload_parts_come_in_any_order(it: Controller, order: tuple[int, ...]) -> None:
    """The file first or last."""
    build_id, worker_id = it.assigned()
    parts = [
        Part("build_id", build_id),
        Part("worker_id", worker_id),
        Part("success", "true"),
        file("result", APP),
    ]
    assert good(it.send(UPLOAD, *(parts[n] for n in order))) == {"status": "success"}


def test_upload_checks_in_order(it: Controller) -> None:
    """Form, ids, build, worker."""
    build_id, worker_id = it.assigned()
    wanted = (400, "Content must be multipart/form-data")
    assert refused(it.post(UPLOAD, {"build_id": build_id})) == wanted
    for one, other in (("", worker_id), (build_id, "")):
        assert refused(it.upload(one, other)) == (400, "build_id and worker_id required")
    assert refused(it.upload(nobody(), nobody())) == (404, "Build not found")
    assert refused(it.upload(build_id, nobody())) == UNKNOWN


def test_waiting_build_takes_a_report(it: Controller) -> None:
    """Any worker may report on a build that nobody holds; it leaves the queue."""
    build_id, worker_id = it.submit()["id"], it.register()
    assert good(it.upload(build_id, worker_id)) == {"status": "success"}
    assert it.status(build_id)["status"] == "completed"


def test_hold_on_another_build_is_not_released(it: Controller) -> None:
    """A report on one build leaves the other with its worker."""
    build_id, worker_id = it.assigned()
    other = it.submit()["id"]
    good(it.upload(other, worker_id))
    assert it.status(build_id)["worker_id"] == worker_id
    assert it.status(build_id)["status"] in {"assigned", "building"}


# -- stats of a worker ----------------------------------------------------------------------------


def test_worker_stats_add_up(it: Controller) -> None:
    """Three integers, two texts, and the time since registration."""
    build_id, worker_id = it.assigned()
    good(it.upload(build_id, worker_id, None))
    good(it.upload(it.submit()["id"], worker_id))
    stats = it.stats(worker_id)
    assert [stats[n] for n in ("totalBuilds", "successfulBuilds", "failedBuilds")] == [2, 1, 1]
    assert stats["workerName"] == "contract"
    assert re.fullmatch(r"\d+s|\d+m \d+s", stats["uptime"])


def test_stats_of_a_stranger_are_404(it: Controller) -> None:
    """Unknown worker."""
    assert refused(it.get(f"/api/workers/{nobody()}/stats")) == UNKNOWN


# -- diagnostics ----------------------------------------------------------------------------------

CHECKS = [
    {"name": "disk", "status": "pass", "message": "ok", "duration_ms": 5, "auto_fixed": False},
    {"name": "vm", "status": "warn", "message": "old", "duration_ms": 7, "details": {"a": 1}},
]


def _report(it: Controller, worker_id: str, **more: object) -> Any:
    body = {
        "worker_id": worker_id,
        "status": "warning",
        "run_at": 1,
        "duration_ms": 12,
        "auto_fixed": True,
        "checks": CHECKS,
        **more,
    }
    return it.post("/api/diagnostics/report", {k: v for k, v in body.items() if v is not ...})


@pytest.mark.parametrize("status", ["healthy", "warning", "critical"])
def test_report_is_stored_under_a_uuid(it: Controller, status: str) -> None:
    """Of three kinds."""
    answer = good(_report(it, it.register(), status=status))
    assert answer["status"] == "stored"
    uuid.UUID(answer["id"])


@pytest.mark.parametrize("field", ["worker_id", "status", "checks", "duration_ms"])
def test_report_without_a_field_is_400(it: Controller, field: str) -> None:
    """All four are named."""
    wanted = "Missing required fields: worker_id, status, duration_ms, checks"
    worker_id = it.register()
    assert refused(_report(it, **{"worker_id": worker_id, field: ...})) == (400, wanted)


def test_report_of_another_status_is_400_before_the_worker(it: Controller) -> None:
    """Checks come in order."""
    wanted = "Invalid status. Must be: healthy, warning, or critical"
    assert refused(_report(it, nobody(), status="fine")) == (400, wanted)


def test_report_of_a_stranger_is_404_before_the_list(it: Controller) -> None:
    """Then the checks must be a list."""
    assert refused(_report(it, nobody(), checks="x")) == UNKNOWN
    assert refused(_report(it, it.register(), checks="x")) == (400, "checks must be an array")


def test_reports_come_newest_first_as_they_were_sent(it: Controller) -> None:
    """With the server's time; `run_at` of the worker is ignored."""
    worker_id = it.register()
    ids = [good(_report(it, worker_id))["id"] for _ in range(3)]
    answer = good(it.get(f"/api/diagnostics/{worker_id}"))
    assert answer["worker_id"] == worker_id
    assert [one["id"] for one in answer["reports"]] == ids[::-1]
    one = answer["reports"][0]
    assert (one["status"], one["duration_ms"], one["auto_fixed"]) == ("warning", 12, True)
    assert one["checks"] == CHECKS
    assert one["run_at"] > 1_600_000_000_000


@pytest.mark.parametrize(("limit", "count"), [("", 10), ("2", 2), ("0", 0), ("-1", 12), ("3x", 3)])
def test_limit_is_its_leading_number(it: Controller, limit: str, count: int) -> None:
    """Ten when absent, none for 0, all when negative."""
    worker_id = it.register()
    for _ in range(12):
        good(_report(it, worker_id))
    query = f"?limit={limit}" if limit else ""
    assert len(good(it.get(f"/api/diagnostics/{worker_id}{query}"))["reports"]) == count


def test_latest_is_the_newest_report(it: Controller) -> None:
    """Alone, in the same shape."""
    worker_id = it.register()
    good(_report(it, worker_id))
    last = good(_report(it, worker_id, status="healthy"))["id"]
    found = good(it.get(f"/api/diagnostics/{worker_id}/latest"))
    assert (found["id"], found["status"]) == (last, "healthy")


def test_diagnostics_have_two_kinds_of_404(it: Controller) -> None:
    """No worker, and no report."""
    for path in (f"/api/diagnostics/{nobody()}", f"/api/diagnostics/{nobody()}/latest"):
        assert refused(it.get(path)) == UNKNOWN
    answer = it.get(f"/api/diagnostics/{it.register()}/latest")
    assert refused(answer) == (404, "No diagnostic reports found")
