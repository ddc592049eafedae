"""Several controllers on one database: forced races one by one, then a crowd of random ones."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
import trio

from actors.domain.build import Verdict
from actors.domain.ids import new_id
from actors.store import queue
from actors.store.bridge import on_asyncio
from actors.store.database import ConnectOptions, Database
from actors.store.queries import load
from actors.store.queue import Job
from tests.actors.store.farm import (
    ask,
    check_invariants,
    grant,
    report,
    sign,
    status,
    submit,
    workers,
)

WAITERS = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"


@asynccontextmanager
async def other_controller(options: ConnectOptions) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    """Have a second controller inside a transaction, which is committed at the end."""
    link = await on_asyncio(asyncpg.connect)(**options.arguments)
    transaction = link.transaction()
    await on_asyncio(transaction.start)()
    try:
        yield on_asyncio(link.fetch)
        await on_asyncio(transaction.commit)()
    finally:
        await on_asyncio(link.close)()


async def somebody_waits(db: Database) -> None:
    """Return when a statement waits for a lock; only the server knows, so it is asked."""
    with trio.fail_after(10):
        while not await db.fetchval(WAITERS):
            await trio.lowlevel.checkpoint()


async def claim_meanwhile(
    db: Database, options: ConnectOptions, worker_id: str, rival: Callable[[], Awaitable[object]]
) -> None:
    """Run `rival` so that it waits for a claim that another controller is about to commit."""
    async with trio.open_nursery() as nursery, other_controller(options) as elsewhere:
        await elsewhere(load("queue.sql")["claim"], [worker_id], [new_id()])
        nursery.start_soon(rival)
        await somebody_waits(db)


async def test_a_cancel_that_waited_for_a_claim_ends_that_attempt(
    database: Database, database_options: ConnectOptions
) -> None:
    """The cancel sees the grant it waited for: no attempt stays open, the worker is free."""
    [build_id] = await submit(database)
    [name] = await workers(database)

    async def cancel() -> None:
        assert await queue.cancel(database, build_id, repeated=False) is Verdict.APPLIED

    await claim_meanwhile(database, database_options, name, cancel)
    assert await database.fetchval("select status from workers") == "idle"
    await check_invariants(database)
    await submit(database)
    await grant(database, name)


async def test_a_late_report_that_waited_for_a_claim_ends_that_attempt(
    database: Database, database_options: ConnectOptions
) -> None:
    """A worker's old result and its new claim of the same build, at once: one end, none open."""
    [build_id] = await submit(database)
    [name] = await workers(database)
    job = await grant(database, name)
    await queue.unregister(database, name)

    async def settle() -> None:
        assert await queue.settle(database, [report(job, name)]) == [Verdict.APPLIED]

    await claim_meanwhile(database, database_options, name, settle)
    assert await status(database, build_id) == "completed"
    await check_invariants(database)


async def test_signing_off_while_getting_work_returns_that_work(
    database: Database, database_options: ConnectOptions
) -> None:
    """A worker that leaves while it is granted a build leaves that build in the queue."""
    [build_id] = await submit(database)
    [name] = await workers(database)

    async def leave() -> None:
        assert await queue.unregister(database, name) == 1

    await claim_meanwhile(database, database_options, name, leave)
    assert await status(database, build_id) == "pending"
    await check_invariants(database)


async def test_registering_while_getting_work_leaves_the_worker_at_work(
    database: Database, database_options: ConnectOptions
) -> None:
    """A worker that announces itself again while it is granted a build is not called idle."""
    await submit(database)
    [name] = await workers(database)

    async def register() -> None:
        assert await queue.register(database, name, name, {}, "any")

    await claim_meanwhile(database, database_options, name, register)
    assert await database.fetchval("select status from workers") == "building"
    await check_invariants(database)


async def test_a_claim_does_not_wait_for_a_locked_build(
    database: Database, database_options: ConnectOptions
) -> None:
    """A build that another controller is busy with is passed over, the next one is given."""
    first, second = await submit(database, 2)
    [name] = await workers(database)
    async with other_controller(database_options) as elsewhere:
        await elsewhere("select from builds where id = $1 for update", first)
        assert (await grant(database, name)).build_id == second


class Crowd:
    """Workers and users who do what they like, as fast as they can."""

    def __init__(self, db: Database, names: list[str], builds: list[str], seed: int) -> None:
        self.db = db
        self.names = names
        self.builds = builds
        self.random = random.Random(seed)
        self.wins: dict[str, int] = dict.fromkeys(builds, 0)

    async def work(self, name: str) -> None:
        """Be a worker that is at times silent, late, repeated, or gone."""
        for _ in range(25):
            job = (await ask(self.db, name)).job
            if job is None:
                continue
            match self.random.randrange(7):
                case 0:
                    await sign(self.db, job, name)
                case 1:
                    await queue.unregister(self.db, name)
                    await self.end(job, name)
                case 2:
                    await self.end(job, name, lease=job.lease)
                    await self.end(job, name, lease=job.lease)
                case 3:
                    await self.cancel(job.build_id)
                    await self.end(job, name)
                case 4:
                    await self.end(job, self.random.choice(self.names))
                case _:
                    await sign(self.db, job, name)
                    await self.end(job, name, success=self.random.random() < 0.7)

    async def end(
        self, job: Job, name: str, *, success: bool = True, lease: str | None = None
    ) -> None:
        """Report an end and count it when it was applied."""
        end = report(job, name, success=success, lease=lease)
        [verdict] = await queue.settle(self.db, [end])
        self.wins[job.build_id] += verdict is Verdict.APPLIED

    async def use(self) -> None:
        """Be a user who cancels things."""
        for build_id in self.random.sample(self.builds, 12):
            await self.cancel(build_id)

    async def cancel(self, build_id: str) -> None:
        """Cancel and count it when it was applied."""
        verdict = await queue.cancel(self.db, build_id, repeated=False)
        self.wins[build_id] += verdict is Verdict.APPLIED

    async def sweep(self) -> None:
        """Be a monitor without any patience."""
        for _ in range(40):
            for lost in await queue.lose(
                self.db, silent=0, first_sign=0, max_attempts=9, listening=1
            ):
                self.wins[lost.build_id] += not lost.requeued


@pytest.mark.parametrize(
    "seed", [random.SystemRandom().randrange(2**32), 1, 2], ids=["1", "2", "by chance"]
)
async def test_a_crowd_breaks_no_law(database: Database, seed: int) -> None:
    """Twenty workers, sixty builds, cancels and sweeps at once: each build ends at most once."""
    print(f"seed={seed}")
    print(f"seed {seed}")
    crowd = Crowd(database, await workers(database, 20), await submit(database, 60), seed)
    async with trio.open_nursery() as nursery:
        for name in crowd.names:
            nursery.start_soon(crowd.work, name)
        for _ in range(2):
            nursery.start_soon(crowd.use)
            nursery.start_soon(crowd.sweep)
    await check_invariants(database)
    assert max(crowd.wins.values()) == 1
    finished = "select count(*) from builds where status in ('completed', 'failed')"
    assert await database.fetchval(finished) == sum(crowd.wins.values())
