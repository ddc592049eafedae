"""Workers ask for work."""

from __future__ import annotations

import trio

from actors.domain.events import BuildAssigned, RequestServed
from tests.support.farm import Farm, farming, good, refused

POLL = "/api/workers/poll"


async def gather(farm: Farm, *worker_ids: str, wait: float | None = None) -> list[object]:
    """Poll for all at once; returns the jobs in the same order."""
    jobs: dict[int, object] = {}

    async def one(place: int, worker_id: str) -> None:
        jobs[place] = await farm.poll(worker_id, wait)

    async with trio.open_nursery() as nursery:
        for place, worker_id in enumerate(worker_ids):
            nursery.start_soon(one, place, worker_id)
    return [jobs[place] for place in range(len(worker_ids))]


async def waiting(farm: Farm, count: int) -> None:
    """Wait until as many workers wait as that."""
    while len(farm.room()) != count:
        await trio.testing.wait_all_tasks_blocked(0.001)


async def test_a_poll_names_a_known_worker(farm: Farm) -> None:
    """None or an empty one is 400, a stranger 404, whatever it looks like."""
    for query in ("", "?worker_id=", "?worker=x"):
        assert refused(await farm.get(POLL + query)) == (400, "worker_id required")
    for stranger in ("nobody", "a%20b", "%00", "%FF", "A" * 500):
        answer = await farm.get(f"{POLL}?worker_id={stranger}")
        assert refused(answer) == (404, "Worker not found")


async def test_nothing_to_do_is_null(farm: Farm) -> None:
    """At once; the worker is seen."""
    worker_id = await farm.register()
    assert good(await farm.get(f"{POLL}?worker_id={worker_id}")) == {"job": None}


async def test_the_oldest_build_is_given(farm: Farm) -> None:
    """With paths, image, attempt and lease; both sides know of each other."""
    first, second = await farm.submit(), await farm.submit(certs=b"c")
    worker_id, other = await farm.register("Mac of Lena"), await farm.register()
    job = await farm.poll(worker_id)
    assert job is not None
    path = f"/api/builds/{first['id']}"
    assert list(job)[:5] == ["id", "platform", "source_url", "certs_url", "baseImageId"]
    assert (job["id"], job["platform"]) == (first["id"], "ios")
    assert (job["source_url"], job["certs_url"]) == (f"{path}/source", None)
    assert job["baseImageId"].startswith("ghcr.io/")
    assert job["attempt"] == 1
    status = await farm.status(first["id"])
    assert (status["status"], status["worker_id"]) == ("assigned", worker_id)
    assert (await farm.worker(worker_id))["status"] == "building"
    assert ("info", "Assigned to worker Mac of Lena") in await farm.lines(first["id"])
    job = await farm.poll(other)
    assert job is not None
    assert job["certs_url"] == f"/api/builds/{second['id']}/certs"


async def test_a_held_build_is_given_again(farm: Farm) -> None:
    """The same job, letter by letter, for as long as it is held; nothing changes."""
    build_id, worker_id, _ = await farm.assigned()
    await farm.submit()
    jobs = [await farm.poll(worker_id) for _ in range(3)]
    assert jobs[0] is not None
    assert jobs[0]["id"] == build_id
    assert jobs == [jobs[0]] * 3
    await farm.post(f"/api/builds/{build_id}/heartbeat?worker_id={worker_id}")
    assert await farm.poll(worker_id, 5) == jobs[0]
    assert len(await farm.lines(build_id)) == 2


async def test_two_polls_of_one_worker_get_the_same_job(farm: Farm) -> None:
    """At the same moment, held or not."""
    for wait in (None, 5):
        worker_id = await farm.register()
        ids = {(await farm.submit())["id"] for _ in range(2)}
        first, second, third = await gather(farm, worker_id, worker_id, worker_id, wait=wait)
        assert first == second == third
        assert isinstance(first, dict)
        assert first["id"] in ids
        assert await farm.poll(await farm.register()) is not None


async def test_platforms_are_respected(farm: Farm) -> None:
    """Of those that list some; who lists none gets any."""
    build = await farm.submit(platform="android")
    for able in ({"platforms": ["ios"]}, {"platforms": ["tvos"]}):
        assert await farm.poll(await farm.register(capabilities=able)) is None
    ios = await farm.submit()
    job = await farm.poll(await farm.register(capabilities={"platforms": ["IOS"]}))
    assert job is not None
    assert job["id"] == ios["id"]
    for able in ({}, {"platforms": []}, {"platforms": ["ios", "android"]}):
        job = await farm.poll(await farm.register(capabilities=able))
        assert job is not None
        assert job["id"] == build["id"]
        build = await farm.submit(platform="android")


async def test_a_hold_is_a_number_of_seconds(farm: Farm) -> None:
    """0 to 60."""
    worker_id = await farm.register()
    for wait in ("x", "-1", "61", "nan", "inf", ""):
        answer = await farm.get(f"{POLL}?worker_id={worker_id}&wait={wait}")
        assert refused(answer) == (400, "wait must be a number of seconds from 0 to 60"), wait


async def test_a_held_poll_ends_with_its_time(farm: Farm) -> None:
    """`null`, not an error."""
    worker_id = await farm.register()
    assert await farm.poll(worker_id, 0.05) is None


async def test_a_submission_answers_a_held_poll(farm: Farm) -> None:
    """The poll is there first; the answer comes with the build."""
    worker_id = await farm.register()
    jobs = []

    async def poll() -> None:
        jobs.append(await farm.poll(worker_id, 60))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(poll)
        await waiting(farm, 1)
        build = await farm.submit()
    assert jobs[0]["id"] == build["id"]


async def test_a_client_that_left_its_held_poll_gets_no_work(farm: Farm) -> None:
    """The next submission waits for somebody who is there."""
    gone, there = await farm.register(), await farm.register()
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(farm.poll, gone, 60)
            await waiting(farm, 1)
            scope.cancel()
    await farm.events.first(RequestServed, lambda e: e.status == 0)
    build = await farm.submit()
    assert not farm.events.of(BuildAssigned)
    job = await farm.poll(there)
    assert job is not None
    assert job["id"] == build["id"]


async def test_stop_answers_held_polls(
    database_options: object, tmp_path: object, logged: object
) -> None:
    """With `null`, before the server closes."""
    del logged
    jobs = []
    async with farming(database_options, tmp_path) as farm:  # type: ignore[arg-type]
        worker_id = await farm.register()

        async def poll() -> None:
            jobs.append(await farm.poll(worker_id, 60))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(poll)
            await waiting(farm, 1)
            farm.root.shutdown()
    assert jobs == [None]


async def test_old_polls_are_held_when_the_operator_says_so(
    database_options: object, tmp_path: object, logged: object
) -> None:
    """`POLL_HOLD_SECONDS` for those without `wait`; `wait=0` is answered at once."""
    del logged
    async with farming(
        database_options,  # type: ignore[arg-type]
        tmp_path,  # type: ignore[arg-type]
        poll_hold_seconds="60",
    ) as farm:
        worker_id = await farm.register()
        assert await farm.poll(worker_id, 0) is None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(farm.poll, worker_id)
            await waiting(farm, 1)
            await farm.submit()
        assert farm.events.of(BuildAssigned)
