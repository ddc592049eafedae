"""A PostgreSQL server for the whole run, and a database of its own for every test that asks."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
import trio
import trio_asyncio

from actors.postgres.cluster import Cluster, prepare
from actors.postgres.server import Server
from actors.store.bridge import on_asyncio
from actors.store.database import ConnectOptions, Database
from actors.store.migrate import prepare as apply_migrations
from controller.migrations import load

TEMPLATE = "template_expo"
CONNECTIONS = 4
LOCKED_USER = "locked"
"""A user that needs the password `PASSWORD`; the others need none."""
PASSWORD = "correct horse"  # noqa: S105 - of a server that lives as long as the tests
_START_SECONDS = 60
_ROOM = 1024**3
_HASTE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
}
"""A server that nobody will need after a power cut."""


class PostgresServer:
    """The server of this test run; databases in it come and go."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._numbers = itertools.count(1)
        self._used: list[str] = []

    def options(self, database: str, **changes: str) -> ConnectOptions:
        """Say how to reach a database; `changes` replace arguments of asyncpg."""
        arguments = {**self.cluster.connect_arguments(database), **changes}
        return ConnectOptions(
            where=f"{arguments['host']}/{arguments['database']}", arguments=arguments
        )

    @asynccontextmanager
    async def link(self, database: str = "postgres") -> AsyncIterator[asyncpg.Connection]:
        """Have a plain connection of one's own; asyncio side."""
        link = await asyncpg.connect(**self.cluster.connect_arguments(database))
        try:
            yield link
        finally:
            await link.close()

    async def clone(self, link: asyncpg.Connection, template: str = TEMPLATE) -> str:
        """Make a fresh database and return its name; removes the discarded ones.

        Later than they ended, because the server waits 100 ms when a session is still ending.
        """
        while self._used:
            await link.execute(f"drop database {self._used.pop()} with (force)")
        name = f"test_{next(self._numbers)}"
        await link.execute(f"create database {name} template {template} strategy file_copy")
        return name

    def discard(self, name: str) -> None:
        """Have a database removed when the next one is made."""
        self._used.append(name)

    async def set_up(self) -> None:
        """Make the template and the user with a password; asyncio side."""
        async with self.link() as link:
            await link.execute(f"create database {TEMPLATE}")
            await link.execute(f"create user {LOCKED_USER} password '{PASSWORD}'")
        await apply_migrations(self.options(TEMPLATE), load())


def start_server(cluster: Cluster, seconds: float = _START_SECONDS) -> Server:
    """Start a server and wait until it is ready; for code without trio."""
    server = Server(prepare(cluster))
    deadline = time.monotonic() + seconds
    while not server.is_ready():
        if time.monotonic() > deadline:
            server.signal(signal.SIGKILL)
            pytest.fail(f"the test server does not start: {server.last_words()}")
        time.sleep(0.01)
    return server


def stop_server(server: Server) -> None:
    """End a server that holds nothing worth keeping."""
    server.signal(signal.SIGQUIT)
    server.wait(30)
    server.close()


def _fast_folder() -> str | None:
    """Memory, where there is enough of it: making a database is making three hundred files."""
    memory = Path("/dev/shm")  # noqa: S108 - a private folder in it
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > _ROOM
    return str(memory) if roomy and os.access(memory, os.W_OK) else None


@pytest.fixture(scope="session")
def spare_cluster() -> Iterator[Cluster]:
    """Make a cluster that no server runs on, for tests that start and kill servers themselves."""
    folder = Path(tempfile.mkdtemp(prefix="expo-spare-", dir=_fast_folder()))
    folder.chmod(0o711)
    cluster = Cluster(folder=folder, settings={"fsync": "off"})
    prepare(cluster)
    yield cluster
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Start the server of this run, at the first test that needs it."""
    folder = Path(tempfile.mkdtemp(prefix="expo-tests-", dir=_fast_folder()))
    folder.chmod(0o711)
    cluster = Cluster(folder=folder, settings=_HASTE)
    try:
        prepare(cluster)
        hba = cluster.data / "pg_hba.conf"
        rules = f"local all {LOCKED_USER} scram-sha-256\n" + hba.read_text(encoding="utf-8")
        hba.write_text(rules, encoding="utf-8")
        server = start_server(cluster)
        try:
            found = PostgresServer(cluster)
            asyncio.run(found.set_up())
            yield found
        finally:
            stop_server(server)
    finally:
        shutil.rmtree(folder)
        shutil.rmtree(cluster.socket_folder, ignore_errors=True)


@pytest.fixture
def emitted() -> list[object]:
    """Collect the events that the database door emits."""
    return []


@pytest.fixture
async def asyncio_loop() -> AsyncIterator[None]:
    """Have an asyncio loop open below the test, as the program has."""
    async with trio_asyncio.open_loop():
        yield


@pytest.fixture
async def database_options(
    postgres: PostgresServer,
    asyncio_loop: None,  # noqa: ARG001 - must be open
) -> AsyncIterator[ConnectOptions]:
    """Make a database with our schema for one test."""

    async def clone() -> str:
        async with postgres.link() as link:
            return await postgres.clone(link)

    name = await on_asyncio(clone)()
    yield postgres.options(name)
    postgres.discard(name)


@pytest.fixture
async def empty_database(
    postgres: PostgresServer,
    asyncio_loop: None,  # noqa: ARG001 - must be open
) -> AsyncIterator[ConnectOptions]:
    """Make a database without any table for one test."""

    async def clone() -> str:
        async with postgres.link() as link:
            return await postgres.clone(link, "template0")

    name = await on_asyncio(clone)()
    yield postgres.options(name)
    postgres.discard(name)


@asynccontextmanager
async def open_door(
    options: ConnectOptions, emit: Callable[[object], None], connections: int = CONNECTIONS
) -> AsyncIterator[Database]:
    """Keep a `Database` with its connections running while the block lasts."""
    door = Database(emit)
    async with trio.open_nursery() as nursery:
        for _ in range(connections):
            nursery.start_soon(on_asyncio(door.own), options)
        while not door.open:  # noqa: ASYNC110 - a busy machine may need longer than patience has
            await trio.sleep(0.001)
        yield door
        nursery.cancel_scope.cancel()


@pytest.fixture
async def database(
    database_options: ConnectOptions, emitted: list[object]
) -> AsyncIterator[Database]:
    """Open the door to a fresh database with our schema."""
    async with open_door(database_options, emitted.append) as door:
        yield door
