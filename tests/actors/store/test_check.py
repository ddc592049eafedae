"""The laws of the rows: kept by everything we do, and each broken one is named."""

from __future__ import annotations

from typing import Any

import pytest

from actors.store import check, queue
from actors.store.bridge import on_asyncio
from actors.store.check import LAWS, Finding
from actors.store.database import ConnectOptions, Database
from tests.actors.store.farm import grant, lose, report, sign, submit, workers

OUT_OF_REACH = "set local session_replication_role = replica"
"""Keys that point to other tables are not looked at."""
FREELY = """
alter table builds drop constraint builds_active_is_held, drop constraint builds_lease_is_active,
    drop constraint builds_pending_is_free, drop constraint builds_finished_has_end,
    drop constraint builds_failed_has_reason;
alter table attempts drop constraint attempts_lease_key;
drop index builds_one_per_worker, attempts_one_live_per_build, attempts_one_live_per_worker,
    artifacts_current;
"""
"""What keeps most of it from happening, gone."""
DONE, BUSY, FREE, FAILED, TWICE = "done", "busy", "free", "failed", "twice"


async def _some_of_everything(db: Database) -> dict[str, str]:
    """Make builds in every state; their ids by name."""
    await workers(db, 4)
    ids = await submit(db, 6)
    jobs = [await grant(db, f"worker-any-{n}") for n in range(3)]
    for n, job in enumerate(jobs):
        await sign(db, job, f"worker-any-{n}")
    await queue.settle(db, [report(jobs[0], "worker-any-0")])
    await queue.settle(db, [report(jobs[1], "worker-any-1", success=False)])
    await db.execute("update attempts set last_sign_at = now() - interval '1 day'")
    await lose(db)
    again = await grant(db, "worker-any-3")
    assert again.build_id == jobs[2].build_id
    assert again.attempt == 2
    busy = await grant(db, "worker-any-0")
    await queue.cancel(db, ids[4], repeated=False)
    return {
        DONE: jobs[0].build_id,
        FAILED: jobs[1].build_id,
        TWICE: again.build_id,
        BUSY: busy.build_id,
        FREE: ids[5],
    }


async def _broken(options: ConnectOptions) -> dict[str, Finding]:
    checked = await on_asyncio(check.check)(options, files=True)
    assert [one.name for one in checked.findings] == list(LAWS)
    assert all(one.law.endswith(".") for one in checked.findings)
    return {one.name: one for one in checked.findings if one.offenders}


async def test_whatever_happens_to_builds_keeps_every_law(
    database: Database, database_options: ConnectOptions
) -> None:
    """Done, failed, lost and given again, in work, cancelled, waiting: nothing is broken."""
    await _some_of_everything(database)
    assert await _broken(database_options) == {}
    await lose(database, max_attempts=1)
    assert await _broken(database_options) == {}


