"""The server as a child of a real tree: up, killed, stopped, and what it leaves."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
import trio

from actors.postgres import actor as actor_module
from actors.postgres.actor import Postgres, postgres_spec
from actors.postgres.cluster import Cluster, prepare
from actors.postgres.errors import PostgresSetupError, ServerDiedError
from actors.postgres.server import Server
from actors.store.bridge import on_asyncio
from supervisors.events import ChildStarted, ChildTerminated
from supervisors.exits import KILLED, SHUTDOWN, Crash
from supervisors.process import Process, Runtime
from supervisors.root import run_tree
from supervisors.spec import ChildSpec
from supervisors.supervisor import supervisor
from tests.support.tree import Reports


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


def pid_of(process: Process) -> int:
    """Return the pid of the server that a child runs."""
    assert isinstance(process.handle, Postgres)
    pid = process.handle.describe()["pid"]
    assert isinstance(pid, int)
    return pid


async def ask(cluster: Cluster, sql: str) -> object:
    """Run one statement on a connection of its own."""

    async def work() -> object:
        link = await asyncpg.connect(**cluster.connect_arguments())
        try:
            return await link.fetchval(sql)
        finally:
            await link.close()

    return await on_asyncio(work)()


def words(cluster: Cluster, since: int = 0) -> str:
    """Return what the server said after so many bytes."""
    return cluster.log.read_bytes()[since:].decode()


@pytest.fixture
def mark(spare_cluster: Cluster) -> int:
    """Tell how long the log is before the test."""
    return spare_cluster.log.stat().st_size if spare_cluster.log.exists() else 0


async def test_up_means_that_it_answers(spare_cluster: Cluster, asyncio_loop: None) -> None:
    """A started child takes connections, in our settings, and describes itself."""
    del asyncio_loop
    async with running(postgres_spec(spare_cluster)) as process:
        assert await ask(spare_cluster, "select current_database()") == "expo"
        assert await ask(spare_cluster, "show timezone") == "UTC"
        assert await ask(spare_cluster, "show listen_addresses") == ""
        assert await ask(spare_cluster, "show synchronous_commit") == "on"
        assert isinstance(process.handle, Postgres)
        facts = process.handle.describe()
        assert facts["version"] in str(await ask(spare_cluster, "select version()"))
        assert facts["uptime"] == "0s"


async def test_a_killed_server_is_started_again_with_its_data(
    spare_cluster: Cluster, asyncio_loop: None
) -> None:
    """Kill -9 of the server: a crash of the child, a restart, and every committed row is there."""
    del asyncio_loop
    reports = Reports()
    root = supervisor("root", [postgres_spec(spare_cluster)])
    async with trio.open_nursery() as nursery:
        await nursery.start(run_tree, root, Runtime(reports))
        await ask(spare_cluster, "create table if not exists kept as select 7 as n")
        [pid] = spare_cluster.data.joinpath("postmaster.pid").read_text().split()[:1]
        os.kill(int(pid), signal.SIGKILL)
        with trio.fail_after(30):
            ended = await reports.seen(ChildTerminated)
            await reports.seen(ChildStarted, "postgres", count=2)
        assert isinstance(ended.reason, Crash)
        assert isinstance(ended.reason.primary, ServerDiedError)
        assert await ask(spare_cluster, "select n from kept") == 7
        await ask(spare_cluster, "drop table kept")
        nursery.cancel_scope.cancel()


async def test_asked_to_stop_it_stops_in_order(
    spare_cluster: Cluster, asyncio_loop: None, mark: int
) -> None:
    """A fast shutdown: sessions are ended, a checkpoint is written, nothing is left to recover."""
    del asyncio_loop
    async with running(postgres_spec(spare_cluster)) as process:
        link = await on_asyncio(asyncpg.connect)(**spare_cluster.connect_arguments())
        pid = pid_of(process)
        process.shutdown()
        assert await process.join() == SHUTDOWN
        link.terminate()
    assert "database system is shut down" in words(spare_cluster, mark)
    assert not (spare_cluster.data / "postmaster.pid").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_killed_it_leaves_no_process(spare_cluster: Cluster, mark: int) -> None:
    """A kill of the child ends the server at once; the next start recovers."""
    async with running(postgres_spec(spare_cluster)) as process:
        pid = pid_of(process)
        process.kill()
        assert await process.join() == KILLED
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert "immediate shutdown" in words(spare_cluster, mark)


async def test_a_deaf_server_is_ended_in_bounded_time(
    spare_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is frozen hears neither request; SIGKILL ends it."""
    monkeypatch.setattr(actor_module, "FAST_SECONDS", 0.05)
    monkeypatch.setattr(actor_module, "IMMEDIATE_SECONDS", 0.05)
    async with running(postgres_spec(spare_cluster)) as process:
        os.kill(pid_of(process), signal.SIGSTOP)
        process.shutdown()
        with trio.fail_after(20):
            assert await process.join() == SHUTDOWN


