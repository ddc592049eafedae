"""The pure judgement and the statement that decides say the same."""

from __future__ import annotations

import itertools

from actors.heartbeat_monitor.state import Held, Rules, is_lost
from actors.store import queue
from actors.store.database import Database
from tests.actors.store.farm import age, grant, sign, submit, workers

RULES = Rules(silent=120, first_sign=600)
AGES = (10.0, 119.0, 125.0, 590.0, 610.0)


async def test_the_statement_judges_as_the_function_does(database: Database) -> None:
    """Every age, with and without a sign, at work or not, after long and short listening."""
    for seconds, signed, working, listening in itertools.product(
        AGES, (False, True), (False, True), (60.0, 1000.0)
    ):
        if working and not signed:
            continue
        [build_id] = await submit(database)
        [worker_id] = await workers(database)
        job = await grant(database, worker_id)
        if signed:
            await sign(database, job, worker_id, working=working)
        await age(database, build_id, seconds=seconds)
        held = Held(granted_at=-seconds, last_sign_at=-seconds if signed else None, working=working)
        lost = await queue.lose(
            database,
            silent=RULES.silent,
            first_sign=RULES.first_sign,
            max_attempts=1,
            listening=listening,
        )
        case = (seconds, signed, working, listening)
        assert bool(lost) == is_lost(held, 0.0, RULES, listening), case
        if not lost:  # out of the way of the next case
            await queue.cancel(database, build_id, repeated=False)
