"""The door to the database when things go wrong: outages, cut connections, callers that leave."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress

import asyncpg
import pytest
import trio

from actors.domain.errors import InterruptedJobError, UnavailableError
from actors.domain.events import DatabaseFound, DatabaseLost
from actors.postgres.cluster import Cluster
from actors.postgres.server import Server
from actors.store import database as door_module
from actors.store.bridge import on_asyncio
from actors.store.database import ConnectOptions, Database
from tests.support.postgres import open_door, start_server, stop_server

OTHERS = "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
LOCK = "select pg_advisory_lock(1)"


class Machine:
    """A server that can lose its power and get it back."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.server: Server | None = start_server(cluster)
        self.options = ConnectOptions(where="here", arguments=cluster.connect_arguments())

    def cut(self) -> None:
        """End the server as a power cut does, as far as its clients can tell."""
        if self.server is not None:
            server, self.server = self.server, None
            stop_server(server)

    def restore(self) -> None:
        """Start it again."""
        self.server = start_server(self.cluster)


class Events(list[object]):
    """Events of the door, which tests can wait for."""

    def __init__(self) -> None:
        super().__init__()
        self._news = trio.Event()

    def __call__(self, event: object) -> None:
        """Take an event."""
        self.append(event)
        self._news.set()
        self._news = trio.Event()

    async def seen(self, kind: type[object], times: int = 1) -> None:
        """Wait until that many events of a kind were emitted."""
        with trio.fail_after(20):
            while sum(isinstance(event, kind) for event in self) < times:
                await self._news.wait()


