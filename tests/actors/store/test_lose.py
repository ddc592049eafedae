"""Losing: when a silent worker's build is taken back, and when it is left alone."""

from __future__ import annotations

from actors.store import builds, queue
from actors.store.database import Database
from actors.store.queue import Lost
from tests.actors.store.farm import (
    age,
    check_invariants,
    grant,
    lose,
    messages,
    sign,
    status,
    submit,
    workers,
)


async def test_a_silent_build_returns_to_the_queue(database: Database) -> None:
    """Taken back after the silence, with the attempt kept; the next worker gets attempt two."""
    [build_id] = await submit(database)
    quiet, eager = await workers(database, 2)
    await sign(database, await grant(database, quiet), quiet)
    await age(database, build_id, seconds=121)
    assert await lose(database) == [
        Lost(build_id=build_id, worker_id=quiet, attempt=1, requeued=True)
    ]
    job = await grant(database, eager)
    assert (job.build_id, job.attempt) == (build_id, 2)
    assert (await messages(database, build_id))[-3:] == [
        "Build timeout - worker stopped responding",
        "Returned to the queue after attempt 1 of 3",
        f"Assigned to worker {eager}",
    ]
    await check_invariants(database)


async def test_a_lost_build_keeps_its_place_in_the_queue(database: Database) -> None:
    """What was submitted first is built first, the second time as well."""
    first, _ = await submit(database, 2)
    quiet, eager = await workers(database, 2)
    await grant(database, quiet)
    await age(database, first, seconds=1000)
    await lose(database)
    assert (await grant(database, eager)).build_id == first


async def test_a_sign_of_life_keeps_the_build(database: Database) -> None:
    """A worker that was heard of within the limit keeps its build, however long it takes."""
    [build_id] = await submit(database)
    [name] = await workers(database)
    job = await grant(database, name)
    await age(database, build_id, seconds=10_000)
    await sign(database, job, name)
    await age(database, build_id, seconds=119)
    assert await lose(database) == []
    assert await status(database, build_id) == "building"


async def test_the_first_sign_may_take_longer(database: Database) -> None:
    """A fetched source is a sign, but image pulls are slow: the grace of the start still holds."""
    [build_id] = await submit(database)
    [name] = await workers(database)
    job = await grant(database, name)
    await sign(database, job, name, working=False)
    assert await status(database, build_id) == "assigned"
    await age(database, build_id, seconds=599)
    assert await lose(database) == []
    await age(database, build_id, seconds=2)
    assert len(await lose(database)) == 1


async def test_the_last_attempt_fails_the_build(database: Database) -> None:
    """Out of attempts, the build fails with the contract's text and names its last worker."""
    [build_id] = await submit(database)
    [name] = await workers(database)
    for attempt in (1, 2):
        job = await grant(database, name)
        await age(database, build_id, seconds=700)
        [lost] = await lose(database, max_attempts=2)
        assert (job.attempt, lost.requeued) == (attempt, attempt == 1)
    found = await builds.get_build(database, build_id)
    assert found is not None
    assert (found.status, found.worker_id) == ("failed", name)
    assert found.error_message == "Build timeout - no heartbeat from worker for 700s"
    await check_invariants(database)


async def test_a_controller_that_was_deaf_takes_nothing_back(database: Database) -> None:
    """Silence proves nothing to a controller that has not listened for as long."""
    [build_id] = await submit(database)
    [name] = await workers(database)
    await grant(database, name)
    await age(database, build_id, seconds=9999)
    assert await lose(database, listening=119) == []
    assert len(await lose(database, listening=120)) == 1


async def test_a_sign_of_another_worker_is_no_sign(database: Database) -> None:
    """Only the holder's signs count."""
    [build_id] = await submit(database)
    holder, other = await workers(database, 2)
    job = await grant(database, holder)
    await age(database, build_id, seconds=9999)
    await sign(database, job, other)
    assert await status(database, build_id) == "assigned"
    assert len(await lose(database)) == 1


async def test_signs_of_many_builds_in_one_statement(database: Database) -> None:
    """Repeated and mixed signs of a batch: one that shows work is enough for `building`."""
    await submit(database, 2)
    names = await workers(database, 2)
    jobs = [await grant(database, name) for name in names]
    one, two = [(job.build_id, name) for job, name in zip(jobs, names, strict=True)]
    await queue.signs_of_life(database, [(*one, False), (*one, True), (*two, False)])
    assert [await status(database, job.build_id) for job in jobs] == ["building", "assigned"]
