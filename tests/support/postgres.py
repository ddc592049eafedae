"""A PostgreSQL server for the whole run, and a database of its own for every test that asks."""

from __future__ import annotations

import asyncio
import itertools
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
_HASTE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "file_copy_method": "clone",
}
"""A server that nobody will need after a power cut."""


class PostgresServer:
    """The server of this test run; databases in it come and go."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._numbers = itertools.count(1)

    def options(self, database: str, **changes: str) -> ConnectOptions:
        """Say how to reach a database; `changes` replace arguments of asyncpg."""
        arguments = {**self.cluster.connect_arguments(database), **changes}
        return ConnectOptions(
            where=f"{arguments['host']}/{arguments['database']}", arguments=arguments
        )

    async def run(self, *statements: str, database: str = "postgres") -> None:
        """Run statements, each outside a transaction; asyncio side."""
        link = await asyncpg.connect(**self.cluster.connect_arguments(database))
        try:
            for statement in statements:
                await link.execute(statement)
        finally:
            await link.close()

    async def clone(self, template: str = TEMPLATE) -> str:
        """Make a fresh database and return its name; asyncio side."""
        name = f"test_{next(self._numbers)}"
        await self.run(f"create database {name} template {template} strategy file_copy")
        return name

    async def drop(self, name: str) -> None:
        """Remove a database, whoever is still connected; asyncio side."""
        await self.run(f"drop database if exists {name} with (force)")

    async def set_up(self) -> None:
        """Make the template and the user with a password; asyncio side."""
        await self.run(
            f"create database {TEMPLATE}", f"create user {LOCKED_USER} password '{PASSWORD}'"
        )
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


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Start the server of this run, at the first test that needs it."""
    folder = Path(tempfile.mkdtemp(prefix="expo-tests-"))
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
    """Make a database with our schema for one test, and remove it afterwards."""
    name = await on_asyncio(postgres.clone)()
    yield postgres.options(name)
    with trio.CancelScope(shield=True):
        await on_asyncio(postgres.drop)(name)


@asynccontextmanager
async def open_door(
    options: ConnectOptions, emit: Callable[[object], None], connections: int = CONNECTIONS
) -> AsyncIterator[Database]:
    """Keep a `Database` with its connections running while the block lasts."""
    door = Database(emit)
    async with trio.open_nursery() as nursery:
        for _ in range(connections):
            nursery.start_soon(on_asyncio(door.own), options)
        yield door
        nursery.cancel_scope.cancel()


@pytest.fixture
async def database(
    database_options: ConnectOptions, emitted: list[object]
) -> AsyncIterator[Database]:
    """Open the door to a fresh database with our schema."""
    async with open_door(database_options, emitted.append) as door:
        yield door
