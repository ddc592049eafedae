"""Claims: who gets which build, and that nobody gets what another has."""

from __future__ import annotations

import trio

from actors.domain.ids import new_id
from actors.store import queue
from actors.store.database import Database
from actors.store.queue import Job
from tests.actors.store.farm import (
    ask,
    check_invariants,
    grant,
    messages,
    status,
    submission,
    submit,
    workers,
)


async def test_ten_workers_at_once_one_wins_a_hundred_times(database: Database) -> None:
    """Whatever the interleaving on four connections, one build goes to exactly one worker."""
    names = await workers(database, 10)
    for _ in range(100):
        [build_id] = await submit(database)
        jobs: list[tuple[str, Job]] = []

        async def one(name: str, jobs: list[tuple[str, Job]] = jobs) -> None:
            job = (await ask(database, name)).job
            if job is not None:
                jobs.append((name, job))

        async with trio.open_nursery() as nursery:
            for name in names:
                nursery.start_soon(one, name)
        assert [job.build_id for _, job in jobs] == [build_id]
        await queue.cancel(database, build_id, repeated=False)
    await check_invariants(database)


async def test_one_statement_serves_all_workers(database: Database) -> None:
    """A batch of thirty workers and twenty builds makes twenty grants, oldest first."""
    ids = await submit(database, 20)
    names = await workers(database, 30)
    answers = await queue.claim(database, [(name, new_id()) for name in names])
    granted = [answers[name].job for name in names]
    assert [job.build_id for job in granted[:20] if job is not None] == ids
    assert granted[20:] == [None] * 10
    await check_invariants(database)


async def test_builds_are_given_out_in_order_of_submission(database: Database) -> None:
    """The queue is first in, first out, also within one submitting statement."""
    ids = await submit(database, 5)
    names = await workers(database, 5)
    assert [(await grant(database, name)).build_id for name in names] == ids


async def test_a_worker_gets_only_its_platform(database: Database) -> None:
    """A worker for Android leaves the older iOS build to others; one for nothing gets nothing."""
    [ios] = await submit(database, 1, "ios")
    [android] = await submit(database, 1, "android")
    for serves in ("android", "none", "ios"):
        await workers(database, 1, serves)
    assert (await grant(database, "worker-android-0")).build_id == android
    assert (await ask(database, "worker-none-0")).job is None
    assert (await grant(database, "worker-ios-0")).build_id == ios


async def test_nobody_waits_beside_work_it_could_do(database: Database) -> None:
    """In one statement the specialists are served first, so the generalist takes what is left."""
    [ios] = await submit(database, 1, "ios")
    [android] = await submit(database, 1, "android")
    await workers(database, 1, "any")
    await workers(database, 1, "ios")
    asking = [("worker-any-0", new_id()), ("worker-ios-0", new_id())]
    answers = await queue.claim(database, asking)
    given = {name: answer.job and answer.job.build_id for name, answer in answers.items()}
    assert given == {"worker-any-0": android, "worker-ios-0": ios}


async def test_a_holder_gets_its_build_again(database: Database) -> None:
    """A worker whose answer was lost polls again: same build, same attempt, same lease."""
    await submit(database, 2)
    [name] = await workers(database)
    first = await grant(database, name)
    again = await grant(database, name)
    assert (first.fresh, again.fresh) == (True, False)
    assert (again.build_id, again.attempt, again.lease) == (
        first.build_id,
        first.attempt,
        first.lease,
    )


async def test_an_unknown_worker_is_told_so(database: Database) -> None:
    """Only registered workers get work; the others are named as unknown."""
    [build_id] = await submit(database)
    answer = await ask(database, "nobody")
    assert (answer.known, answer.job) == (False, None)
    assert await status(database, build_id) == "pending"


async def test_one_worker_asking_many_times_at_once_holds_one_build(database: Database) -> None:
    """Concurrent polls of one worker name on several connections never give it two builds."""
    await submit(database, 8)
    [name] = await workers(database)
    given: set[str] = set()

    async def one() -> None:
        job = (await ask(database, name)).job
        if job is not None:
            given.add(job.build_id)

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(one)
    assert len(given) == 1
    await check_invariants(database)


async def test_the_answer_tells_of_certificates(database: Database) -> None:
    """`has_certs` says whether a file with certificates was submitted."""
    await queue.submit(database, [submission(certs=True), submission()])
    names = await workers(database, 2)
    assert [(await grant(database, name)).has_certs for name in names] == [True, False]


async def test_a_grant_is_written_down(database: Database) -> None:
    """The build is assigned, the worker is at work, the log names the worker."""
    [build_id] = await submit(database)
    [name] = await workers(database)
    job = await grant(database, name)
    assert (job.attempt, await status(database, build_id)) == (1, "assigned")
    assert await database.fetchval("select status from workers") == "building"
    assert await messages(database, build_id) == ["Build submitted", f"Assigned to worker {name}"]
