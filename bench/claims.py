"""Claims: pgbench running the statement for one worker at a time, beside the queue manager.

On the embedded database with its default durability, without HTTP. Every claim is by a worker of
its own, so that each one grants a build. pgbench is the limit of what one statement for each
worker can do; the queue manager passes it by serving all that wait with one.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import trio

from actors.domain.ids import new_id
from actors.kernel.ref import Ref
from actors.postgres.actor import postgres_spec
from actors.postgres.binaries import find_binaries
from actors.postgres.cluster import Cluster
from actors.queue_manager.actor import queue_manager_spec
from actors.queue_manager.messages import QueueManager, RequestWork
from actors.repo.actor import repo_spec
from actors.store import queue
from actors.store.database import ConnectOptions, Database
from actors.store.queries import load
from bench.table import Row, show
from controller import migrations
from controller.host import host
from supervisors.process import Runtime
from supervisors.supervisor import supervisor

CONNECTIONS = 4
PGBENCH_CLIENTS = 10
CALLERS = 200
ROUNDS = 3
CLAIMS = 2000
HISTORY = int(os.environ.get("BENCH_HISTORY", "1000"))
"""Finished builds in the table beside those that wait."""
_SETUP = """
insert into workers (id, name, capabilities)
select 'w-' || c * 100000 + i, 'bench', '{}'
from generate_series(0, 19) as c, generate_series(1, 2000) as i
"""
_PAST = """
insert into builds (id, platform, token_hashes, submit_key, status, worker_id, attempt, lease,
    submitted_at, started_at, completed_at)
select translate(encode(sha256(i::text::bytea), 'base64'), '+/=', '-_')::varchar(21), 'ios',
    array[''::bytea], 'past' || i, 'completed', 'w-1', 1, null,
    now() - interval '2 days', now() - interval '2 days', now() - interval '1 day'
from generate_series(1, $1::int) as i
"""
_FRESH = """
insert into builds (id, platform, token_hashes, submit_key)
select translate(encode(sha256(('f' || $2 || i::text)::bytea), 'base64'), '+/=', '-_')::varchar(21),
    'ios', array[''::bytea], 'fresh' || $2 || i
from generate_series(1, $1::int) as i
"""
_FREE = """
with ended as (update attempts set ended_at = now(), outcome = 'completed' where ended_at is null)
update builds set status = 'completed', lease = null, completed_at = now()
where status <> 'completed'
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where it is measured."""

    cluster: Cluster
    db: Database
    manager: Ref[QueueManager]


def _ignore(_event: object) -> None:
    """Drop events: nobody watches."""


async def _fill(db: Database) -> None:
    """Have builds wait, and every worker free."""
    await db.execute(_FREE)
    await db.execute("delete from builds where submit_key like 'fresh%'")
    await db.execute(_FRESH, CLAIMS, new_id())


async def _timed(db: Database, work: Callable[[], Awaitable[None]]) -> float:
    """Return claims a second; every build must have been given."""
    await _fill(db)
    began = time.perf_counter()
    await work()
    took = time.perf_counter() - began
    left = await db.fetchval("select count(*) from builds where status = 'pending'")
    assert left == 0, f"{left} builds were not given"
    return CLAIMS / took


def _script(folder: Path) -> Path:
    """Write the claim of one worker for pgbench, whose variables stand in for our parameters."""
    text = re.sub(r"--.*", "", load("queue.sql")["claim"])
    values = {
        1: "array['w-' || :n]::text[]",
        2: "array['l-' || :n || '-' || :round]::text[]",
    }
    for number, value in values.items():
        text = text.replace(f"${number}", value)
    assert "$" not in text, "the claim has a parameter that the bench does not know"
    file = folder / "claim.sql"
    file.write_text(f"\\set i :i + 1\n\\set n :client_id * 100000 + :i\n{text}\n", encoding="utf-8")
    return file


async def _pgbench(place: Place, script: Path, number: int) -> None:
    program = find_binaries(None, major=None).folder / "pgbench"
    at = place.cluster.connect_arguments()
    command = [
        *(program, "--no-vacuum", "-M", "prepared", "-f", script),
        *("-c", PGBENCH_CLIENTS, "-j", 1, "-t", CLAIMS // PGBENCH_CLIENTS),
        *("-D", "i=0", "-D", f"round={number}"),
        *("-h", at["host"], "-p", at["port"], "-U", at["user"], at["database"]),
    ]
    same = {**os.environ, "PGOPTIONS": "-c plan_cache_mode=force_generic_plan -c jit=off"}
    await trio.run_process([str(word) for word in command], capture_stdout=True, env=same)


async def _one_each(place: Place) -> None:
    """Claim through our own door, one statement for each worker."""
    await _spread(lambda worker_id: queue.claim(place.db, [(worker_id, new_id())]))


async def _managed(place: Place) -> None:
    """Claim through the queue manager."""
    await _spread(lambda worker_id: place.manager.call(RequestWork(worker_id), timeout=60))


async def _spread(claim: Callable[[str], Awaitable[object]]) -> None:
    """Have many callers claim, each time for another worker."""
    names = iter([f"w-{1_000_000 + i}" for i in range(1, CLAIMS + 1)])

    async def caller() -> None:
        for name in names:
            await claim(name)

    async with trio.open_nursery() as nursery:
        for _ in range(CALLERS):
            nursery.start_soon(caller)


async def _measure(place: Place, folder: Path) -> None:
    await place.db.execute(_SETUP)
    await place.db.execute(_PAST, HISTORY)
    await place.db.execute("analyze")
    script = _script(folder)
    single: list[float] = []
    own: list[float] = []
    managed: list[float] = []
    for number in range(ROUNDS):
        single.append(await _timed(place.db, lambda number=number: _pgbench(place, script, number)))
        own.append(await _timed(place.db, lambda: _one_each(place)))
        managed.append(await _timed(place.db, lambda: _managed(place)))
    rows = [
        Row(f"pgbench, one claim each, {PGBENCH_CLIENTS} connections", "claims", single),
        Row(f"our door, one claim each, {CONNECTIONS} connections", "claims", own),
        Row(f"queue manager, {CALLERS} callers", "claims", managed),
    ]
    note = f"{CLAIMS} builds wait beside {HISTORY:,} finished ones; each by a worker of its own"
    show("Claims", rows, note)


async def _main(folder: Path) -> None:
    cluster = Cluster(folder=folder / "data")
    options = ConnectOptions(where="bench", arguments=cluster.connect_arguments())
    place = Place(cluster, Database(_ignore), Ref[QueueManager]("queue_manager"))
    children = [
        postgres_spec(cluster),
        repo_spec(place.db, options, migrations=migrations.load(), connections=CONNECTIONS),
        queue_manager_spec(place.manager, place.db, _ignore),
    ]
    up = trio.Event()
    failed: list[BaseException] = []

    async def beside(scope: trio.CancelScope) -> None:
        await up.wait()
        try:
            await _measure(place, folder)
        except (AssertionError, subprocess.CalledProcessError) as error:
            failed.append(error)
        scope.cancel()

    await host(supervisor("root", children), Runtime(), lambda _: up.set(), beside)
    if failed:
        raise failed[0]


def run() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="expo-bench-") as folder:
        Path(folder).chmod(0o711)  # the database server, another user under root, passes through
        trio.run(_main, Path(folder))
