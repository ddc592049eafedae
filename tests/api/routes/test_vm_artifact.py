"""The result from the machine of a build, and the word of its worker afterwards."""

from __future__ import annotations

import httpx
import pytest
import trio

from actors.domain.artifact import LIMITS, Kind
from actors.domain.events import BuildSettled
from tests.support.farm import Farm, good, refused
from tests.support.form import MULTIPART, Part, body_of, file
from tests.support.machines import Granted, age_attempts, bring, granted, with_machine

BAD = (403, "Invalid or expired VM token")


async def say_so(farm: Farm, build: Granted, **more: str) -> httpx.Response:
    """Upload `success=true` without a file, as the newer worker does afterwards."""
    fields = {"build_id": build.id, "worker_id": build.worker_id, "success": "true", **more}
    parts = [Part(name, value) for name, value in fields.items()]
    return await farm.send_form("/api/workers/upload", *parts)


async def counts(farm: Farm, build: Granted) -> tuple[str, int, int]:
    """Return state of the worker, and what it is counted for."""
    row = await farm.worker(build.worker_id)
    return row["status"], row["builds_completed"], row["builds_failed"]


async def test_artifact_completes_the_build(farm: Farm) -> None:
    """Stored, completed, worker counted and idle; users can download it."""
    build, token = await with_machine(farm)
    assert good(await bring(farm, build, token, b"the app")) == {"success": True}
    status = await farm.status(build.id)
    assert (status["status"], status["worker_id"]) == ("completed", build.worker_id)
    assert await counts(farm, build) == ("idle", 1, 0)
    assert (await farm.get(build.path("download"))).content == b"the app"
    assert (await farm.lines(build.id))[-1] == ("info", "Build completed successfully")


async def test_worker_may_say_so_afterwards(farm: Farm) -> None:
    """`success=true` without a file: 200, still completed, counted once; by key and by token."""
    build, token = await with_machine(farm)
    good(await bring(farm, build, token))
    for _ in range(2):
        assert good(await say_so(farm, build)) == {"status": "success"}
        assert good(await say_so(farm, build, lease=build.lease)) == {"status": "success"}
    headers = {"x_api_key": "", "x_worker_token": build.token}
    parts = [Part("build_id", build.id), Part("success", "true")]
    answer = await farm.send_form("/api/workers/upload", *parts, **headers)
    assert good(answer) == {"status": "success"}
    assert (await farm.status(build.id))["status"] == "completed"
    assert await counts(farm, build) == ("idle", 1, 0)


async def test_another_worker_may_not_say_so(farm: Farm) -> None:
    """Nor may its own worker say that it failed: the build is finished."""
    build, token = await with_machine(farm)
    other = await granted(farm)
    good(await bring(farm, build, token))
    finished = (409, "Build already finished")
    assert refused(await say_so(farm, build, worker_id=other.worker_id)) == finished
    assert refused(await say_so(farm, build, success="false")) == finished
    assert (await farm.status(build.id))["status"] == "completed"


async def test_saying_so_without_any_result_is_a_failure(farm: Farm) -> None:
    """As it always was: nothing was brought."""
    build = await granted(farm)
    for _ in range(2):
        assert good(await say_so(farm, build)) == {"status": "failed"}
    assert (await farm.status(build.id))["error_message"] == "Build failed"
    assert await counts(farm, build) == ("idle", 0, 1)


async def test_artifact_again_is_the_same_answer(farm: Farm) -> None:
    """A lost answer was retried: counted once, one file; then the token opens nothing else."""
    build, token = await with_machine(farm)
    for data in (b"app", b"app", b"another"):
        assert good(await bring(farm, build, token, data)) == {"success": True}
    assert (await farm.get(build.path("download"))).content == b"app"
    assert await counts(farm, build) == ("idle", 1, 0)
    assert len([name for name in farm.files() if name.startswith("result/")]) == 1
    assert refused(await farm.post(build.path("vm-ready"), x_vm_token=token)) == BAD
    assert refused(await bring(farm, build, "wrong")) == BAD
    await age_attempts(farm, 7201)
    assert refused(await bring(farm, build, token)) == BAD


async def test_artifact_must_be_there(farm: Farm) -> None:
    """No form, no file, a text or a file of another name: the build goes on."""
    build, token = await with_machine(farm)
    headers = {"x_vm_token": token, "x_api_key": ""}
    path = build.path("artifact")
    answer = await farm.post(path, {}, **headers)
    assert refused(answer) == (400, "Content must be multipart/form-data")
    for parts in ([], [Part("artifact", "text")], [file("result", b"x")]):
        answer = await farm.send_form(path, *parts, **headers)
        assert refused(answer) == (400, "No artifact file provided")
    assert (await farm.status(build.id))["status"] == "assigned"
    assert len(farm.files()) == 1
    assert good(await bring(farm, build, token, b"")) == {"success": True}


async def test_artifact_that_is_too_large_is_refused(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """413 with the text of results, and nothing stays."""
    build, token = await with_machine(farm)
    monkeypatch.setitem(LIMITS, Kind.RESULT, 10)
    answer = await bring(farm, build, token, b"x" * 11)
    assert refused(answer) == (413, "Result file too large")
    assert len(farm.files()) == 1
    assert good(await bring(farm, build, token, b"x" * 10)) == {"success": True}


async def test_token_is_judged_before_the_body(farm: Farm) -> None:
    """A stranger's bytes are not taken."""
    build, _ = await with_machine(farm)
    body = body_of(file("artifact", b"x" * 300_000))[:-1]
    headers = {"X-VM-Token": "wrong", "Content-Type": MULTIPART}
    answer = await farm.ask("POST", build.path("artifact"), headers, content=body)
    assert refused(answer) == BAD


async def test_artifact_and_upload_at_once_count_once(farm: Farm) -> None:
    """The machine brings the result while its worker does: both are answered, one is applied."""
    for _ in range(10):
        build, token = await with_machine(farm)
        answers: list[int] = []

        async def machine(
            build: Granted = build, token: str = token, into: list[int] = answers
        ) -> None:
            into.append((await bring(farm, build, token, b"machine")).status_code)

        async def worker(build: Granted = build, into: list[int] = answers) -> None:
            into.append((await farm.upload(build.id, build.worker_id, b"worker")).status_code)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(machine)
            nursery.start_soon(worker)
        assert answers == [200, 200]
        assert await counts(farm, build) == ("idle", 1, 0)
    applied = [e for e in farm.events.of(BuildSettled) if e.verdict == "applied"]
    assert len(applied) == 10
    assert len([name for name in farm.files() if name.startswith("result/")]) == 10


async def test_artifact_and_cancel_at_once_leave_one_end(farm: Farm) -> None:
    """Whoever is first decides; the other is told so."""
    for _ in range(10):
        build, token = await with_machine(farm)
        answers: dict[str, int] = {}

        async def machine(
            build: Granted = build, token: str = token, into: dict[str, int] = answers
        ) -> None:
            into["artifact"] = (await bring(farm, build, token)).status_code

        async def user(build: Granted = build, into: dict[str, int] = answers) -> None:
            into["cancel"] = (await farm.post(build.path("cancel"))).status_code

        async with trio.open_nursery() as nursery:
            nursery.start_soon(machine)
            nursery.start_soon(user)
        done = (await farm.status(build.id))["status"] == "completed"
        assert answers["cancel"] == (400 if done else 200)
        assert answers["artifact"] in ({200} if done else {403, 409})