PLANTS = {
    "two live attempts of a build": (
        "one_holder",
        "update attempts set ended_at = null, outcome = null where build_id = '{twice}'",
    ),
    "two live attempts of a worker": (
        "one_holder",
        "update attempts set worker_id = 'worker-any-0' where ended_at is null",
    ),
    "two builds of a worker": (
        "one_holder",
        "update builds set worker_id = 'worker-any-0' where status = 'assigned'",
    ),
    "a lease given twice": ("one_lease", "update attempts set lease = 'the same'"),
    "a hole in the attempts": (
        "attempts_in_order",
        "update attempts set attempt = 7 where build_id = '{done}'",
    ),
    "an attempt nobody counted": (
        "attempts_in_order",
        "update builds set attempt = 0 where id = '{done}'",
    ),
    "a live attempt that is not the last": (
        "attempts_in_order",
        (
            "update attempts set ended_at = case attempt when 2 then now() end, "
            "outcome = case attempt when 2 then 'lost' end where build_id = '{twice}'"
        ),
    ),
    "a build in work that nobody holds": (
        "active_builds_are_held",
        "update attempts set ended_at = now(), outcome = 'lost' where build_id = '{busy}'",
    ),
    "another lease": (
        "active_builds_are_held",
        "update builds set lease = 'another' where id = '{busy}'",
    ),
    "a live attempt of a build that waits": (
        "active_builds_are_held",
        (
            "update builds set status = 'pending', worker_id = null, lease = null, "
            "started_at = null where id = '{busy}'"
        ),
    ),
    "a waiting build of a worker": (
        "pending_builds_are_free",
        "update builds set worker_id = 'worker-any-0' where id = '{free}'",
    ),
    "an end without its time": (
        "ends_are_whole",
        "update builds set completed_at = null where id = '{done}'",
    ),
    "a failure without a reason": (
        "ends_are_whole",
        "update builds set error_message = null where id = '{failed}'",
    ),
    "an end that is not in the log": (
        "ends_are_whole",
        "delete from build_logs where build_id = '{done}' and message like 'Build completed%'",
    ),
    "two ends": (
        "ended_once",
        "update attempts set ended_at = now(), outcome = 'completed' where build_id = '{twice}'",
    ),
    "an end by another worker": (
        "ended_once",
        "update builds set worker_id = 'worker-any-2' where id = '{done}'",
    ),
    "an end that the build does not have": (
        "ended_once",
        "update attempts set outcome = 'failed' where build_id = '{done}'",
    ),
    "a build counted twice": (
        "counters_are_true",
        "update workers set builds_completed = builds_completed + 1 where id = 'worker-any-0'",
    ),
    "a failure counted for nobody": (
        "counters_are_true",
        "update workers set builds_failed = 0",
    ),
    "a worker at work on nothing": (
        "workers_say_what_they_do",
        "update workers set status = 'building' where id = 'worker-any-1'",
    ),
    "a busy worker that is said to be idle": (
        "workers_say_what_they_do",
        "update workers set status = 'idle' where id = 'worker-any-0'",
    ),
    "a completed build without its result": (
        "results_are_there",
        "update artifacts set state = 'late' where build_id = '{done}' and kind = 'result'",
    ),
    "two results": (
        "results_are_there",
        (
            "insert into artifacts (id, build_id, kind, state, location, size, sha256) "
            "select 'copy', build_id, kind, state, location, size, sha256 from artifacts "
            "where build_id = '{done}' and kind = 'result'"
        ),
    ),
    "a result of a build that failed": (
        "results_are_there",
        "update artifacts set build_id = '{failed}' where kind = 'result'",
    ),
    "a waiting build without its source": (
        "sources_are_there",
        "delete from artifacts where build_id = '{free}'",
    ),
    "a line of a build that was deleted": (
        "no_orphans",
        "delete from builds where id = '{free}'",
    ),
    "a build of a worker that was deleted": (
        "no_orphans",
        "delete from workers where id = 'worker-any-0'",
    ),
}


@pytest.mark.parametrize(("law", "damage"), PLANTS.values(), ids=PLANTS)
async def test_what_is_broken_is_named(
    law: str, damage: str, database: Database, database_options: ConnectOptions
) -> None:
    """Each law finds its own violation, with the row in words."""
    ids = await _some_of_everything(database)

    async def plant(link: Any) -> None:
        await link.execute(FREELY)
        async with link.transaction():
            await link.execute(OUT_OF_REACH)
            await link.execute(damage.format(**ids))

    await database.run(plant, "damage")
    broken = await _broken(database_options)
    assert law in broken
    assert any(word in broken[law].offenders[0] for word in ("build", "worker", "lease"))


async def test_of_many_offenders_ten_are_named(
    database: Database, database_options: ConnectOptions
) -> None:
    """And it is said that there are more."""
    await submit(database, 30)
    await database.execute("delete from artifacts")
    found = (await _broken(database_options))["sources_are_there"]
    assert len(found.offenders) == 10
    assert found.more
