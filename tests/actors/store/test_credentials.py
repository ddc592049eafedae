"""Credentials in the database: repetitions through an outage, races, and giving builds up."""

from __future__ import annotations

import pytest
import trio

from actors.domain.build import Verdict
from actors.domain.credentials import OTP_SECONDS, VM_TOKEN_SECONDS, new_worker_token
from actors.store import builds, queue
from actors.store.credentials import (
    find_attempt,
    find_worker,
    is_foreign,
    issue_worker_token,
    note_vm_ready,
    use_otp,
)
from actors.store.database import Database
from actors.store.queue import Job
from tests.actors.store.farm import check_invariants, grant, report, status, submit, workers


async def granted(db: Database) -> tuple[str, Job]:
    """Have a build with a worker; returns the worker and the job."""
    [name] = await workers(db)
    await submit(db)
    return name, await grant(db, name)


async def texts(db: Database, job: Job) -> list[str]:
    """Return the lines of a build."""
    return [line["message"] for line in await builds.read_logs(db, job.build_id)]


async def test_a_use_recognises_its_own_repetition(database: Database) -> None:
    """Whoever used the password gets the same answer again, one line; nobody else does."""
    _, job = await granted(database)
    first = await use_otp(database, job.build_id, job.lease, "me")
    assert first is not None
    assert await use_otp(database, job.build_id, job.lease, "me") == first
    assert await use_otp(database, job.build_id, job.lease, "you") is None
    assert (await texts(database, job)).count("VM authenticated with OTP") == 1


async def test_only_the_present_lease_is_used(database: Database) -> None:
    """Another lease, another build, an attempt that has ended: nothing is marked."""
    name, job = await granted(database)
    assert await use_otp(database, job.build_id, "other", "me") is None
    assert await use_otp(database, "x" * 21, job.lease, "me") is None
    await queue.settle(database, [report(job, name)])
    assert await use_otp(database, job.build_id, job.lease, "me") is None
    assert await note_vm_ready(database, job.build_id, job.lease) is None
    attempt = await find_attempt(database, job.build_id)
    assert attempt is not None
    assert (attempt.live, attempt.completed, attempt.otp_used) == (False, True, False)
    assert await find_attempt(database, "x" * 21) is None


async def test_use_and_end_at_once_do_not_block_each_other(database: Database) -> None:
    """Ten rounds of settle beside use and signs of life: everything ends, nothing is lost."""
    for _ in range(10):
        name, job = await granted(database)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(use_otp, database, job.build_id, job.lease, "me")
            nursery.start_soon(queue.settle, database, [report(job, name)])
            signs = [(job.build_id, name, True)]
            nursery.start_soon(queue.signs_of_life, database, signs)
        assert await status(database, job.build_id) == "completed"
    await check_invariants(database)


async def test_expired_tokens_of_a_worker_are_removed(database: Database) -> None:
    """Some minutes after their end, when it gets the next one; others' stay."""
    await workers(database, 2)
    tokens = [await issue_worker_token(database, "worker-any-0") for _ in range(3)]
    other = await issue_worker_token(database, "worker-any-1")
    await database.execute("update worker_tokens set expires_at = now() - interval '6 minutes'")
    last = await issue_worker_token(database, "worker-any-0")
    assert await database.fetchval("select count(*) from worker_tokens") == 2
    assert [await find_worker(database, token) for token in (*tokens, other)] == [None] * 4
    found = await find_worker(database, last)
    assert found is not None
    assert found.worker_id == "worker-any-0"
    assert await find_worker(database, new_worker_token()) is None


@pytest.mark.parametrize("lease", ["its own", None])
async def test_abandon_is_one_change(database: Database, lease: str | None) -> None:
    """The build waits, its attempt is over, the worker is idle."""
    name, job = await granted(database)
    lease = job.lease if lease else None
    assert await queue.abandon(database, job.build_id, name, lease, "line") is Verdict.APPLIED
    assert await status(database, job.build_id) == "pending"
    worker = await database.fetchval("select status from workers where id = $1", name)
    assert worker == "idle"
    assert (await texts(database, job))[-1] == "line"
    await check_invariants(database)
    assert await queue.abandon(database, job.build_id, name, lease, "line") is Verdict.AGAIN
    assert await is_foreign(database, job.build_id, "somebody")
    assert not await is_foreign(database, job.build_id, name)
    assert not await is_foreign(database, "x" * 21, name)


async def test_abandon_needs_the_build_to_be_ones_own(database: Database) -> None:
    """Another worker, another lease, an end, an unknown build: refused, unchanged."""
    name, job = await granted(database)
    abandon = queue.abandon
    assert await abandon(database, job.build_id, "x", None, "l") is Verdict.NOT_YOURS
    assert await abandon(database, job.build_id, name, "x", "l") is Verdict.NOT_YOURS
    assert await abandon(database, "x" * 21, name, None, "l") is Verdict.UNKNOWN_BUILD
    await queue.settle(database, [report(job, name, success=False)])
    assert await abandon(database, job.build_id, name, None, "l") is Verdict.FINISHED
    assert "l" not in await texts(database, job)


def test_times_are_those_of_the_contract() -> None:
    """Ten minutes and two hours."""
    assert (OTP_SECONDS, VM_TOKEN_SECONDS) == (600, 7200)
