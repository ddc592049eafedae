"""Any part dies while everybody works: everything that was acknowledged ends once, bytes equal."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from actors.postgres.cluster import Cluster
from actors.store.bridge import on_asyncio
from actors.store.database import ConnectOptions
from actors.store.migrate import prepare as apply_migrations
from controller.migrations import load
from supervisors.snapshot import find, picture
from tests.support.books import books_balance
from tests.support.farm import Farm, farming
from tests.support.postgres import start_server, stop_server
from tests.support.traffic import Traffic

PATHS = [
    "telemetry",
    "repo",
    "orchestration",
    "orchestration/janitor",
    "orchestration/recorder",
    "orchestration/queue_manager",
    "orchestration/heartbeat_monitor",
    "uploads",
    "endpoint",
    "drain",
]


async def test_the_paths_below_are_all_there_are(farm: Farm) -> None:
    """A new child of the tree is killed here, too."""
    assert [node.path for node in picture(farm.root).walk() if node.path] == PATHS


@pytest.mark.parametrize("path", PATHS)
async def test_a_killed_part_loses_nothing(farm: Farm, path: str) -> None:
    """Killed again and again while builds travel from user to worker and back."""
    traffic = Traffic(farm)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(traffic.run)
        for count in range(0, traffic.total, 2):
            await traffic.ended(count)
            process = find(farm.root, path)
            if process is not None:
                process.kill()
    await traffic.check()
    await books_balance(farm, strays=path == "endpoint")


async def test_killed_sinks_lose_nothing(farm: Farm) -> None:
    """Every upload that is seen in flight, for a while."""
    traffic = Traffic(farm)
    killed = 0
    async with trio.open_nursery() as nursery:
        nursery.start_soon(traffic.run)
        while len(traffic.finished) < traffic.total:
            for path in farm.sinks() if killed < 10 else []:
                process = find(farm.root, path)
                if process is not None:
                    process.kill()
                    killed += 1
            await trio.sleep(0.005)
    assert killed
    await traffic.check()
    await books_balance(farm)


async def test_cut_connections_lose_nothing(farm: Farm, database_options: ConnectOptions) -> None:
    """The server ends all our sessions, several times, in the middle of statements."""

    async def cut() -> None:
        link = await database_options.connect()
        await link.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        await link.close()

    traffic = Traffic(farm)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(traffic.run)
        for count in range(0, traffic.total, 3):
            await traffic.ended(count)
            await on_asyncio(cut)()
    await traffic.check()
    await books_balance(farm)


async def test_a_database_that_is_away_loses_nothing(
    spare_cluster: Cluster,
    tmp_path: Path,
    logged: object,
    asyncio_loop: None,
) -> None:
    """Stopped at once for a second and a half: 503 or success, and then it goes on."""
    del logged, asyncio_loop
    arguments = spare_cluster.connect_arguments("postgres")
    options = ConnectOptions(where="spare", arguments=arguments)
    servers = [start_server(spare_cluster)]
    try:
        await on_asyncio(apply_migrations)(options, load())
        async with farming(options, tmp_path) as farm:
            traffic = Traffic(farm)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(traffic.run)
                await traffic.ended(3)
                stop_server(servers.pop())
                await trio.sleep(1.5)
                servers.append(start_server(spare_cluster))
            await traffic.check()
            assert traffic.retries
            await books_balance(farm)
    finally:
        for server in servers:
            stop_server(server)
