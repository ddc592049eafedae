"""Section 4: the end of a build by its user, and another try."""

from __future__ import annotations

import pytest

from tests.contract.client import APP, SOURCE, Controller, good, refused

# -- cancel and retry -----------------------------------------------------------------------------


@pytest.mark.parametrize("assigned", [False, True])
def test_cancel_fails_the_build(it: Controller, *, assigned: bool) -> None:
    """Text, end, log line; its worker stays named and is idle, counters untouched."""
    build_id, worker_id = it.assigned() if assigned else (it.submit()["id"], None)
    assert good(it.post(f"/api/builds/{build_id}/cancel")) == {"status": "cancelled"}
    found = it.status(build_id)
    assert (found["status"], found["error_message"]) == ("failed", "Build cancelled by user")
    assert isinstance(found["completed_at"], int)
    assert found["worker_id"] == worker_id
    assert it.lines(build_id)[-1] == ("info", "Build cancelled")
    if worker_id:
        stats = it.stats(worker_id)
        assert (stats["status"], stats["totalBuilds"]) == ("idle", 0)


def test_cancel_of_a_finished_build_is_400(it: Controller) -> None:
    """Completed or failed."""
    failed = it.submit()["id"]
    it.post(f"/api/builds/{failed}/cancel")
    for build_id in (failed, it.completed()[0]):
        answer = it.post(f"/api/builds/{build_id}/cancel")
        assert refused(answer) == (400, "Build already finished")


@pytest.mark.parametrize("state", ["pending", "assigned", "completed", "failed"])
def test_retry_makes_a_new_build_in_any_state(it: Controller, state: str) -> None:
    """Of the same platform, with id and token of its own; the old one is unchanged."""
    build_id, worker_id = it.submit("android")["id"], it.register()
    if state != "pending":
        it.poll(worker_id)
    if state in {"completed", "failed"}:
        good(it.upload(build_id, worker_id, APP if state == "completed" else None))
    before = it.status(build_id)
    made = good(it.post(f"/api/builds/{build_id}/retry"))
    it.made.append(made["id"])
    assert set(made) >= {"id", "status", "submitted_at", "access_token", "original_build_id"}
    assert (made["status"], made["original_build_id"]) == ("pending", build_id)
    assert it.status(made["id"])["platform"] == "android"
    assert it.status(build_id) == before
    assert it.lines(made["id"]) == [("info", f"Build submitted (retry of {build_id})")]
    assert ("info", f"Retried as build {made['id']}") in it.lines(build_id)


def test_retry_has_the_files_of_the_old_build(it: Controller) -> None:
    """Source and certs."""
    build_id = it.submit(certs=b"PK certs")["id"]
    made = good(it.post(f"/api/builds/{build_id}/retry"))["id"]
    it.made.append(made)
    for route, wanted in (("source", SOURCE), ("certs", b"PK certs")):
        assert it.get(f"/api/builds/{made}/{route}", x_worker_id="w").content == wanted
