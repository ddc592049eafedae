"""Workers report the end of a build: results, failures, and whose report counts."""

from __future__ import annotations

import pytest
import trio

from actors.domain.artifact import LIMITS, Kind
from tests.support.farm import Farm, good, refused
from tests.support.form import MULTIPART, Part, body_of, file

UPLOAD = "/api/workers/upload"
NOWHERE = "x" * 21
NOT_YOURS = (403, "Build not assigned to this worker")
FINISHED = (409, "Build already finished")


async def counts(farm: Farm, worker_id: str) -> tuple[int, int, str]:
    """Return completed, failed and status of a worker."""
    row = await farm.worker(worker_id)
    return row["builds_completed"], row["builds_failed"], row["status"]


async def results(farm: Farm) -> list[str]:
    """Return the states of stored results, which all have their file."""
    rows = await farm.parts.db.fetch("select state, location from artifacts where kind = 'result'")
    on_disk = [name for name in farm.files() if name.startswith("result/")]
    assert sorted(row["location"] for row in rows) == on_disk
    return sorted(row["state"] for row in rows)


async def taken_over(farm: Farm) -> tuple[str, str, str, str]:
    """Have a build that the first worker lost to the second; ids, and the first one's lease."""
    build_id, first, lease = await farm.assigned()
    await farm.post(f"/api/workers/{first}/unregister")
    second = await farm.register()
    assert await farm.poll(second) is not None
    return build_id, first, second, lease


async def test_success_completes_the_build(farm: Farm) -> None:
    """Bytes stored, end noted, worker counted and idle, line written."""
    build_id, worker_id, lease = await farm.assigned()
    answer = await farm.upload(build_id, worker_id, b"an app", lease=lease)
    assert good(answer) == {"status": "success"}
    status = await farm.status(build_id)
    assert (status["status"], status["error_message"]) == ("completed", None)
    assert status["worker_id"] == worker_id
    assert status["started_at"] <= status["completed_at"]
    assert await counts(farm, worker_id) == (1, 0, "idle")
    assert (await farm.lines(build_id))[-1] == ("info", "Build completed successfully")
    assert await results(farm) == ["current"]


async def test_the_result_may_be_empty(farm: Farm) -> None:
    """A file of no bytes is a file."""
    build_id, worker_id, _ = await farm.assigned()
    assert good(await farm.upload(build_id, worker_id, b"")) == {"status": "success"}
    assert (await farm.get(f"/api/builds/{build_id}/download")).content == b""


@pytest.mark.parametrize("error", ["", "it broke", "nul \0 and \x1b"])
async def test_failure_fails_the_build(farm: Farm, error: str) -> None:
    """With the text given or a standard one, in the status and as a line; 200."""
    build_id, worker_id, _ = await farm.assigned()
    assert good(await farm.upload(build_id, worker_id, None, error)) == {"status": "failed"}
    text = error.replace("\0", "\ufffd") or "Build failed"
    status = await farm.status(build_id)
    assert (status["status"], status["error_message"]) == ("failed", text)
    assert await counts(farm, worker_id) == (0, 1, "idle")
    assert (await farm.lines(build_id))[-1] == ("error", text)


async def test_success_is_the_word_true_and_a_file(farm: Farm) -> None:
    """Anything else is a failure, and its file is not kept."""
    for success, result in (
        ("true", None),
        ("True", file("result", b"x")),
        ("1", file("result", b"x")),
        ("", file("result", b"x")),
        ("true", Part("result", "a text")),
    ):
        build_id, worker_id, _ = await farm.assigned()
        parts = [Part("build_id", build_id), Part("worker_id", worker_id), Part("success", success)]
        parts += [result] if result else []
        assert good(await farm.send_form(UPLOAD, *parts)) == {"status": "failed"}, success
        assert (await farm.status(build_id))["error_message"] == "Build failed"
    assert await results(farm) == []


async def test_parts_come_in_any_order(farm: Farm) -> None:
    """Also the file first, and parts nobody knows."""
    for turn in range(4):
        build_id, worker_id, _ = await farm.assigned()
        parts = [
            Part("build_id", build_id),
            Part("worker_id", worker_id),
            Part("success", "true"),
            file("result", b"an app"),
        ]
        answer = await farm.send_form(UPLOAD, *parts[turn:], file("x", b"?"), *parts[:turn])
        assert good(answer) == {"status": "success"}
    assert len(await results(farm)) == 4


