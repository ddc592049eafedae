"""Callers that arrive together are served by one statement."""

from __future__ import annotations

from actors.domain.build import Verdict
from actors.domain.events import BuildAssigned, BuildCancelled, BuildSubmitted, ClaimRan
from actors.queue_manager.messages import Cancel, RequestWork, Settle, Submit, Unregister
from tests.actors.queue_manager.office import Office
from tests.actors.store.farm import check_invariants, grant, report, submission, submit, workers

CROWD = 20


async def test_polls_that_arrive_while_a_claim_runs_share_the_next_one(office: Office) -> None:
    """One statement for the first poll, one for all others, a build for everyone."""
    ids = await workers(office.db, CROWD)
    await submit(office.db, CROWD)
    stop = office.db.stop("claim")
    polls = [office.later(RequestWork(ids[0]))]
    await stop.reached.wait()
    polls += [office.later(RequestWork(worker_id)) for worker_id in ids[1:]]
    stop.go.set()
    jobs = [(await poll.outcome()).job for poll in polls]
    assert len({job.build_id for job in jobs if job is not None}) == CROWD
    ran = office.events.of(ClaimRan)
    assert [(claim.asked, claim.granted) for claim in ran] == [(1, 1), (CROWD - 1, CROWD - 1)]
    assert len(office.events.of(BuildAssigned)) == CROWD
    await check_invariants(office.db)


async def test_submissions_that_arrive_together_are_one_statement(office: Office) -> None:
    """Each gets its own answer, in whatever order they are read."""
    stop = office.db.stop("submit")
    submissions = [submission() for _ in range(CROWD)]
    calls = [office.later(Submit(submissions[0]))]
    await stop.reached.wait()
    calls += [office.later(Submit(one)) for one in submissions[1:]]
    stop.go.set()
    made = [await call.outcome() for call in calls]
    assert [one.id for one in made] == [one.id for one in submissions]
    assert office.db.count("submit") == 2
    assert len(office.events.of(BuildSubmitted)) == CROWD


async def test_a_key_sent_twice_at_once_is_one_build(office: Office) -> None:
    """The second of the same key waits for the statement after, and gets the first one's id."""
    stop = office.db.stop("submit")
    held = office.later(Submit(submission()))
    await stop.reached.wait()
    twins = [office.later(Submit(submission(key="the same"))) for _ in range(3)]
    stop.go.set()
    made = [await twin.outcome() for twin in twins]
    await held.outcome()
    assert len({one.id for one in made}) == 1
    assert [one.made for one in made].count(True) == 1
    assert await office.db.fetchval("select count(*) from builds") == 2
    assert office.db.count("submit") == 4


async def test_ends_that_arrive_together_are_one_statement(office: Office) -> None:
    """Every worker gets its own verdict; a second report of a build waits for the next one."""
    ids = await workers(office.db, CROWD)
    await submit(office.db, CROWD)
    jobs = [(await grant(office.db, worker_id), worker_id) for worker_id in ids]
    stop = office.db.stop("settle")
    reports = [report(job, worker_id) for job, worker_id in jobs]
    calls = [office.later(Settle(reports[0]))]
    await stop.reached.wait()
    calls += [office.later(Settle(one)) for one in reports[1:]]
    calls.append(office.later(Settle(reports[1])))
    stop.go.set()
    verdicts = [await call.outcome() for call in calls]
    assert sorted(verdicts) == [Verdict.AGAIN] + [Verdict.APPLIED] * CROWD
    assert office.db.count("settle") == 3
    await check_invariants(office.db)


async def test_different_requests_are_served_side_by_side(office: Office) -> None:
    """A cancel and a goodbye do not wait for a submission that hangs in the database."""
    (worker_id,) = await workers(office.db)
    build_id = await office.submit()
    assert (await office.ask(worker_id)).job is not None
    stop = office.db.stop("submit")
    calls = [
        office.later(Submit(submission())),
        office.later(Cancel(build_id)),
        office.later(Unregister(worker_id)),
    ]
    await stop.reached.wait()
    stop.go.set()
    for call in calls:
        await call.outcome()
    assert office.events.of(BuildCancelled) == [BuildCancelled(build_id)]
    assert await office.ref.call(Cancel(build_id)) is Verdict.FINISHED
    assert await office.ref.call(Cancel("x" * 21)) is Verdict.UNKNOWN_BUILD
    assert await office.ref.call(Unregister("nobody")) is None
    await check_invariants(office.db)