async def test_a_server_that_cannot_start_fails_the_init_with_its_words(
    spare_cluster: Cluster,
) -> None:
    """A setting that the server refuses is in the sentence, not only in the log."""
    broken = Cluster(folder=spare_cluster.folder, settings={"shared_buffers": "nonsense"})
    async with running(postgres_spec(broken)) as process:
        assert process.started_at is None
        assert isinstance(process.exit, Crash)
        assert isinstance(process.exit.primary, PostgresSetupError)
        assert "shared_buffers" in str(process.exit.primary)


async def test_ready_is_said_of_our_process_only(spare_cluster: Cluster) -> None:
    """Another server's pid file does not make ours ready."""
    async with running(postgres_spec(spare_cluster)) as process:
        second = Server(prepare_without_ending(spare_cluster))
        try:
            with pytest.raises(PostgresSetupError, match="lock file"):
                await second.ready()
            assert not second.is_ready()
        finally:
            await second.exited()
            second.close()
        assert process.is_alive


def prepare_without_ending(cluster: Cluster) -> object:
    """Prepare as a controller would that ignores the lock of the folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("actors.postgres.cluster.end_orphan", lambda data: data)
        return prepare(cluster)


async def test_the_log_tells_of_errors_without_statements_or_values(
    spare_cluster: Cluster, asyncio_loop: None, mark: int
) -> None:
    """What clients send may hold secrets: statement text, parameters and keys stay out."""
    del asyncio_loop
    async with running(postgres_spec(spare_cluster)):
        await ask(spare_cluster, "create table if not exists t (n text primary key)")
        for _ in range(2):
            try:
                await ask(spare_cluster, "insert into t values ('secret-value')")
            except asyncpg.UniqueViolationError:
                await ask(spare_cluster, "drop table t")
        with pytest.raises(asyncpg.UndefinedColumnError):
            await ask(spare_cluster, "select secret_word from pg_class where 'secret-text' = ''")
    text = words(spare_cluster, mark)
    assert "duplicate key value" in text
    assert "secret-" not in text


async def test_it_is_out_of_reach_of_the_terminal(spare_cluster: Cluster) -> None:
    """A session of its own: Ctrl-C reaches the controller alone."""
    async with running(postgres_spec(spare_cluster)) as process:
        assert os.getsid(pid_of(process)) == pid_of(process) != os.getsid(0)


async def test_a_deep_data_folder_has_a_short_socket(tmp_path: Path, asyncio_loop: None) -> None:
    """Where the path would be too long for a socket, it lies elsewhere, and all the rest works."""
    del asyncio_loop
    cluster = Cluster(folder=tmp_path / ("deep" * 20), settings={"fsync": "off"})
    async with running(postgres_spec(cluster)):
        assert await ask(cluster, "select 1") == 1
    cluster.socket_folder.rmdir()
