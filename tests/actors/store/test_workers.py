"""Workers: registering, being seen, signing off."""

from __future__ import annotations

import json

from actors.store import builds, queue
from actors.store.database import Database
from tests.actors.store.farm import (
    ask,
    check_invariants,
    grant,
    messages,
    report,
    status,
    submit,
    workers,
)


async def test_registering_again_keeps_what_was_earned(database: Database) -> None:
    """Name and counters stay, capabilities are replaced, the running build stays with it."""
    await submit(database, 2)
    assert not await queue.register(database, "w", "Mac mini", {"platforms": ["ios"]}, "ios")
    await queue.settle(database, [report(await grant(database, "w"), "w")])
    held = await grant(database, "w")
    assert await queue.register(database, "w", "another name", {"xcode": "26"}, "any")
    [row] = await builds.list_workers(database, 10)
    assert (row["name"], row["builds_completed"], row["status"]) == ("Mac mini", 1, "building")
    assert json.loads(row["capabilities"]) == {"xcode": "26"}
    assert (await grant(database, "w")).lease == held.lease


async def test_signing_off_returns_the_build(database: Database) -> None:
    """The build goes back to the queue; the worker is offline and may come back."""
    [build_id] = await submit(database)
    [name] = await workers(database)
    await grant(database, name)
    assert await queue.unregister(database, name) == 1
    assert await queue.unregister(database, name) == 0
    assert await status(database, build_id) == "pending"
    assert await database.fetchval("select status from workers") == "offline"
    assert (await messages(database, build_id))[-1].startswith("Returned to the queue")
    await check_invariants(database)
    await queue.seen(database, [name])
    assert await database.fetchval("select status from workers") == "idle"


async def test_signing_off_an_unknown_worker_is_told(database: Database) -> None:
    """None stands for a worker that nobody knows."""
    assert await queue.unregister(database, "nobody") is None


async def test_seen_leaves_a_working_worker_at_work(database: Database) -> None:
    """Only an offline worker becomes idle by being seen."""
    await submit(database)
    [name] = await workers(database)
    await grant(database, name)
    await queue.seen(database, [name, "nobody"])
    assert await database.fetchval("select status from workers") == "building"
    assert (await ask(database, name)).known
