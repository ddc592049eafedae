"""Any part dies while everybody works: everything that was acknowledged ends once, bytes equal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from actors.domain.events import DatabaseFound, DatabaseLost
from actors.postgres.cluster import Cluster
from actors.postgres.server import Server
from actors.store.bridge import on_asyncio
from actors.store.database import ConnectOptions
from actors.store.migrate import prepare as apply_migrations
from api.dashboard.views import pages
from api.routes.table import ROUTES
from api.routing import Body, Route
from controller.migrations import load
from supervisors.snapshot import find, picture
from tests.support.books import books_balance
from tests.support.farm import Farm, farming, refused
from tests.support.form import MULTIPART, body_of, file
from tests.support.postgres import start_server, stop_server
from tests.support.traffic import Traffic

BODY = {
    "name": "n",
    "capabilities": {},
    "otp": "o",
    "build_id": "b" * 21,
    "worker_id": "w",
    "reason": "r",
    "error": "e",
    "status": "healthy",
    "duration_ms": 1,
    "checks": [],
    "controller_url": "http://c",
}
"""A body that every JSON route can work with."""
PATHS = [
    "telemetry",
    "watchdog",
    "repo",
    "pubsub",
    "orchestration",
    "orchestration/janitor",
    "orchestration/recorder",
    "orchestration/queue_manager",
    "orchestration/heartbeat_monitor",
    "orchestration/membership",
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
    await books_balance(farm, strays=True)


@asynccontextmanager
async def own_server(cluster: Cluster, folder: Path) -> AsyncIterator[tuple[Farm, list[Server]]]:
    """Run a controller on a database server that the test may stop and start."""
    options = ConnectOptions(where="spare", arguments=cluster.connect_arguments("postgres"))
    servers = [start_server(cluster)]
    try:
        await on_asyncio(apply_migrations)(options, load())
        async with farming(options, folder) as farm:
            await farm.parts.db.execute("truncate builds, workers cascade")
            yield farm, servers
    finally:
        for server in servers:
            stop_server(server)


async def test_a_database_that_is_away_loses_nothing(
    spare_cluster: Cluster, tmp_path: Path, logged: object, asyncio_loop: None
) -> None:
    """Stopped at once for a second and a half: 503 or success, and then it goes on."""
    del logged, asyncio_loop
    async with own_server(spare_cluster, tmp_path) as (farm, servers):
        traffic = Traffic(farm)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(traffic.run)
            await traffic.ended(2)
            stop_server(servers.pop())
            await trio.sleep(1.5)
            servers.append(start_server(spare_cluster))
        await traffic.check()
        await books_balance(farm, strays=True)


async def test_without_a_database_every_route_says_so(
    spare_cluster: Cluster, tmp_path: Path, logged: object, asyncio_loop: None
) -> None:
    """503 and when to come back, no byte of a body is taken; the tree is still shown."""
    del logged, asyncio_loop
    async with own_server(spare_cluster, tmp_path) as (farm, servers):
        build_id, worker_id, _ = await farm.assigned()
        stop_server(servers.pop())
        await farm.events.first(DatabaseLost)
        while farm.parts.db.open:
            await trio.testing.wait_all_tasks_blocked(0.001)
        files = farm.files()

        async def ask(route: Route) -> None:
            path = route.path.replace("{id}", build_id if "builds" in route.path else worker_id)
            path = path.replace("{type}", "result")
            ids = {"X-Worker-Id": worker_id, "X-Build-Id": build_id}
            ids |= {"X-Worker-Token": "t", "X-VM-Token": "t"}
            how = {"json": BODY} if route.body is Body.JSON else {}
            if route.body is Body.STREAM:
                ids["Content-Type"] = MULTIPART
                how = {"content": body_of(file("source", b"x"), file("result", b"x"))}
            params = {"worker_id": worker_id}
            answer = await farm.ask(route.method, path, ids, params=params, **how)
            assert refused(answer) == (503, "The database is away. Try again."), route.name
            assert answer.headers["retry-after"] == "2"

        async with trio.open_nursery() as nursery:
            for route in (*ROUTES, *pages()):
                if not route.path.startswith(("/debug", "/metrics", "/live", "/ready")):
                    nursery.start_soon(ask, route)
        assert farm.files() == files
        assert (await farm.get("/debug/tree")).status_code == 200
        servers.append(start_server(spare_cluster))
        await farm.events.first(DatabaseFound, lambda e: e.seconds > 0)
        assert (await farm.upload(build_id, worker_id)).status_code == 200
