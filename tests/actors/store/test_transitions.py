"""The table of steps in the domain, held against the statements that carry them out."""

from __future__ import annotations

import itertools

import pytest

from actors.domain.build import ACTIVE, FINISHED, TRANSITIONS, Status, Step
from actors.store import queue
from actors.store.database import Database
from actors.store.queue import Job
from tests.actors.store.farm import (
    age,
    ask,
    check_invariants,
    grant,
    lose,
    report,
    sign,
    status,
    submit,
    workers,
)


async def bring_to(db: Database, wanted: Status, name: str) -> Job:
    """Make a build in a state, by the ordinary way; the worker has had it once."""
    await submit(db)
    job = await grant(db, name)
    if wanted is Status.PENDING:
        await age(db, job.build_id, seconds=1000)
        await lose(db)
    elif wanted is Status.BUILDING:
        await sign(db, job, name)
    elif wanted in FINISHED:
        await queue.settle(db, [report(job, name, success=wanted is Status.COMPLETED)])
    assert await status(db, job.build_id) == wanted
    return job


async def take(db: Database, step: Step, job: Job, name: str) -> None:
    """Try a step, legal or not."""
    match step:
        case Step.CLAIM:
            await ask(db, name)
        case Step.SIGN_OF_LIFE:
            await sign(db, job, name)
        case Step.COMPLETE:
            await queue.settle(db, [report(job, name)])
        case Step.FAIL:
            await queue.settle(db, [report(job, name, success=False)])
        case Step.CANCEL:
            await queue.cancel(db, job.build_id, repeated=False)
        case Step.LOSE | Step.GIVE_UP:
            await age(db, job.build_id, seconds=1000)
            await lose(db, max_attempts=1 if step is Step.GIVE_UP else 9)


@pytest.mark.parametrize(("state", "step"), list(itertools.product(Status, Step)))
async def test_every_step_from_every_state_is_as_the_table_says(
    state: Status, step: Step, database: Database
) -> None:
    """A step in the table leads where it says; one that is not there changes nothing."""
    [name] = await workers(database)
    job = await bring_to(database, state, name)
    await take(database, step, job, name)
    assert await status(database, job.build_id) == TRANSITIONS.get((state, step), state)
    await check_invariants(database)


def test_no_step_leaves_a_finished_state() -> None:
    """Finished is final; every active state can be ended and lost."""
    assert not [pair for pair in TRANSITIONS if pair[0] in FINISHED]
    ends = {Step.COMPLETE, Step.FAIL, Step.CANCEL, Step.LOSE, Step.GIVE_UP}
    assert all((state, step) in TRANSITIONS for state in ACTIVE for step in ends)
