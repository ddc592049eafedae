"""`repo`: the supervised owner of the connections."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
import trio.testing

from actors.repo.actor import Repo, repo_spec
from actors.store.database import ConnectOptions, Database
from actors.store.failures import DatabaseSetupError
from controller.migrations import load
from supervisors.exits import SHUTDOWN, Crash
from supervisors.process import Process, Runtime
from supervisors.spec import ChildSpec
from tests.support.postgres import PostgresServer


def spec(door: Database, options: ConnectOptions) -> ChildSpec:
    """Describe the child as the tree does."""
    return repo_spec(door, options, migrations=load(), connections=2)


@asynccontextmanager
async def running(child: ChildSpec) -> AsyncIterator[Process]:
    """Run one life of a child; it is killed at the end if it still lives."""
    process = Process(child.id, Runtime())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(process.run, child.start)
        await process.up()
        try:
            yield process
        finally:
            process.kill()


async def test_the_first_start_applies_the_schema(empty_database: ConnectOptions) -> None:
    """Up means: the schema is there and jobs are served."""
    door = Database(print)
    async with running(spec(door, empty_database)) as process:
        assert await door.fetchval("select count(*) from builds") == 0
        assert isinstance(process.handle, Repo)
        assert process.handle.describe()["waiting"] == 0
        process.shutdown()
        assert await process.join() == SHUTDOWN
    assert door.open == 0


async def test_a_database_that_cannot_be_used_fails_the_init(
    postgres: PostgresServer,
    asyncio_loop: None,  # noqa: ARG001 - must be open
) -> None:
    """The exit carries the sentence for the operator."""
    door = Database(print)
    async with running(spec(door, postgres.options("no_such_database"))) as process:
        assert process.started_at is None
        assert isinstance(process.exit, Crash)
        assert isinstance(process.exit.primary, DatabaseSetupError)


async def test_killed_it_loses_nothing_that_waits(empty_database: ConnectOptions) -> None:
    """A job asked for between two generations is answered by the second one."""
    door = Database(print)
    async with running(spec(door, empty_database)) as process:
        await door.fetchval("select 1")
        process.kill()
        await process.join()
    async with trio.open_nursery() as nursery:
        answers: list[object] = []

        async def job() -> None:
            answers.append(await door.fetchval("select 7"))

        nursery.start_soon(job)
        await trio.testing.wait_all_tasks_blocked()
        async with running(spec(door, empty_database)):
            while not answers:
                await trio.lowlevel.checkpoint()
    assert answers == [7]


async def test_a_restart_while_the_database_is_away_succeeds(
    empty_database: ConnectOptions, postgres: PostgresServer
) -> None:
    """Once it was reached, an outage is waited out inside and costs no restarts."""
    door = Database(print)
    async with running(spec(door, empty_database)):
        await door.fetchval("select 1")
    async with running(spec(door, postgres.options("gone", port="1"))) as process:
        assert process.started_at is not None
        assert process.is_alive
