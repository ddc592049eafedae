"""Important builds stand further ahead, and nobody waits for ever."""

from __future__ import annotations

from dataclasses import replace

from actors.domain.ids import new_id
from actors.store import queue
from actors.store.database import Database
from tests.actors.store.farm import submission, workers


async def _submitted(database: Database, priority: int, minutes_ago: float = 0) -> str:
    """Submit a build as it would have been some minutes ago; returns its id."""
    one = replace(submission(), priority=priority)
    await queue.submit(database, [one])
    await database.execute(
        "update builds set submitted_at = submitted_at - make_interval(secs => $2),"
        " ranked_at = ranked_at - make_interval(secs => $2) where id = $1",
        one.id,
        minutes_ago * 60.0,
    )
    return one.id


async def _order(database: Database, count: int) -> list[str]:
    """Return the builds in the order in which workers get them, one by one."""
    given: list[str] = []
    for worker_id in await workers(database, count):
        [answer] = (await queue.claim(database, [(worker_id, new_id())])).values()
        assert answer.job is not None
        given.append(answer.job.build_id)
    return given


async def test_a_higher_priority_goes_first(database: Database) -> None:
    """Of builds that came together the important one is given first, the unimportant one last."""
    low, plain, high = [await _submitted(database, priority) for priority in (-1, 0, 1)]
    assert await _order(database, 3) == [high, plain, low]


async def test_the_same_priority_keeps_the_order_of_submission(database: Database) -> None:
    """Priority changes nothing between equals."""
    builds = [await _submitted(database, 3) for _ in range(4)]
    assert await _order(database, 4) == builds


async def test_age_beats_priority_in_the_end(database: Database) -> None:
    """A step is worth ten minutes of waiting, so that the lowest class waits bounded time."""
    waiting = await _submitted(database, -9, minutes_ago=181)
    fresh = await _submitted(database, 9)
    assert await _order(database, 2) == [waiting, fresh]


async def test_one_statement_ranks_all_of_a_batch(database: Database) -> None:
    """Many waiting workers get the most important builds, in their order of arrival."""
    ids = {priority: await _submitted(database, priority) for priority in (0, 5, -5, 9)}
    asking = [(worker_id, new_id()) for worker_id in await workers(database, 3)]
    answers = await queue.claim(database, asking)
    given = [answers[worker_id].job for worker_id, _ in asking]
    assert [job.build_id for job in given if job] == [ids[9], ids[5], ids[0]]
