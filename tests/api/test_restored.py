"""What a restart of the whole program leaves as it was: the queue, and who has which build."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from actors.store.database import ConnectOptions
from tests.support.farm import farming, good


async def test_builds_and_workers_are_as_before_after_a_restart(
    database_options: ConnectOptions, tmp_path: Path
) -> None:
    """Waiting builds keep their places, also one that was given back; the others their worker."""
    async with farming(database_options, tmp_path) as first:
        held, worker_id, lease = await first.assigned()
        back, other, _ = await first.assigned()
        waiting = [(await first.submit())["id"] for _ in range(3)]
        await first.post(f"/api/workers/{other}/unregister")
    async with farming(database_options, tmp_path) as second:
        queue = good(await second.get("/health"))["queue"]
        assert queue == {"pending": 4, "active": 1, "total": 5}
        job = await second.poll(worker_id)
        assert job is not None
        assert (job["id"], job["lease"]) == (held, lease)
        given = []
        for _ in range(4):
            job = await second.poll(await second.register())
            assert job is not None
            given.append(job["id"])
        assert given == [back, *waiting]
        assert good(await second.upload(held, worker_id, lease=lease)) == {"status": "success"}


async def test_a_worker_that_holds_a_build_cannot_vanish(
    database_options: ConnectOptions, tmp_path: Path
) -> None:
    """So no restart ever finds an assigned build without its worker: the database refuses it."""
    async with farming(database_options, tmp_path) as farm:
        _, worker_id, _ = await farm.assigned()
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await farm.parts.db.execute("delete from workers where id = $1", worker_id)
