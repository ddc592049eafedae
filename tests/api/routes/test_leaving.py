"""Workers with a token give builds up and sign off."""

from __future__ import annotations

import httpx
import trio

from actors.domain.events import BuildAbandoned
from tests.support.farm import Farm, good, refused
from tests.support.machines import Granted, granted, poll, token_of

NO_TOKEN = (401, "Missing X-Worker-Token header")
BAD_TOKEN = (401, "Invalid or expired worker token")
REQUEUED = {"success": True, "message": "Build requeued successfully"}
NOT_YOURS = (403, "Build not assigned to this worker")


async def abandon(farm: Farm, build: Granted, token: str = "", **more: object) -> httpx.Response:
    """Give a build up with a token alone."""
    body = {"build_id": build.id, "worker_id": build.worker_id, "reason": "no disk", **more}
    token = token or build.token
    return await farm.post("/api/workers/abandon", body, x_worker_token=token, x_api_key="")


async def test_abandoned_build_waits_again(farm: Farm) -> None:
    """Pending, the worker idle, the reason in the log; the next worker gets the next attempt."""
    build = await granted(farm)
    assert good(await abandon(farm, build)) == REQUEUED
    status = await farm.status(build.id)
    assert (status["status"], status["worker_id"], status["started_at"]) == ("pending", None, None)
    worker = await farm.worker(build.worker_id)
    assert (worker["status"], worker["builds_failed"]) == ("idle", 0)
    line = "Returned to the queue: its worker gave it up: no disk"
    assert (await farm.lines(build.id))[-1] == ("info", line)
    assert farm.events.of(BuildAbandoned) == [BuildAbandoned(build.id, build.worker_id)]
    _, token = await token_of(farm)
    job = good(await poll(farm, token))["job"]
    assert (job["id"], job["attempt"]) == (build.id, 2)
    assert job["otp"] != build.otp


async def test_abandon_wakes_a_worker_that_waits(farm: Farm) -> None:
    """A held poll gets the build at once."""
    build = await granted(farm)
    _, token = await token_of(farm)
    jobs = []

    async def wait() -> None:
        jobs.append(good(await poll(farm, token, params={"wait": "30"}))["job"])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        assert good(await abandon(farm, build)) == REQUEUED
    assert jobs[0]["id"] == build.id


async def test_abandon_again_is_the_same_answer(farm: Farm) -> None:
    """A lost answer was retried: nothing changes, one line."""
    build = await granted(farm)
    for _ in range(2):
        assert good(await abandon(farm, build)) == REQUEUED
    lines = [text for _, text in await farm.lines(build.id)]
    assert sum("gave it up" in text for text in lines) == 1


async def test_abandon_is_judged_by_who_holds_the_build(farm: Farm) -> None:
    """Unknown, another's, another lease, finished: each its text."""
    build, other = await granted(farm), await granted(farm)
    assert refused(await abandon(farm, build, build_id="")) == (400, "build_id required")
    for strange in ("x" * 21, "no id"):
        answer = await abandon(farm, build, build_id=strange)
        assert refused(answer) == (404, "Build not found")
    assert refused(await abandon(farm, build, build_id=other.id)) == NOT_YOURS
    assert refused(await abandon(farm, build, worker_id=other.worker_id)) == NOT_YOURS
    assert refused(await abandon(farm, build, lease="old")) == NOT_YOURS
    assert good(await abandon(farm, other, lease=other.lease, worker_id=None)) == REQUEUED
    good(await farm.upload(build.id, build.worker_id))
    assert refused(await abandon(farm, build)) == (409, "Build already finished")


async def test_abandon_takes_strange_reasons(farm: Farm) -> None:
    """None at all, no text, a very long one, NUL."""
    for reason, wanted in (
        (None, "no reason given"),
        (5, "no reason given"),
        ("", "no reason given"),
        ("x" * 5000, "x" * 500),
        ("a\0b", "a\ufffdb"),
    ):
        build = await granted(farm)
        good(await abandon(farm, build, reason=reason))
        assert (await farm.lines(build.id))[-1][1].endswith(f": {wanted}")
        good(await farm.post(f"/api/builds/{build.id}/cancel"))


async def test_leaving_needs_the_token(farm: Farm) -> None:
    """None or a bad one is 401, whatever key is sent."""
    for what in ("abandon", "unregister"):
        path = f"/api/workers/{what}"
        for key in ("", farm.api_key, "wrong"):
            answer = await farm.post(path, {}, x_api_key=key)
            assert refused(answer) == NO_TOKEN
            headers = {"X-API-Key": key, "X-Worker-Token": "bad"}
            answer = await farm.ask("POST", path, headers, json={})
            assert refused(answer) == BAD_TOKEN


async def test_unregister_by_token_returns_the_builds(farm: Farm) -> None:
    """The answer says how many; the worker is offline, and again the same answer."""
    build = await granted(farm)
    path, token = "/api/workers/unregister", build.token
    gone = {"success": True, "message": "Worker unregistered", "builds_reassigned": 1}
    answer = await farm.ask("POST", path, {"X-Worker-Token": token, "X-API-Key": ""})
    assert good(answer) == gone
    assert (await farm.worker(build.worker_id))["status"] == "offline"
    assert (await farm.status(build.id))["status"] == "pending"
    again = await farm.post(path, x_worker_token=token, x_api_key="")
    assert good(again) == gone | {"builds_reassigned": 0}
    await token_of(farm, build.worker_id)
    assert (await farm.worker(build.worker_id))["status"] == "idle"


async def test_abandon_and_upload_at_once_do_one_of_both(farm: Farm) -> None:
    """The late one is refused or taken as a late result; nothing is counted twice."""
    for _ in range(10):
        build = await granted(farm)
        answers: list[int] = []

        async def give_up(build: Granted = build, answers: list[int] = answers) -> None:
            answers.append((await abandon(farm, build)).status_code)

        async def finish(build: Granted = build, answers: list[int] = answers) -> None:
            answers.append((await farm.upload(build.id, build.worker_id)).status_code)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(give_up)
            nursery.start_soon(finish)
        assert sorted(answers) in ([200, 200], [200, 409])
        assert (await farm.status(build.id))["status"] == "completed"
        worker = await farm.worker(build.worker_id)
        assert (worker["status"], worker["builds_completed"]) == ("idle", 1)