async def test_refusals_come_in_order(farm: Farm) -> None:
    """No form, no ids, no build, no worker; nothing is kept."""
    build_id, worker_id, _ = await farm.assigned()
    answer = await farm.ask("POST", UPLOAD, json={"build_id": build_id})
    assert refused(answer) == (400, "Content must be multipart/form-data")
    for parts in ((), (Part("build_id", build_id),), (Part("worker_id", worker_id),)):
        answer = await farm.send_form(UPLOAD, *parts, file("result", b"x"))
        assert refused(answer) == (400, "build_id and worker_id required")
    for unknown in (NOWHERE, "short", "a\0b", "é"):
        for worker in (worker_id, "nobody", "\0", "a b"):
            assert refused(await farm.upload(unknown, worker)) == (404, "Build not found")
    for stranger in ("nobody", "\0", "a b", "A" * 500):
        assert refused(await farm.upload(build_id, stranger)) == (404, "Worker not found")
    assert await results(farm) == []
    assert (await farm.status(build_id))["status"] == "assigned"


async def test_exactly_the_limit_is_allowed(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte more is 413; the build stays with its worker."""
    monkeypatch.setitem(LIMITS, Kind.RESULT, 1000)
    build_id, worker_id, _ = await farm.assigned()
    answer = await farm.upload(build_id, worker_id, b"x" * 1001)
    assert refused(answer) == (413, "Result file too large")
    assert await results(farm) == []
    assert (await farm.status(build_id))["status"] == "assigned"
    assert good(await farm.upload(build_id, worker_id, b"x" * 1000)) == {"status": "success"}


async def test_the_same_end_again_is_answered_again(farm: Farm) -> None:
    """A lost answer was retried: counted once, one file, one line; success or failure."""
    build_id, worker_id, lease = await farm.assigned()
    for _ in range(3):
        answer = await farm.upload(build_id, worker_id, b"an app", lease=lease)
        assert good(answer) == {"status": "success"}
    assert await counts(farm, worker_id) == (1, 0, "idle")
    assert await results(farm) == ["current"]
    build_id, worker_id, _ = await farm.assigned()
    for text in ("first", "second"):
        assert good(await farm.upload(build_id, worker_id, None, text)) == {"status": "failed"}
    assert await counts(farm, worker_id) == (0, 1, "idle")
    assert (await farm.status(build_id))["error_message"] == "first"


async def test_success_without_a_file_after_the_result_is_there_is_success(farm: Farm) -> None:
    """The machine has brought it, its worker only says so: not counted twice, nothing changed."""
    build_id, worker_id, _ = await farm.assigned()
    await farm.upload(build_id, worker_id, b"an app")
    parts = (Part("build_id", build_id), Part("worker_id", worker_id), Part("success", "true"))
    assert good(await farm.send_form(UPLOAD, *parts)) == {"status": "success"}
    assert await counts(farm, worker_id) == (1, 0, "idle")
    assert (await farm.get(f"/api/builds/{build_id}/download")).content == b"an app"


async def test_another_end_of_a_finished_build_is_409(farm: Farm) -> None:
    """Of the same worker or another one; the bytes are kept as evidence, nothing changes."""
    build_id, worker_id, _ = await farm.assigned()
    other = await farm.register()
    await farm.upload(build_id, worker_id, None, "it broke")
    assert refused(await farm.upload(build_id, worker_id, b"late")) == FINISHED
    assert refused(await farm.upload(build_id, other, b"late")) == FINISHED
    assert refused(await farm.upload(build_id, other, None)) == FINISHED
    status = await farm.status(build_id)
    assert (status["status"], status["error_message"]) == ("failed", "it broke")
    assert await counts(farm, worker_id) == (0, 1, "idle")
    assert await counts(farm, other) == (0, 0, "idle")
    assert await results(farm) == ["late", "late"]


async def test_an_end_after_a_cancel_is_409(farm: Farm) -> None:
    """The cancel stands; a failure is answered like one that was reported."""
    build_id, worker_id, _ = await farm.assigned()
    await farm.post(f"/api/builds/{build_id}/cancel")
    assert refused(await farm.upload(build_id, worker_id, b"late")) == FINISHED
    status = await farm.status(build_id)
    assert status["error_message"] == "Build cancelled by user"
    assert await counts(farm, worker_id) == (0, 0, "idle")


async def test_the_build_of_another_is_403(farm: Farm) -> None:
    """The late answer of who lost it is evidence; the holder's counts."""
    build_id, first, second, _ = await taken_over(farm)
    assert refused(await farm.upload(build_id, first, b"late")) == NOT_YOURS
    assert refused(await farm.upload(build_id, first, None)) == NOT_YOURS
    assert (await farm.status(build_id))["status"] == "assigned"
    assert await results(farm) == ["late"]
    assert good(await farm.upload(build_id, second, b"mine")) == {"status": "success"}
    assert (await farm.get(f"/api/builds/{build_id}/download")).content == b"mine"
    assert await counts(farm, first) == (0, 0, "offline")
    assert await counts(farm, second) == (1, 0, "idle")
    assert await results(farm) == ["current", "late"]


async def test_a_pending_build_is_settled_in_the_name_of_the_reporter(farm: Farm) -> None:
    """Held by nobody: a valid result of who lost it counts, and it leaves the queue."""
    build_id, worker_id, lease = await farm.assigned()
    await farm.post(f"/api/workers/{worker_id}/unregister")
    other = await farm.register()
    assert good(await farm.upload(build_id, worker_id, b"late", lease=lease)) == {
        "status": "success"
    }
    status = await farm.status(build_id)
    assert (status["status"], status["worker_id"]) == ("completed", worker_id)
    assert await farm.poll(other) is None
    fresh = (await farm.submit())["id"]
    assert good(await farm.upload(fresh, other, b"early")) == {"status": "success"}
    assert await counts(farm, other) == (1, 0, "idle")


async def test_a_lease_fences_its_worker(farm: Farm) -> None:
    """An old lease is 403 even from the holder, as header or field; the right one passes."""
    build_id, worker_id, old = await farm.assigned()
    await farm.post(f"/api/workers/{worker_id}/unregister")
    await farm.register(id=worker_id)
    job = await farm.poll(worker_id)
    assert job is not None
    assert job["lease"] != old
    assert refused(await farm.upload(build_id, worker_id, b"late", lease=old)) == NOT_YOURS
    ids = (Part("build_id", build_id), Part("worker_id", worker_id), Part("success", "true"))
    answer = await farm.send_form(UPLOAD, *ids, Part("lease", old), file("result", b"x"))
    assert refused(answer) == NOT_YOURS
    answer = await farm.send_form(UPLOAD, *ids, Part("lease", job["lease"]), file("result", b"x"))
    assert good(answer) == {"status": "success"}


async def test_a_report_leaves_the_hold_on_another_build_alone(farm: Farm) -> None:
    """Who builds one and reports on a pending one stays at work."""
    held, worker_id, _ = await farm.assigned()
    pending = (await farm.submit())["id"]
    assert good(await farm.upload(pending, worker_id)) == {"status": "success"}
    assert await counts(farm, worker_id) == (1, 0, "building")
    job = await farm.poll(worker_id)
    assert job is not None
    assert job["id"] == held


async def test_a_cut_off_upload_changes_nothing(farm: Farm) -> None:
    """No file, no end; the worker may send it again."""
    build_id, worker_id, _ = await farm.assigned()
    whole = body_of(Part("build_id", build_id), file("result", b"x" * 100_000))
    for cut in (100, 300, len(whole) - 50):
        answer = await farm.ask("POST", UPLOAD, {"Content-Type": MULTIPART}, content=whole[:cut])
        assert refused(answer)[0] == 400
    assert await results(farm) == []
    assert good(await farm.upload(build_id, worker_id)) == {"status": "success"}


async def test_a_killed_sink_costs_its_own_upload_only(farm: Farm) -> None:
    """503 in the middle of the body, no file left; the one beside it ends well."""
    slow, fast = await farm.assigned(), await farm.assigned()
    stream = await farm.begin_form(UPLOAD)
    parts = (
        Part("build_id", slow[0]),
        Part("worker_id", slow[1]),
        file("result", b"x" * 3_000_000),
    )
    await stream.send_all(body_of(*parts)[:-100])
    while not (sinks := farm.sinks()):
        await trio.testing.wait_all_tasks_blocked(0.001)
    farm.kill(sinks[0])
    await stream.send_all(b"x" * 3_000_000)
    assert good(await farm.upload(fast[0], fast[1])) == {"status": "success"}
    answer = b""
    while b"\r\n\r\n{" not in answer:
        answer += await stream.receive_some()
    await stream.aclose()
    assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"retry-after: 2\r\n" in answer
    assert answer.endswith(b'{"error":"The upload was cut off. Send it again."}')
    assert await results(farm) == ["current"]
    assert good(await farm.upload(slow[0], slow[1])) == {"status": "success"}
