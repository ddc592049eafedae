"""Assignments: one statement for all workers that wait, beside one statement for each.

On the embedded database with its default durability, without HTTP.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

from actors.domain.ids import new_id, new_token, token_hash
from actors.kernel.ref import Ref
from actors.postgres.actor import postgres_spec
from actors.postgres.cluster import Cluster
from actors.queue_manager.actor import queue_manager_spec
from actors.queue_manager.messages import QueueManager, RequestWork, Settle
from actors.repo.actor import repo_spec
from actors.store import queue
from actors.store.database import ConnectOptions, Database
from actors.store.queue import ClaimAnswer, Report, Submission
from bench.table import Row, show
from controller import migrations
from controller.host import host
from supervisors.process import Runtime
from supervisors.supervisor import supervisor

WORKERS = 50
BUILDS = 600
ROUNDS = 3
CONNECTIONS = 4

Claim = Callable[[str], Awaitable[ClaimAnswer]]
End = Callable[[Report], Awaitable[object]]


def _ignore(_event: object) -> None:
    """Drop events: nobody watches."""


async def _submit(db: Database) -> None:
    submissions = [
        Submission(
            id=new_id(),
            platform="ios",
            token_hash=token_hash(new_token()),
            submit_key=f"once:{new_id()}",
            files=(),
        )
        for _ in range(BUILDS)
    ]
    await queue.submit(db, submissions)


async def _drain(workers: list[str], claim: Claim, end: End) -> float:
    """Have all workers build until the queue is empty; returns builds a second."""
    done = 0

    async def work(worker_id: str) -> None:
        nonlocal done
        while (job := (await claim(worker_id)).job) is not None:
            report = Report(
                build_id=job.build_id,
                worker_id=worker_id,
                lease=job.lease,
                success=False,
                error="measured",
                artifact=None,
            )
            await end(report)
            done += 1

    began = time.perf_counter()
    async with trio.open_nursery() as nursery:
        for worker_id in workers:
            nursery.start_soon(work, worker_id)
    assert done == BUILDS, f"{done} of {BUILDS} builds were given"
    return done / (time.perf_counter() - began)


async def _measure(db: Database, manager: Ref[QueueManager]) -> None:
    workers = [new_id() for _ in range(WORKERS)]
    for worker_id in workers:
        await queue.register(db, worker_id, "bench", {}, "any")

    async def claim_alone(worker_id: str) -> ClaimAnswer:
        return (await queue.claim(db, [(worker_id, new_id())]))[worker_id]

    async def end_alone(report: Report) -> object:
        return await queue.settle(db, [report])

    async def claim_asked(worker_id: str) -> ClaimAnswer:
        return await manager.call(RequestWork(worker_id), timeout=30)

    async def end_asked(report: Report) -> object:
        return await manager.call(Settle(report), timeout=30)

    alone: list[float] = []
    batched: list[float] = []
    for _ in range(ROUNDS):
        await _submit(db)
        alone.append(await _drain(workers, claim_alone, end_alone))
        await _submit(db)
        batched.append(await _drain(workers, claim_asked, end_asked))
    rows = [
        Row("a statement for each worker", "builds", alone),
        Row("queue manager, one for all that wait", "builds", batched),
    ]
    note = f"{WORKERS} workers claim and end {BUILDS} builds; {CONNECTIONS} connections; no HTTP"
    show("Assignments", rows, note)


async def _main(folder: Path) -> None:
    cluster = Cluster(folder=folder)
    options = ConnectOptions(where="bench", arguments=cluster.connect_arguments())
    db = Database(_ignore)
    manager = Ref[QueueManager]("queue_manager")
    children = [
        postgres_spec(cluster),
        repo_spec(db, options, migrations=migrations.load(), connections=CONNECTIONS),
        queue_manager_spec(manager, db, _ignore),
    ]
    up = trio.Event()

    async def beside(scope: trio.CancelScope) -> None:
        await up.wait()
        await _measure(db, manager)
        scope.cancel()

    await host(supervisor("root", children), Runtime(), lambda _: up.set(), beside)


def run() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="expo-bench-") as folder:
        Path(folder).chmod(0o711)  # the database server, another user under root, passes through
        trio.run(_main, Path(folder) / "data")
