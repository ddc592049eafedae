"""A build once more: a new build that shares the files of the old one."""

from __future__ import annotations

import os
import time

import pytest
import trio

from actors.domain.events import BuildSubmitted, StraysRemoved
from actors.janitor.actor import STRAY_SECONDS
from tests.support.farm import SOURCE, Farm, good, refused

NOWHERE = "x" * 21
GONE = (400, "Original build source no longer available. Please submit a new build.")
JANITOR = "orchestration/janitor"


async def retry(farm: Farm, build_id: str, **headers: str) -> dict[str, object]:
    """Retry a build; the answer, which must be a success."""
    return good(await farm.post(f"/api/builds/{build_id}/retry", **headers))


async def fetched(farm: Farm, build_id: str, what: str) -> bytes:
    """Return what a worker gets of a pending build."""
    return (await farm.get(f"/api/builds/{build_id}/{what}", x_worker_id="w")).content


def make_old(farm: Farm) -> None:
    """Let every stored file be older than any request."""
    for name in farm.files():
        os.utime(farm.storage / name, (time.time() - STRAY_SECONDS - 60,) * 2)


async def swept(farm: Farm) -> None:
    """Have the janitor sweep from begin to end, and be heard of it."""
    before = len(farm.events.of(StraysRemoved))
    stray = farm.storage / "source" / "st" / "stray"
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"")
    make_old(farm)
    farm.kill(JANITOR)
    while len(farm.events.of(StraysRemoved)) == before:
        await farm.events._news.wait()


async def test_a_retry_is_a_new_build_of_the_same_files(farm: Farm) -> None:
    """New id and token, same platform, both files, pending, both logs tell; the old one stays."""
    build_id, worker_id, _ = await farm.assigned(platform="android", certs=b"certificates")
    await farm.upload(build_id, worker_id, None, "it broke")
    before = await farm.status(build_id)
    answer = await retry(farm, build_id)
    new_id, token = str(answer["id"]), str(answer["access_token"])
    assert list(answer) == ["id", "status", "submitted_at", "access_token", "original_build_id"]
    assert (answer["status"], answer["original_build_id"]) == ("pending", build_id)
    assert new_id != build_id
    status = await farm.status(new_id)
    assert (status["status"], status["platform"]) == ("pending", "android")
    assert status["submitted_at"] == answer["submitted_at"]
    assert await fetched(farm, new_id, "source") == SOURCE
    assert await fetched(farm, new_id, "certs") == b"certificates"
    assert await farm.lines(new_id) == [("info", f"Build submitted (retry of {build_id})")]
    assert (await farm.lines(build_id))[-1] == ("info", f"Retried as build {new_id}")
    assert await farm.status(build_id) == before
    with_token = {"X-API-Key": "", "X-Build-Token": token}
    assert (await farm.ask("GET", f"/api/builds/{new_id}/status", with_token)).status_code == 200
    assert (await farm.ask("GET", f"/api/builds/{build_id}/status", with_token)).status_code == 403
    await farm.events.first(BuildSubmitted, lambda event: event.build_id == new_id)


async def test_no_byte_is_copied(farm: Farm) -> None:
    """The files of the storage are the same before and after."""
    build = await farm.submit(certs=b"certificates")
    before = farm.files()
    await retry(farm, build["id"])
    assert farm.files() == before
    assert await farm.count("artifacts") == 4


async def test_any_state_can_be_retried_and_a_retry_too(farm: Farm) -> None:
    """Pending, assigned, completed, cancelled; and the retry of a retry."""
    build_id = (await farm.submit())["id"]
    ids = [build_id, (await retry(farm, build_id))["id"]]
    worker_id = await farm.register()
    assert await farm.poll(worker_id) is not None
    ids.append((await retry(farm, build_id))["id"])
    await farm.upload(build_id, worker_id)
    ids.append((await retry(farm, build_id))["id"])
    await farm.post(f"/api/builds/{ids[1]}/cancel")
    ids.append((await retry(farm, str(ids[1])))["id"])
    assert len(set(ids)) == 5
    assert good(await farm.get("/health"))["queue"]["pending"] == 3


async def test_a_retry_is_given_to_workers_like_any_build(farm: Farm) -> None:
    """Behind those that waited before; it is built, and its result is its own."""
    build_id, first, _ = await farm.assigned()
    await farm.upload(build_id, first, b"one")
    new_id = str((await retry(farm, build_id))["id"])
    job = await farm.poll(first)
    assert job is not None
    assert job["id"] == new_id
    await farm.upload(new_id, first, b"two")
    assert (await farm.get(f"/api/builds/{build_id}/download")).content == b"one"
    assert (await farm.get(f"/api/builds/{new_id}/download")).content == b"two"


async def test_a_held_poll_is_woken_by_a_retry(farm: Farm) -> None:
    """As by a submission."""
    build_id, first, _ = await farm.assigned()
    second = await farm.register()
    jobs: list[dict[str, object] | None] = []

    async def wait() -> None:
        jobs.append(await farm.poll(second, wait=30))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked(0.01)
        answer = await retry(farm, build_id)
    assert jobs[0] is not None
    assert jobs[0]["id"] == answer["id"]
    await farm.upload(build_id, first)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"any": "thing"}'])
