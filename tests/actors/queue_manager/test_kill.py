"""The actor may die at any await: callers learn of it, ask again, and nothing is doubled."""

from __future__ import annotations

import pytest
import trio

from actors.domain.build import Verdict
from actors.domain.errors import InterruptedJobError, UnavailableError
from actors.kernel.errors import CallExitError
from actors.queue_manager.actor import NO_WORK
from actors.queue_manager.messages import Cancel, RequestWork, Settle, Submit, Unregister
from supervisors.events import ChildTerminated
from supervisors.exits import KILLED
from tests.actors.queue_manager.office import HOLD, Office
from tests.actors.store.farm import (
    check_invariants,
    grant,
    messages,
    report,
    status,
    submission,
    workers,
)
from tests.support.later import Later

DURING = pytest.mark.parametrize("after", [False, True], ids=["before", "after the commit"])


async def killed_at(office: Office, statement: str, message: object, *, after: bool) -> Later:
    """Call, and kill the actor while the statement is on its way."""
    stop = office.db.stop(statement, after=after)
    repetition = Cancel(message.build_id, repeated=True) if isinstance(message, Cancel) else None
    call = office.later(message, repetition)
    await stop.reached.wait()
    await office.actor.kill()
    return call


@DURING
async def test_a_submission_survives_a_kill(office: Office, after: bool) -> None:
    """One build, with its files and its first line once."""
    wanted = submission(certs=True)
    call = await killed_at(office, "submit", Submit(wanted), after=after)
    assert (await call.outcome()).id == wanted.id
    assert await office.db.fetchval("select count(*) from builds") == 1
    assert await office.db.fetchval("select count(*) from artifacts") == 2
    assert await messages(office.db, wanted.id) == ["Build submitted"]


@DURING
async def test_a_poll_survives_a_kill(office: Office, after: bool) -> None:
    """One grant, one attempt."""
    (worker_id,) = await workers(office.db)
    build_id = await office.submit()
    call = await killed_at(office, "claim", RequestWork(worker_id, HOLD), after=after)
    job = (await call.outcome()).job
    assert job is not None
    assert (job.build_id, job.attempt, job.fresh) == (build_id, 1, not after)
    await check_invariants(office.db)


@DURING
async def test_an_end_survives_a_kill(office: Office, after: bool) -> None:
    """Settled once, counted once, the result recorded once."""
    (worker_id,) = await workers(office.db)
    await office.submit()
    job = await grant(office.db, worker_id)
    call = await killed_at(office, "settle", Settle(report(job, worker_id)), after=after)
    assert await call.outcome() is (Verdict.AGAIN if after else Verdict.APPLIED)
    assert await status(office.db, job.build_id) == "completed"
    assert await office.db.fetchval("select count(*) from artifacts where kind = 'result'") == 1
    await check_invariants(office.db)


@DURING
async def test_a_cancel_survives_a_kill(office: Office, after: bool) -> None:
    """The user who cancelled is not told that somebody else was faster."""
    build_id = await office.submit()
    call = await killed_at(office, "cancel", Cancel(build_id), after=after)
    assert await call.outcome() is (Verdict.AGAIN if after else Verdict.APPLIED)
    assert (await messages(office.db, build_id)).count("Build cancelled") == 1


@DURING
async def test_a_goodbye_survives_a_kill(office: Office, after: bool) -> None:
    """The build went back to the queue once."""
    (worker_id,) = await workers(office.db)
    build_id = await office.submit()
    assert (await office.ask(worker_id)).job is not None
    call = await killed_at(office, "unregister", Unregister(worker_id), after=after)
    assert await call.outcome() == (0 if after else 1)
    assert await status(office.db, build_id) == "pending"
    await check_invariants(office.db)


async def test_who_asks_once_learns_of_the_kill(office: Office) -> None:
    """Held polls and requests that gather get the exit, none waits for its timeout."""
    ids = await workers(office.db, 3)
    stop = office.db.stop("claim")
    calls: list[Later] = [office.once(RequestWork(ids[0], HOLD))]
    await stop.reached.wait()
    calls += [office.once(RequestWork(worker_id, HOLD)) for worker_id in ids[1:]]
    calls.append(office.once(Submit(submission())))
    while len(office.actor.life.handle.mailbox) < len(ids):
        await trio.lowlevel.checkpoint()
    await office.actor.kill()
    for call in calls:
        with pytest.raises(CallExitError) as caught:
            await call.outcome()
        assert caught.value.reason == KILLED
    assert await office.ask(ids[0]) == NO_WORK


async def test_a_cut_connection_is_repeated_inside(office: Office) -> None:
    """Interrupted after its commit, each statement is run again and recognises itself."""
    (worker_id,) = await workers(office.db)
    for name in ("submit", "claim", "settle", "cancel", "unregister"):
        office.db.fail(name, InterruptedJobError("cut"))
    build_id, other = await office.submit(), await office.submit()
    job = (await office.ask(worker_id)).job
    assert job is not None
    assert await office.ref.call(Settle(report(job, worker_id))) is Verdict.AGAIN
    assert await office.ref.call(Cancel(other)) is Verdict.AGAIN
    assert await office.ref.call(Unregister(worker_id)) == 0
    assert await status(office.db, build_id) == "completed"
    assert await office.db.fetchval("select count(*) from builds") == 2
    assert office.actor.generation == 1
    await check_invariants(office.db)


async def test_an_outage_refuses_callers_and_leaves_the_actor_alive(office: Office) -> None:
    """Everyone is told that the database is away; when it is back, all goes on."""
    (worker_id,) = await workers(office.db)
    build_id = await office.submit()
    job = await grant(office.db, worker_id)
    await office.outlet.unplug()
    for message in (
        RequestWork(worker_id, HOLD),
        Submit(submission()),
        Settle(report(job, worker_id)),
        Cancel(build_id),
        Unregister(worker_id),
    ):
        with pytest.raises(UnavailableError):
            await office.ref.call(message)
    office.outlet.plug_in()
    assert await office.ref.call(Settle(report(job, worker_id))) is Verdict.APPLIED
    assert office.actor.generation == 1
    assert not office.actor.tree.reports.of(ChildTerminated)


async def test_a_bug_in_a_statement_is_a_crash_and_everyone_learns(office: Office) -> None:
    """What is no outage is not waited out: the actor dies, the next one serves."""
    office.db.fail("submit", ZeroDivisionError("a bug"))
    call = office.once(Submit(submission()))
    with pytest.raises(CallExitError):
        await call.outcome()
    await office.actor.lives(2)
    assert await office.submit()