@pytest.fixture
def machine(spare_cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """Run a server of the test's own, and be impatient with outages."""
    monkeypatch.setattr(door_module, "OUTAGE_PATIENCE", 0.2)
    machine = Machine(spare_cluster)
    yield machine
    machine.cut()


@pytest.fixture
def events() -> Events:
    """Collect what the door emits."""
    return Events()


@pytest.fixture
async def door(
    machine: Machine,
    events: Events,
    asyncio_loop: None,  # noqa: ARG001 - must be open
) -> AsyncIterator[Database]:
    """Open a door with two connections, and wait until both are there."""
    async with open_door(machine.options, events, 2) as door:
        await until(lambda: door.open == 2)
        yield door


async def until(true: Callable[[], bool]) -> None:
    """Let others run until something is true."""
    with trio.fail_after(10):
        while not true():
            await trio.lowlevel.checkpoint()


async def test_an_outage_is_refused_then_over_by_itself(
    door: Database, machine: Machine, events: Events
) -> None:
    """While the server is away jobs are refused; when it is back they run, without a restart."""
    machine.cut()
    await events.seen(DatabaseLost)
    await until(lambda: door.open == 0)
    with pytest.raises(UnavailableError) as caught:
        await door.fetchval("select 1")
    assert type(caught.value) is UnavailableError
    machine.restore()
    await events.seen(DatabaseFound, 2)
    assert await door.fetchval("select 1") == 1
    await until(lambda: door.open == 2)
    assert [type(event) for event in events] == [DatabaseFound, DatabaseLost, DatabaseFound]


async def test_a_cut_off_job_is_told_that_nobody_knows(door: Database, machine: Machine) -> None:
    """A statement that ran when the server died may have been committed: its error says so."""
    caught: list[BaseException] = []

    async def job() -> None:
        try:
            await door.execute("select pg_sleep(60)")
        except InterruptedJobError as error:
            caught.append(error)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(job)
        await until(lambda: len(door._running) == 1)
        machine.cut()
    assert len(caught) == 1


async def test_jobs_that_wait_are_run_when_the_server_is_back(
    door: Database, machine: Machine, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A short outage costs waiting callers time, and no error."""
    monkeypatch.setattr(door_module, "OUTAGE_PATIENCE", 30.0)
    machine.cut()
    await events.seen(DatabaseLost)
    answers: list[object] = []

    async def job(number: int) -> None:
        answers.append(await door.fetchval("select $1::int", number))

    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(job, number)
        await until(lambda: len(door._jobs) == 5)
        machine.restore()
    assert sorted(map(str, answers)) == ["0", "1", "2", "3", "4"]


async def test_a_killed_session_is_replaced(door: Database, events: Events) -> None:
    """A backend that an operator terminated costs at most the job it ran."""
    await door.fetch(OTHERS)
    await events.seen(DatabaseFound, 2)
    await until(lambda: door.open == 2)
    assert await door.fetchval("select 1") == 1


async def test_a_waiting_job_whose_caller_left_is_never_run(
    machine: Machine,
    asyncio_loop: None,  # noqa: ARG001 - must be open
) -> None:
    """Cancelled before its turn, a job has no effect and leaves nothing behind."""
    async with (
        open_door(machine.options, print, 1) as door,
        open_door(machine.options, print, 1) as holder,
    ):
        await holder.fetchval(LOCK)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(door.execute, LOCK)
            await until(lambda: len(door._running) == 1)
            nursery.start_soon(door.execute, "create table never ()")
            await until(lambda: len(door._jobs) == 1)
            nursery.cancel_scope.cancel()
        assert not door._jobs
        await holder.fetchval("select pg_advisory_unlock_all()::text")
        assert await door.fetchval("select to_regclass('never')::text") is None


async def test_an_impatient_caller_leaves_the_door_usable(door: Database) -> None:
    """A job that takes longer than its caller waits is unknown to it, and in nobody's way."""
    with pytest.raises(InterruptedJobError, match=r"0\.05 s"):
        await door.run(lambda link: link.fetch("select pg_sleep(0.5)"), "slow", seconds=0.05)
    assert await door.fetchval("select 1") == 1


async def test_stopping_the_owners_fails_only_what_runs(
    machine: Machine,
    asyncio_loop: None,  # noqa: ARG001 - must be open
) -> None:
    """The job in hand is interrupted; the one that waits is run by the next generation."""
    outcome: dict[str, object] = {}
    door = Database(print)

    async def job(name: str, sql: str) -> None:
        try:
            outcome[name] = await door.fetchval(sql)
        except UnavailableError as error:
            outcome[name] = type(error)

    async with trio.open_nursery() as callers:
        async with trio.open_nursery() as first:
            first.start_soon(on_asyncio(door.own), machine.options)
            await until(lambda: door.open == 1)
            callers.start_soon(job, "in hand", "select 1 from pg_sleep(60)")
            await until(lambda: len(door._running) == 1)
            callers.start_soon(job, "waiting", "select 2")
            await until(lambda: len(door._jobs) == 1)
            first.cancel_scope.cancel()
        async with trio.open_nursery() as second:
            second.start_soon(on_asyncio(door.own), machine.options)
            await until(lambda: len(outcome) == 2)
            second.cancel_scope.cancel()
    assert outcome == {"in hand": InterruptedJobError, "waiting": 2}
    assert door.open == 0


async def test_a_wrong_statement_is_its_callers_problem(door: Database, events: Events) -> None:
    """An error of the statement reaches whoever asked; the connection lives on."""
    with pytest.raises(asyncpg.PostgresSyntaxError):
        await door.execute("selekt")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await door.fetchval("select 1 / 0")
    assert await door.fetchval("select 1") == 1
    assert [type(event) for event in events] == [DatabaseFound]


async def test_a_lost_race_is_run_again(door: Database) -> None:
    """A deadlock or a unique index that another won is tried again before anybody hears of it."""
    tries: list[int] = []

    async def work(link: object) -> str:
        del link
        tries.append(1)
        if len(tries) < 3:
            raise asyncpg.DeadlockDetectedError("lost")
        return "won"

    assert await door.run(work, "race") == "won"


async def test_a_frozen_server_costs_callers_their_time_only(door: Database) -> None:
    """A server that answers nothing at all does not hold a caller beyond its limit."""
    sessions = await door.fetch("select pid from pg_stat_activity where datname is not null")
    for row in sessions:
        os.kill(row[0], signal.SIGSTOP)
    try:
        with pytest.raises(InterruptedJobError):
            await door.run(lambda link: link.fetch("select 1"), "frozen", seconds=0.2)
    finally:
        for row in sessions:
            with suppress(ProcessLookupError):
                os.kill(row[0], signal.SIGCONT)
    assert await door.fetchval("select 1") == 1


async def test_the_picture_tells_what_waits(door: Database) -> None:
    """`describe` shows connections and jobs."""
    assert door.describe()["connections"] == 2
    assert door.describe()["waiting"] == 0
