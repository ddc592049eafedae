"""Ends and signs of life told by build: result, fail, heartbeat under `/api/workers`."""

from __future__ import annotations

import pytest
import trio

from actors.domain.artifact import LIMITS, Kind
from tests.support.books import books_balance
from tests.support.farm import Farm, good, refused
from tests.support.form import Part, file

NOWHERE = "x" * 21
NOT_YOURS = (403, "Build not assigned to this worker")
FINISHED = (409, "Build already finished")
UNKNOWN = (404, "Build not found")
INCOMPLETE = [
    {},
    {"build_id": NOWHERE},
    {"error": "x"},
    {"build_id": "", "error": "x"},
    [],
    "text",
    {"build_id": NOWHERE, "error": ""},
    {"build_id": 1, "error": "x"},
]
DONE = {"status": "success", "success": True, "message": "Result uploaded successfully"}
FAILED = {"status": "failed", "success": True, "message": "Build marked as failed"}
MARKED = {"success": True, "message": "Build marked as failed"}
RESULT, FAIL, BEAT = "/api/workers/result", "/api/workers/fail", "/api/workers/heartbeat"


async def counts(farm: Farm, worker_id: str) -> tuple[int, int, str]:
    """Return completed, failed and status of a worker."""
    row = await farm.worker(worker_id)
    return row["builds_completed"], row["builds_failed"], row["status"]


def app(data: bytes = b"an app") -> Part:
    """Make the part with the result."""
    return file("result", data, "artifact.ipa")


# -- result ------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [True, False])
async def test_a_result_completes_the_build_of_its_holder(farm: Farm, *, named: bool) -> None:
    """A success unless it says otherwise; the worker need not say who it is."""
    build_id, worker_id, _ = await farm.assigned()
    who = [Part("worker_id", worker_id)] if named else []
    answer = await farm.send_form(RESULT, Part("build_id", build_id), *who, app())
    assert good(answer) == DONE
    assert (await farm.status(build_id))["status"] == "completed"
    assert await counts(farm, worker_id) == (1, 0, "idle")
    assert (await farm.get(f"/api/builds/{build_id}/download")).content == b"an app"
    assert (await farm.lines(build_id))[-1] == ("info", "Build completed successfully")


async def test_anything_but_true_marks_the_build_as_failed(farm: Farm) -> None:
    """With the worker's words, or our own; a file is dropped then."""
    for success, text, stored in (
        ("false", "it broke", "it broke"),
        ("no", "", "Build failed"),
        ("", "", "Build failed"),
    ):
        build_id, worker_id, _ = await farm.assigned()
        parts = [Part("build_id", build_id), Part("success", success), app()]
        answer = await farm.send_form(RESULT, *parts, Part("error_message", text))
        assert good(answer) == FAILED
        status = await farm.status(build_id)
        assert (status["status"], status["error_message"]) == ("failed", stored)
        assert await counts(farm, worker_id) == (0, 1, "idle")
    assert not [name for name in farm.files() if name.startswith("result/")]


async def test_a_success_without_file_is_refused(farm: Farm) -> None:
    """400, and the build goes on."""
    build_id, _, _ = await farm.assigned()
    for success in ([], [Part("success", "true")]):
        answer = await farm.send_form(RESULT, Part("build_id", build_id), *success)
        assert refused(answer) == (400, "Missing result file")
    assert (await farm.status(build_id))["status"] == "assigned"


async def test_refusals_of_a_result_leave_no_file(farm: Farm) -> None:
    """No build named, an unknown one, no form, a body above the limit."""
    assert refused(await farm.send_form(RESULT, app())) == (400, "build_id required")
    for unknown in (NOWHERE, "short"):
        assert refused(await farm.send_form(RESULT, Part("build_id", unknown), app())) == UNKNOWN
    answer = await farm.post(RESULT, {"build_id": NOWHERE})
    assert refused(answer) == (400, "Content must be multipart/form-data")
    assert farm.files() == []


