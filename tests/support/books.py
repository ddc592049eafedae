"""The books of a farm: what must be true of its rows and files at any quiet moment."""

from __future__ import annotations

from tests.support.farm import Farm

_BOOKS = """
select (select count(*) from builds where status = 'completed') as completed,
    (select count(*) from builds where status = 'failed'
        and error_message <> 'Build cancelled by user') as failed,
    (select coalesce(sum(builds_completed), 0) from workers) as counted,
    (select coalesce(sum(builds_failed), 0) from workers) as counted_failed,
    (select count(*) from artifacts where kind = 'result' and state = 'current') as results,
    (select count(*) from build_logs where message = 'Build completed successfully') as lines,
    (select count(*) from attempts t join builds b on b.id = t.build_id
        where t.ended_at is null and b.status not in ('assigned', 'building')) as open,
    (select count(*) from workers w where (w.status = 'building') <> exists (
        select from builds b where b.worker_id = w.id
            and b.status in ('assigned', 'building')) and w.status <> 'offline') as confused
"""


async def books_balance(farm: Farm, *, strays: bool = False) -> None:
    """Every finished build was counted once, ended once, and has the one result that is served.

    With `strays` there may be files without a row: their request died before its commit, and
    the janitor takes them.
    """
    row = await farm.parts.db.fetchrow(_BOOKS)
    assert row is not None
    assert row["completed"] == row["counted"] == row["results"] == row["lines"]
    assert row["failed"] == row["counted_failed"]
    assert (row["open"], row["confused"]) == (0, 0)
    stored = await farm.parts.db.fetch("select location from artifacts")
    owned, there = {row["location"] for row in stored}, set(farm.files())
    assert owned <= there if strays else owned == there
