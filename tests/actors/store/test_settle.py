"""Settling: each verdict, and that nothing is counted or kept twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from actors.domain.artifact import Kind, Stored
from actors.domain.build import CANCELLED, Verdict
from actors.store import builds, queue
from actors.store.database import Database
from actors.store.queue import Report
from tests.actors.store.farm import (
    age,
    check_invariants,
    grant,
    lose,
    messages,
    report,
    sign,
    status,
    submit,
    workers,
)


async def settle(db: Database, one: Report) -> Verdict:
    """Settle a single report."""
    [verdict] = await queue.settle(db, [one])
    return verdict


async def counters(db: Database, worker_id: str) -> tuple[int, int]:
    """Return how many builds a worker completed and failed."""
    row = await db.fetchrow(
        "select builds_completed, builds_failed from workers where id = $1", worker_id
    )
    assert row is not None
    return row[0], row[1]


@pytest.mark.parametrize("success", [True, False])
async def test_a_report_of_the_holder_is_applied_once(database: Database, success: bool) -> None:
    """The second, equal report is answered `again` and changes nothing, counters included."""
    [build_id] = await submit(database)
    [name] = await workers(database)
    job = await grant(database, name)
    end = report(job, name, success=success)
    assert await settle(database, end) is Verdict.APPLIED
    assert await settle(database, end) is Verdict.AGAIN
    assert await counters(database, name) == ((1, 0) if success else (0, 1))
    assert await status(database, build_id) == ("completed" if success else "failed")
    assert await database.fetchval("select status from workers") == "idle"
    last = "Build completed successfully" if success else "reported: no space left"
    assert (await messages(database, build_id))[-1] == last
    await check_invariants(database)


async def _current(database: Database, build_id: str, kind: Kind) -> Stored | None:
    """Return the file of a kind that is served."""
    build = await builds.get_build(database, build_id)
    return build.files.get(kind) if build is not None else None


async def test_the_result_is_served(database: Database) -> None:
    """The artifact of an applied report becomes the current result."""
    [build_id] = await submit(database)
    [name] = await workers(database)
    end = report(await grant(database, name), name)
    await settle(database, end)
    assert end.artifact is not None
    assert await _current(database, build_id, end.artifact.kind) == end.artifact


async def test_another_workers_report_is_refused_and_kept(database: Database) -> None:
    """The holder keeps its build; the bytes of the other stay as evidence and are not served."""
    [build_id] = await submit(database)
    holder, other = await workers(database, 2)
    job = await grant(database, holder)
    end = report(job, other)
    assert await settle(database, end) is Verdict.NOT_YOURS
    assert await settle(database, end) is Verdict.NOT_YOURS
    assert await status(database, build_id) == "assigned"
    assert await counters(database, other) == (0, 0)
    assert end.artifact is not None
    assert await _current(database, build_id, end.artifact.kind) is None
    assert await builds.known_locations(database, [end.artifact.location]) == {
        end.artifact.location
    }


async def test_an_old_lease_is_fenced_off(database: Database) -> None:
    """A worker that holds a second attempt cannot end it with the lease of the first."""
    await submit(database)
    [name] = await workers(database)
    first = await grant(database, name)
    await age(database, first.build_id, seconds=1000)
    assert len(await lose(database)) == 1
    second = await grant(database, name)
    assert second.attempt == 2
    assert await settle(database, report(first, name, lease=first.lease)) is Verdict.NOT_YOURS
    assert await settle(database, report(second, name, lease=second.lease)) is Verdict.APPLIED
    await check_invariants(database)


async def test_a_late_result_of_a_lost_worker_counts(database: Database) -> None:
    """Back in the queue and held by nobody, the build is settled in the reporter's name."""
    [build_id] = await submit(database)
    [name] = await workers(database)
    job = await grant(database, name)
    await age(database, build_id, seconds=1000)
    await lose(database)
    assert await status(database, build_id) == "pending"
    assert await settle(database, report(job, name, lease=job.lease)) is Verdict.APPLIED
    assert await status(database, build_id) == "completed"
    assert await counters(database, name) == (1, 0)
    await check_invariants(database)


async def test_a_finished_build_is_not_ended_otherwise(database: Database) -> None:
    """A failure after the success, or anybody's report after a cancel, finds it finished."""
    first, second = await submit(database, 2)
    [name] = await workers(database)
    job = await grant(database, name)
    await settle(database, report(job, name))
    assert await settle(database, report(job, name, success=False)) is Verdict.FINISHED
    other = await grant(database, name)
    await queue.cancel(database, other.build_id, repeated=False)
    assert await settle(database, report(other, name)) is Verdict.FINISHED
    assert (await status(database, first), await status(database, second)) == (
        "completed",
        "failed",
    )
    assert await counters(database, name) == (1, 0)


async def test_the_unknown_are_named(database: Database) -> None:
    """An unknown build and an unknown worker have verdicts of their own."""
    await submit(database)
    [name] = await workers(database)
    job = await grant(database, name)
    assert await settle(database, report(job, "nobody")) is Verdict.UNKNOWN_WORKER
    nowhere = replace(report(job, name), build_id="x" * 21)
    assert await settle(database, nowhere) is Verdict.UNKNOWN_BUILD


async def test_a_batch_is_answered_in_its_order(database: Database) -> None:
    """Reports of many workers in one statement: one verdict each, in the order asked."""
    await submit(database, 4)
    names = await workers(database, 4)
    jobs = [await grant(database, name) for name in names]
    await queue.cancel(database, jobs[1].build_id, repeated=False)
    reports = [report(job, name) for job, name in zip(jobs, names, strict=True)]
    reports[2] = replace(reports[2], worker_id=names[0])
    verdicts = await queue.settle(database, list(reversed(reports)))
    assert verdicts == [Verdict.APPLIED, Verdict.NOT_YOURS, Verdict.FINISHED, Verdict.APPLIED]
    await check_invariants(database)


async def test_a_cancel_frees_the_worker(database: Database) -> None:
    """A cancelled build is failed with the contract's text; its worker can work again at once."""
    first, second = await submit(database, 2)
    [name] = await workers(database)
    await sign(database, await grant(database, name), name)
    assert await queue.cancel(database, first, repeated=False) is Verdict.APPLIED
    found = await builds.get_build(database, first)
    assert found is not None
    assert (found.status, found.error_message) == ("failed", CANCELLED)
    assert (await grant(database, name)).build_id == second
    await check_invariants(database)


async def test_a_repeated_cancel_is_recognised(database: Database) -> None:
    """Only a caller that repeats itself hears `again`; others hear that the build is finished."""
    [build_id] = await submit(database)
    await queue.cancel(database, build_id, repeated=False)
    assert await queue.cancel(database, build_id, repeated=True) is Verdict.AGAIN
    assert await queue.cancel(database, build_id, repeated=False) is Verdict.FINISHED
    assert await queue.cancel(database, "x" * 21, repeated=False) is Verdict.UNKNOWN_BUILD
    assert (await messages(database, build_id)).count("Build cancelled") == 1