async def test_a_large_result_is_refused(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    """413, as for an upload."""
    monkeypatch.setitem(LIMITS, Kind.RESULT, 1000)
    build_id, _, _ = await farm.assigned()
    answer = await farm.send_form(RESULT, Part("build_id", build_id), app(bytes(1001)))
    assert refused(answer) == (413, "Result file too large")


async def test_a_result_of_another_worker_or_lease_is_evidence(farm: Farm) -> None:
    """403, the bytes are kept, nothing is applied."""
    build_id, worker_id, _ = await farm.assigned()
    other = await farm.register()
    for parts, headers in (
        ([Part("worker_id", other)], {}),
        ([Part("lease", "old")], {}),
        ([], {"x_lease": "old"}),
    ):
        answer = await farm.send_form(RESULT, Part("build_id", build_id), *parts, app(), **headers)
        assert refused(answer) == NOT_YOURS
    assert (await farm.status(build_id))["status"] == "assigned"
    assert await counts(farm, worker_id) == (0, 0, "building")
    late = await farm.parts.db.fetchval("select count(*) from artifacts where state = 'late'")
    assert late == 3


async def test_a_repeated_result_is_the_same_answer_and_counts_once(farm: Farm) -> None:
    """A lost response was retried; the other outcome is refused."""
    build_id, worker_id, _ = await farm.assigned()
    for _ in range(2):
        answer = await farm.send_form(RESULT, Part("build_id", build_id), app())
        assert good(answer) == DONE
    assert await counts(farm, worker_id) == (1, 0, "idle")
    assert refused(await farm.post(FAIL, {"build_id": build_id, "error": "x"})) == FINISHED
    assert len([name for name in farm.files() if name.startswith("result/")]) == 1


async def test_a_waiting_build_takes_the_result_of_a_worker_that_is_named(farm: Farm) -> None:
    """Held by nobody: without a name there is nobody to settle for."""
    build_id = (await farm.submit())["id"]
    worker_id = await farm.register()
    answer = await farm.send_form(RESULT, Part("build_id", build_id), app())
    assert refused(answer) == NOT_YOURS
    parts = [Part("build_id", build_id), Part("worker_id", worker_id), app()]
    assert good(await farm.send_form(RESULT, *parts)) == DONE
    assert await counts(farm, worker_id) == (1, 0, "idle")


async def test_a_build_cancelled_before_anyone_held_it_takes_no_result(farm: Farm) -> None:
    """409, for result and fail."""
    build_id = (await farm.submit())["id"]
    await farm.post(f"/api/builds/{build_id}/cancel")
    assert refused(await farm.send_form(RESULT, Part("build_id", build_id), app())) == FINISHED
    assert refused(await farm.post(FAIL, {"build_id": build_id, "error": "x"})) == FINISHED


async def test_result_and_cancel_at_once_have_one_winner(farm: Farm) -> None:
    """The build ends as the winner was told, the loser is told that it is over."""
    worker_id = await farm.register()
    for _ in range(12):
        build_id = (await farm.submit())["id"]
        await farm.poll(worker_id)
        said: dict[str, tuple[int, object]] = {}

        async def report(build_id: str, said: dict[str, tuple[int, object]]) -> None:
            answer = await farm.send_form(RESULT, Part("build_id", build_id), app())
            said["result"] = answer.status_code, answer.json().get("error")

        async def cancel(build_id: str, said: dict[str, tuple[int, object]]) -> None:
            answer = await farm.post(f"/api/builds/{build_id}/cancel")
            said["cancel"] = answer.status_code, answer.json().get("error")

        async with trio.open_nursery() as nursery:
            for call in (report, cancel):
                nursery.start_soon(call, build_id, said)
        completed = {"result": (200, None), "cancel": (400, "Build already finished")}
        cancelled = {"result": FINISHED, "cancel": (200, None)}
        ended = (await farm.status(build_id))["status"]
        assert said == (completed if ended == "completed" else cancelled)
    await books_balance(farm)


# -- fail --------------------------------------------------------------------------------------


async def test_fail_ends_the_build_with_the_words_of_the_worker(farm: Farm) -> None:
    """Its worker is counted and idle; a repetition is the same answer."""
    build_id, worker_id, _ = await farm.assigned()
    for _ in range(2):
        assert good(await farm.post(FAIL, {"build_id": build_id, "error": "it \0 broke"})) == MARKED
    status = await farm.status(build_id)
    assert (status["status"], status["error_message"]) == (
        "failed",
        "it \N{REPLACEMENT CHARACTER} broke",
    )
    assert await counts(farm, worker_id) == (0, 1, "idle")
    assert (await farm.lines(build_id))[-1][0] == "error"


async def test_fail_names_what_is_missing(farm: Farm) -> None:
    """400."""
    for body in INCOMPLETE:
        answer = await farm.post(FAIL, body)
        assert refused(answer) == (400, "build_id and error required"), body


async def test_fail_is_refused_for_what_is_not_the_workers(farm: Farm) -> None:
    """An unknown build 404; another worker, an old lease, a build that nobody holds 403."""
    build_id, worker_id, lease = await farm.assigned()
    other = await farm.register()
    for unknown in (NOWHERE, "short"):
        assert refused(await farm.post(FAIL, {"build_id": unknown, "error": "x"})) == UNKNOWN
    body = {"build_id": build_id, "error": "x"}
    assert refused(await farm.post(FAIL, {**body, "worker_id": other})) == NOT_YOURS
    assert refused(await farm.post(FAIL, {**body, "lease": "old"})) == NOT_YOURS
    assert refused(await farm.post(FAIL, body, x_lease="old")) == NOT_YOURS
    answer = await farm.post(FAIL, {**body, "worker_id": "nobody"})
    assert refused(answer) == (404, "Worker not found")
    waiting = {**body, "build_id": (await farm.submit())["id"]}
    assert refused(await farm.post(FAIL, waiting)) == NOT_YOURS
    assert (await farm.status(build_id))["status"] == "assigned"
    own = {**body, "worker_id": worker_id, "lease": lease}
    assert good(await farm.post(FAIL, own)) == MARKED


# -- heartbeat ---------------------------------------------------------------------------------


async def test_a_heartbeat_is_a_sign_of_life_of_the_build(farm: Farm) -> None:
    """The build is at work from then on."""
    build_id, _, _ = await farm.assigned()
    assert good(await farm.post(BEAT, {"build_id": build_id})) == {"success": True}
    assert (await farm.status(build_id))["status"] == "building"
    sign = "select last_sign_at from attempts where build_id = $1"
    assert await farm.parts.db.fetchval(sign, build_id) is not None


async def test_a_heartbeat_of_a_build_that_is_over_says_so(farm: Farm) -> None:
    """`cancelled`, so that the worker gives up; a waiting build has no worker to tell."""
    build_id, _, _ = await farm.assigned()
    await farm.post(f"/api/builds/{build_id}/cancel")
    beat = await farm.post(BEAT, {"build_id": build_id})
    assert good(beat) == {"success": True, "cancelled": True}
    waiting = (await farm.submit())["id"]
    assert good(await farm.post(BEAT, {"build_id": waiting})) == {"success": True}
    assert (await farm.status(waiting))["status"] == "pending"


async def test_refusals_of_a_heartbeat(farm: Farm) -> None:
    """No build 400, an unknown one 404, a worker or lease that is not its 403."""
    build_id, worker_id, lease = await farm.assigned()
    for body in ({}, {"build_id": ""}, {"build_id": None}, []):
        assert refused(await farm.post(BEAT, body)) == (400, "build_id required")
    for unknown in (NOWHERE, "short"):
        assert refused(await farm.post(BEAT, {"build_id": unknown})) == UNKNOWN
    body = {"build_id": build_id}
    assert refused(await farm.post(BEAT, {**body, "worker_id": "other"})) == NOT_YOURS
    assert refused(await farm.post(BEAT, body, x_worker_id="other")) == NOT_YOURS
    assert refused(await farm.post(BEAT, {**body, "lease": "old"})) == NOT_YOURS
    own = {**body, "worker_id": worker_id, "lease": lease}
    assert good(await farm.post(BEAT, own)) == {"success": True}