async def test_the_body_may_be_empty_or_json(farm: Farm, body: bytes) -> None:
    """With and without content type."""
    path = f"/api/builds/{(await farm.submit())['id']}/retry"
    for headers in ({"Content-Type": "application/json"}, {}):
        good(await farm.ask("POST", path, headers, content=body))


async def test_build_token_opens_the_retry_of_its_build(farm: Farm) -> None:
    """The guard of status, logs and download."""
    mine, other = await farm.submit(), await farm.submit()

    async def ask(build_id: str, key: str, token: str) -> tuple[int, str]:
        headers = {"X-API-Key": key, "X-Build-Token": token}
        answer = await farm.ask("POST", f"/api/builds/{build_id}/retry", headers)
        return answer.status_code, answer.json().get("error", "")

    bad = (403, "Invalid or expired build token")
    assert await ask(mine["id"], "", mine["access_token"]) == (200, "")
    assert await ask(mine["id"], "", other["access_token"]) == bad
    assert await ask(NOWHERE, "", mine["access_token"]) == bad
    assert await ask(mine["id"], "", "") == (401, "Missing X-API-Key or X-Build-Token header")
    assert await ask(mine["id"], "wrong", "") == (403, "Invalid API key")
    assert await ask(NOWHERE, farm.api_key, "") == (404, "Build not found")


@pytest.mark.parametrize("harm", ["gone", "cut short"])
async def test_a_lost_source_cannot_be_retried(farm: Farm, harm: str) -> None:
    """400 with the text, and nothing is made."""
    build_id = (await farm.submit())["id"]
    path = farm.storage / farm.files()[0]
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(SOURCE[:-1])
    assert refused(await farm.post(f"/api/builds/{build_id}/retry")) == GONE
    assert await farm.count("builds") == 1


async def test_lost_certificates_are_left_out(farm: Farm) -> None:
    """The new build has none then."""
    build_id = (await farm.submit(certs=b"certificates"))["id"]
    (path,) = (farm.storage / "certs").rglob("*/*")
    path.unlink()
    new_id = (await retry(farm, build_id))["id"]
    answer = await farm.get(f"/api/builds/{new_id}/certs", x_worker_id="w")
    assert refused(answer) == (404, "Certs not found")
    assert await fetched(farm, str(new_id), "source") == SOURCE


async def test_a_repeated_key_is_the_same_retry(farm: Farm) -> None:
    """Also at the same moment; the key of another build is another key."""
    first, second = await farm.submit(), await farm.submit()
    answers: list[dict[str, object]] = []

    async def once(build_id: str) -> None:
        answers.append(await retry(farm, build_id, idempotency_key="again"))

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(once, first["id"])
    assert len({answer["id"] for answer in answers}) == 1
    await once(second["id"])
    assert await farm.count("builds") == 4
    assert len(await farm.lines(first["id"])) == 2
    for answer in answers[:4]:
        headers = {"X-API-Key": "", "X-Build-Token": str(answer["access_token"])}
        good(await farm.ask("GET", f"/api/builds/{answer['id']}/status", headers))


async def test_shared_bytes_stay_as_long_as_a_row_needs_them(farm: Farm) -> None:
    """The original goes, its file stays for the retry; the retry goes, and the file with it."""
    build_id = (await farm.submit())["id"]
    new_id = (await retry(farm, build_id))["id"]
    await farm.parts.db.execute("delete from builds where id = $1", build_id)
    await swept(farm)
    assert await fetched(farm, str(new_id), "source") == SOURCE
    await farm.parts.db.execute("delete from builds where id = $1", new_id)
    await swept(farm)
    assert farm.files() == []


async def test_sweeping_while_retries_share_bytes_loses_none(farm: Farm) -> None:
    """Old builds are deleted and the janitor sweeps while each is retried: all or nothing."""
    outcomes: list[tuple[int, str]] = []

    async def once(build_id: str) -> None:
        answer = await farm.post(f"/api/builds/{build_id}/retry")
        outcomes.append((answer.status_code, answer.json().get("id", "")))

    async def forget(build_id: str) -> None:
        await farm.parts.db.execute("delete from builds where id = $1", build_id)

    for _ in range(6):
        ids = [(await farm.submit())["id"] for _ in range(4)]
        make_old(farm)
        async with trio.open_nursery() as nursery:
            for build_id in ids:
                nursery.start_soon(once, build_id)
                nursery.start_soon(forget, build_id)
            nursery.start_soon(swept, farm)
        await swept(farm)
    assert {status for status, _ in outcomes} <= {200, 400, 404}
    made = [new_id for status, new_id in outcomes if status == 200]
    for new_id in made:
        assert await fetched(farm, new_id, "source") == SOURCE
    assert len(farm.files()) == await farm.count("builds") == len(made)


async def test_a_queue_manager_that_dies_makes_one_retry_of_each(farm: Farm) -> None:
    """The request asks its next life again."""
    build_id = (await farm.submit())["id"]

    async def once() -> None:
        await retry(farm, build_id)

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(once)
        await trio.testing.wait_all_tasks_blocked(0.001)
        farm.kill("orchestration/queue_manager")
    assert await farm.count("builds") == 9
    assert len(await farm.lines(build_id)) == 9
