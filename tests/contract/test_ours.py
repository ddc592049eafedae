"""Section 0, with 7 and 8: our decisions on top, which old clients never notice."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.contract.client import APP, Controller, Part, file, good, nobody, refused

pytestmark = pytest.mark.ours

NOT_YOURS = (403, "Build not assigned to this worker")
FINISHED = (409, "Build already finished")


# -- the second prefix, moving workers ------------------------------------------------------------


@pytest.mark.parametrize("path", ["builds", "builds/active", "stats", "health", "nothing"])
def test_v2_is_the_same_api(it: Controller, path: str) -> None:
    """The same status under both prefixes."""
    assert it.get(f"/api/v2/{path}").status_code == it.get(f"/api/{path}").status_code


def test_a_build_travels_under_v2(it: Controller) -> None:
    """Submit there, poll and upload here."""
    parts = [file("source", b"s"), Part("platform", "ios")]
    build_id = good(it.send("/api/v2/builds/submit", *parts))["id"]
    worker_id = it.register()
    assert it.poll(worker_id)["id"] == build_id
    assert good(it.get(f"/api/v2/builds/{build_id}/status"))["worker_id"] == worker_id


def test_workers_are_told_to_move(it: Controller) -> None:
    """One worker; every later poll says so, until null clears it."""
    worker_id, url = it.register(), "https://new.example"
    config = "/api/workers/config"
    body: dict[str, Any] = {"controller_url": url, "worker_id": worker_id}
    good(it.ask("PATCH", config, json=body))
    assert good(it.get(config))["workers"][worker_id] == url
    poll = f"/api/workers/poll?worker_id={worker_id}"
    assert good(it.get(poll))["config"] == {"controller_url": url}
    good(it.ask("PATCH", config, json={**body, "controller_url": None}))
    assert "config" not in good(it.get(poll))


# -- ownership ------------------------------------------------------------------------------------


def test_another_worker_may_not_end_a_build(it: Controller) -> None:
    """403, and nothing is applied."""
    build_id, _ = it.assigned()
    assert refused(it.upload(build_id, it.register())) == NOT_YOURS
    assert it.status(build_id)["status"] in {"assigned", "building"}


def test_repeated_report_is_the_same_answer_and_counts_once(it: Controller) -> None:
    """A lost response was retried."""
    build_id, worker_id = it.assigned()
    for _ in range(2):
        assert good(it.upload(build_id, worker_id)) == {"status": "success"}
    assert it.stats(worker_id)["totalBuilds"] == 1


def test_build_that_ended_otherwise_is_409(it: Controller) -> None:
    """A result after a cancel is refused."""
    build_id, worker_id = it.assigned()
    good(it.post(f"/api/builds/{build_id}/cancel"))
    assert refused(it.upload(build_id, worker_id)) == FINISHED
    assert it.status(build_id)["error_message"] == "Build cancelled by user"


def test_one_of_many_uploads_counts(it: Controller) -> None:
    """The same worker, eight times at once."""
    build_id, worker_id = it.assigned()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: it.upload(build_id, worker_id), range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert it.stats(worker_id)["successfulBuilds"] == 1


def test_submission_with_a_key_is_made_once(it: Controller) -> None:
    """A repeated `Idempotency-Key` is the same build."""
    parts = [file("source", b"s"), Part("platform", "ios")]
    key = nobody()
    ids = {good(it.send("/api/builds/submit", *parts, idempotency_key=key))["id"] for _ in range(2)}
    assert len(ids) == 1


# -- states, routing, long polls, fences ----------------------------------------------------------


def test_first_sign_of_life_makes_it_building(it: Controller) -> None:
    """Fetching the source does not."""
    build_id, worker_id = it.assigned()
    it.get(f"/api/builds/{build_id}/source", x_worker_id=worker_id)
    assert it.status(build_id)["status"] == "assigned"
    good(it.post(f"/api/builds/{build_id}/heartbeat?worker_id={worker_id}", {}))
    assert it.status(build_id)["status"] == "building"


def test_worker_with_platforms_gets_only_those(it: Controller) -> None:
    """One that lists none gets any."""
    build_id = it.submit("android")["id"]
    assert it.poll(it.register(capabilities={"platforms": ["ios"]})) is None
    assert it.poll(it.register())["id"] == build_id


def test_poll_waits_for_work(it: Controller) -> None:
    """Held until there is a job."""
    worker_id = it.register()
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(it.get, f"/api/workers/poll?worker_id={worker_id}&wait=20")
        build_id = it.submit()["id"]
        assert good(held.result(25))["job"]["id"] == build_id


def test_poll_waits_no_longer_than_asked(it: Controller) -> None:
    """Then there is no job."""
    began = time.monotonic()
    query = f"worker_id={it.register()}&wait=1"
    assert good(it.get(f"/api/workers/poll?{query}"))["job"] is None
    assert time.monotonic() - began >= 0.9


@pytest.mark.parametrize("wait", ["-1", "61", "nan", "x"])
def test_other_waits_are_400(it: Controller, wait: str) -> None:
    """0 to 60 seconds."""
    query = f"worker_id={it.register()}&wait={wait}"
    assert it.get(f"/api/workers/poll?{query}").status_code == 400


def test_job_carries_attempt_and_lease(it: Controller) -> None:
    """A wrong lease fences every write of the worker."""
    build_id, worker_id = it.assigned()
    job = it.poll(worker_id)
    assert job["attempt"] == 1
    assert isinstance(job["lease"], str)
    beat = f"/api/builds/{build_id}/heartbeat?worker_id={worker_id}"
    good(it.post(beat, {}, x_lease=job["lease"]))
    assert refused(it.post(beat, {}, x_lease="old")) == NOT_YOURS
    assert refused(it.upload(build_id, worker_id, lease="old")) == NOT_YOURS
    good(it.upload(build_id, worker_id, lease=job["lease"]))


@pytest.mark.parametrize("route", ["heartbeat", "telemetry", "logs"])
def test_cancel_reaches_the_worker(it: Controller, route: str) -> None:
    """The answers of a build that is over say so."""
    build_id, worker_id = it.assigned()
    good(it.post(f"/api/builds/{build_id}/cancel"))
    ids = {"x_worker_id": worker_id, "x_build_id": build_id}
    body = {"type": "heartbeat", "data": {}, "level": "info", "message": "m"}
    path = f"/api/builds/{build_id}/{route}?worker_id={worker_id}"
    assert good(it.post(path, body, **ids))["cancelled"] is True


# -- the wanted routes of section 7 ---------------------------------------------------------------


def test_register_keeps_the_running_build(it: Controller) -> None:
    """Counters, too."""
    build_id, worker_id = it.assigned()
    body = {"name": "m", "capabilities": {}, "id": worker_id}
    assert good(it.post("/api/workers/register", body))["status"] == "re-registered"
    assert it.poll(worker_id)["id"] == build_id


def test_unregister_returns_the_build(it: Controller) -> None:
    """Offline until it registers again; a stranger is 404."""
    build_id, worker_id = it.assigned()
    answer = good(it.post(f"/api/workers/{worker_id}/unregister"))
    assert (answer["success"], answer["message"]) == (True, "Worker unregistered")
    assert answer["builds_reassigned"] == 1
    assert it.stats(worker_id)["status"] == "offline"
    assert it.status(build_id)["worker_id"] is None
    good(it.post("/api/workers/register", {"name": "m", "capabilities": {}, "id": worker_id}))
    assert it.stats(worker_id)["status"] == "idle"
    unknown = it.post(f"/api/workers/{nobody()}/unregister")
    assert refused(unknown) == (404, "Worker not found")


@pytest.mark.parametrize(("one", "other"), [("/api/health", "/health")])
def test_second_names_are_the_same_routes(it: Controller, one: str, other: str) -> None:
    """Without key."""
    assert good(it.get(one, x_api_key="")) == good(it.get(other, x_api_key=""))


def test_public_stats_are_the_stats(it: Controller) -> None:
    """Seven numbers without key."""
    assert set(good(it.get("/public/stats", x_api_key=""))) == set(good(it.get("/api/stats")))


def test_post_builds_is_submit(it: Controller) -> None:
    """With the same answer."""
    made = good(it.send("/api/builds", file("source", b"s"), Part("platform", "ios")))
    assert set(made) >= {"id", "status", "submitted_at", "access_token"}


def test_one_build_is_described(it: Controller) -> None:
    """With ISO times, and whether it has a result."""
    build_id, worker_id = it.completed()
    found = good(it.get(f"/api/builds/{build_id}"))
    assert (found["worker_id"], found["worker_name"]) == (worker_id, "contract")
    assert found["has_result"] is True
    assert re.match(r"\d{4}-\d\d-\d\dT", found["createdAt"])
    assert refused(it.get(f"/api/builds/{nobody()}")) == (404, "Build not found")


def test_statistics_count_by_state(it: Controller) -> None:
    """Seven integers; cancelled ones apart."""
    before = good(it.get("/api/builds/statistics"))
    build_id = it.submit()["id"]
    good(it.post(f"/api/builds/{build_id}/cancel"))
    after = good(it.get("/api/builds/statistics"))
    assert set(after) >= {
        *("total", "pending", "assigned", "building"),
        *("completed", "failed", "cancelled"),
    }
    assert (after["total"], after["cancelled"]) == (before["total"] + 1, before["cancelled"] + 1)


@pytest.mark.parametrize(("kind", "wanted"), [("result", APP), ("source", None)])
def test_either_file_is_downloaded(it: Controller, kind: str, wanted: bytes | None) -> None:
    """Other kinds are 400, what is not there 404."""
    build_id, _ = it.completed()
    answer = it.get(f"/api/builds/{build_id}/download/{kind}")
    assert answer.status_code == 200
    assert wanted in {None, answer.content}
    other = it.get(f"/api/builds/{build_id}/download/other")
    assert refused(other) == (400, "Invalid file type")
    none = it.get(f"/api/builds/{it.submit()['id']}/download/result")
    assert refused(none) == (404, "Build or file not found")


def test_result_needs_no_worker(it: Controller) -> None:
    """Success is the default."""
    build_id, worker_id = it.assigned()
    parts = [Part("build_id", build_id), file("result", APP)]
    answer = good(it.send("/api/workers/result", *parts))
    assert (answer["success"], answer["message"]) == (True, "Result uploaded successfully")
    assert it.stats(worker_id)["successfulBuilds"] == 1


def test_result_without_file_is_400(it: Controller) -> None:
    """Unless it is a failure."""
    build_id, _ = it.assigned()
    answer = it.send("/api/workers/result", Part("build_id", build_id))
    assert refused(answer) == (400, "Missing result file")
    parts = [Part("build_id", build_id), Part("success", "false")]
    assert good(it.send("/api/workers/result", *parts))["message"] == "Build marked as failed"


def test_fail_ends_the_build(it: Controller) -> None:
    """With that text; unknown is 404, nothing is 400."""
    build_id, worker_id = it.assigned()
    answer = good(it.post("/api/workers/fail", {"build_id": build_id, "error": "no disk"}))
    assert answer == {"success": True, "message": "Build marked as failed"}
    assert it.status(build_id)["error_message"] == "no disk"
    assert it.stats(worker_id)["failedBuilds"] == 1
    unknown = it.post("/api/workers/fail", {"build_id": nobody(), "error": "e"})
    assert unknown.status_code == 404
    assert it.post("/api/workers/fail", {"build_id": build_id}).status_code == 400


def test_heartbeat_by_build(it: Controller) -> None:
    """A sign of life of whoever holds it."""
    build_id, _ = it.assigned()
    assert good(it.post("/api/workers/heartbeat", {"build_id": build_id}))["success"] is True
    assert it.status(build_id)["status"] == "building"
    unknown = it.post("/api/workers/heartbeat", {"build_id": nobody()})
    assert refused(unknown) == (404, "Build not found")


# -- the later protocol of section 8 --------------------------------------------------------------


def _token(it: Controller) -> tuple[str, str]:
    answer = good(it.post("/api/workers/register", {"name": "m", "capabilities": {}}))
    return answer["id"], answer["access_token"]


def _granted(it: Controller) -> tuple[str, str, str]:
    """Have a build with a worker that has a token: build, otp, token."""
    build_id, (_, token) = it.submit(certs=b"PK certs")["id"], _token(it)
    answer = good(it.get("/api/workers/poll", x_api_key="", x_worker_token=token))
    assert answer["job"]["id"] == build_id
    return build_id, answer["job"]["otp"], answer["access_token"]


def test_worker_polls_with_its_token(it: Controller) -> None:
    """32 characters; none or a bad one is 401."""
    _, token = _token(it)
    assert re.fullmatch(r"[A-Za-z0-9_-]{32}", token)
    answer = good(it.get("/api/workers/poll", x_api_key="", x_worker_token=token))
    assert answer["job"] is None
    assert isinstance(answer["access_token"], str)
    bad = it.get("/api/workers/poll", x_api_key="", x_worker_token="x" * 32)
    assert bad.status_code == 401


@pytest.mark.parametrize("route", ["source", "certs"])
def test_worker_token_opens_the_files_of_its_build(it: Controller, route: str) -> None:
    """And of no other."""
    build_id, _, token = _granted(it)
    only = {"x_api_key": "", "x_worker_token": token}
    assert it.get(f"/api/builds/{build_id}/{route}", **only).status_code == 200
    other, _ = it.assigned(certs=b"c")
    assert it.get(f"/api/builds/{other}/{route}", **only).status_code == 403


def test_otp_is_exchanged_once(it: Controller) -> None:
    """For a token of the machine; then it is used up."""
    build_id, otp, _ = _granted(it)
    path = f"/api/builds/{build_id}/authenticate"
    answer = good(it.post(path, {"otp": otp}, x_api_key=""))
    assert set(answer) >= {"vm_token", "expires_at"}
    assert refused(it.post(path, {"otp": otp}, x_api_key=""))[0] == 401
    missing = it.post(path, {}, x_api_key="")
    assert refused(missing) == (400, "Missing required parameter: otp")
    wrong = it.post(f"/api/builds/{nobody()}/authenticate", {"otp": otp}, x_api_key="")
    assert refused(wrong) == (404, "Build not found")


def test_machine_does_its_build_with_its_token_alone(it: Controller) -> None:
    """Ready, log, source, artifact; then the worker reports success without a file."""
    build_id, otp, token = _granted(it)
    base = f"/api/builds/{build_id}"
    vm = good(it.post(f"{base}/authenticate", {"otp": otp}, x_api_key=""))["vm_token"]
    only = {"x_api_key": "", "x_vm_token": vm}
    assert good(it.get(f"{base}/vm-status", x_api_key="")) == {"vm_ready": False}
    good(it.post(f"{base}/vm-ready", **only, content_type="application/json"))
    assert good(it.get(f"{base}/vm-status", x_api_key=""))["vm_ready"] is True
    good(it.post(f"{base}/logs", {"level": "info", "message": "m"}, **only))
    assert it.get(f"{base}/source", **only).status_code == 200
    assert good(it.send(f"{base}/artifact", file("artifact", APP), **only)) == {"success": True}
    worker_id = it.status(build_id)["worker_id"]
    del token
    assert good(it.upload(build_id, worker_id, None, success="true")) == {"status": "success"}
    assert it.stats(worker_id)["successfulBuilds"] == 1


def test_machine_of_another_build_is_403(it: Controller) -> None:
    """A token opens one build."""
    build_id, otp, _ = _granted(it)
    path = f"/api/builds/{build_id}/authenticate"
    vm = good(it.post(path, {"otp": otp}, x_api_key=""))["vm_token"]
    other, _ = it.assigned()
    only = {"x_api_key": "", "x_vm_token": vm}
    assert it.get(f"/api/builds/{other}/source", **only).status_code == 403


def test_worker_gives_its_build_up(it: Controller) -> None:
    """By token; the build waits again."""
    build_id, _, token = _granted(it)
    body = {"build_id": build_id, "reason": "no disk"}
    answer = good(it.post("/api/workers/abandon", body, x_api_key="", x_worker_token=token))
    assert answer == {"success": True, "message": "Build requeued successfully"}
    assert it.status(build_id)["status"] == "pending"


def test_worker_signs_off_by_token(it: Controller) -> None:
    """401 without; its builds return."""
    build_id, _, token = _granted(it)
    path = "/api/workers/unregister"
    assert it.post(path, x_api_key="").status_code == 401
    answer = good(it.post(path, x_api_key="", x_worker_token=token))
    assert answer["builds_reassigned"] == 1
    assert it.status(build_id)["status"] == "pending"


# -- the description ------------------------------------------------------------------------------


def test_the_description_names_every_route_that_clients_use(it: Controller) -> None:
    """OpenAPI 3.1, for whoever asks."""
    found = good(it.get("/openapi.json", x_api_key=""))
    assert found["openapi"].startswith("3.1")
    for path in ("/api/builds/submit", "/api/workers/poll", "/api/workers/upload"):
        assert path in found["paths"]
