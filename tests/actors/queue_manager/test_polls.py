"""Polls that wait: what wakes them, what ends them, who gets no build."""

from __future__ import annotations

import pytest

from actors.domain.events import ClaimRan
from actors.queue_manager.actor import NO_WORK
from actors.queue_manager.messages import RequestWork, StopGranting, Unregister, WorkMayWait
from tests.actors.queue_manager.office import HOLD, Office
from tests.actors.store.farm import status, submit, workers


async def test_without_work_a_poll_that_does_not_wait_is_answered_at_once(office: Office) -> None:
    """No build, no hold: no work."""
    (worker_id,) = await workers(office.db)
    assert await office.ask(worker_id) == NO_WORK
    assert office.db.count("claim") == 1


async def test_an_unknown_worker_is_not_held(office: Office) -> None:
    """It is told at once, however long it wanted to wait."""
    assert not (await office.ask("stranger", HOLD)).known


async def test_a_submission_wakes_a_held_poll(office: Office) -> None:
    """The build goes to the worker that waited, without another request of it."""
    (worker_id,) = await workers(office.db)
    poll = office.later(RequestWork(worker_id, HOLD))
    await office.events.seen(ClaimRan)
    assert not poll.is_over
    build_id = await office.submit()
    job = (await poll.outcome()).job
    assert job is not None
    assert job.build_id == build_id


async def test_held_polls_share_what_comes_in_order_of_arrival(office: Office) -> None:
    """Who waited longest gets the first build; the other goes on waiting."""
    first, second = await workers(office.db, 2)
    polls = [office.later(RequestWork(first, HOLD))]
    await office.events.seen(ClaimRan)
    polls.append(office.later(RequestWork(second, HOLD)))
    await office.events.seen(ClaimRan, 2)
    await office.submit()
    assert (await polls[0].outcome()).job is not None
    await office.events.seen(ClaimRan, 3)
    assert not polls[1].is_over
    await office.submit()
    assert (await polls[1].outcome()).job is not None


@pytest.mark.parametrize("look_again", [0.02])
async def test_builds_of_other_controllers_are_found(office: Office) -> None:
    """A build that came through another connection reaches a held poll within a look."""
    (worker_id,) = await workers(office.db)
    poll = office.later(RequestWork(worker_id, HOLD))
    await office.events.seen(ClaimRan)
    (build_id,) = await submit(office.db)
    job = (await poll.outcome()).job
    assert job is not None
    assert job.build_id == build_id


async def test_a_hint_is_enough_to_look(office: Office) -> None:
    """`WorkMayWait` serves the polls that are held."""
    (worker_id,) = await workers(office.db)
    poll = office.later(RequestWork(worker_id, HOLD))
    await office.events.seen(ClaimRan)
    await submit(office.db)
    office.ref.cast(WorkMayWait())
    assert (await poll.outcome()).job is not None


async def test_a_goodbye_gives_the_build_to_who_waits(office: Office) -> None:
    """What goes back to the queue is offered to held polls."""
    leaving, waiting = await workers(office.db, 2)
    build_id = await office.submit()
    assert (await office.ask(leaving)).job is not None
    poll = office.later(RequestWork(waiting, HOLD))
    await office.events.seen(ClaimRan, 2)
    assert await office.ref.call(Unregister(leaving)) == 1
    job = (await poll.outcome()).job
    assert job is not None
    assert (job.build_id, job.attempt) == (build_id, 2)


async def test_at_the_end_of_the_hold_there_is_no_work(office: Office) -> None:
    """A held poll is answered when its time is over, without another statement."""
    (worker_id,) = await workers(office.db)
    assert await office.ask(worker_id, 0.05) == NO_WORK
    assert office.db.count("claim") == 1


async def test_a_worker_that_asks_twice_is_answered_twice_with_one_build(office: Office) -> None:
    """Both requests of one worker get the same job, and the worker holds one build."""
    (worker_id,) = await workers(office.db)
    polls = [office.later(RequestWork(worker_id, HOLD))]
    await office.events.seen(ClaimRan)
    polls.append(office.later(RequestWork(worker_id, HOLD)))
    await office.events.seen(ClaimRan, 2)
    await office.submit()
    first, second = [await poll.outcome() for poll in polls]
    assert first == second
    assert first.job is not None


async def test_a_worker_is_given_the_build_it_holds(office: Office) -> None:
    """A poll whose answer was lost is answered with the same grant."""
    (worker_id,) = await workers(office.db)
    await office.submit()
    await office.submit()
    first, second = (await office.ask(worker_id)).job, (await office.ask(worker_id)).job
    assert first is not None
    assert second is not None
    assert (first.build_id, first.lease, first.attempt) == (
        second.build_id,
        second.lease,
        second.attempt,
    )
    assert (first.fresh, second.fresh) == (True, False)


async def test_who_left_gets_no_build(office: Office) -> None:
    """The client of a held poll went away: the next build stays in the queue."""
    (worker_id,) = await workers(office.db)
    poll = office.later(RequestWork(worker_id, HOLD))
    await office.events.seen(ClaimRan)
    await poll.leave()
    build_id = await office.submit()
    assert await office.ask("stranger") != NO_WORK
    assert await status(office.db, build_id) == "pending"
    assert len(office.events.of(ClaimRan)) == 2


async def test_who_left_in_the_middle_of_the_claim_finds_the_build_later(office: Office) -> None:
    """The grant stands, and is what the worker's next poll is told."""
    (worker_id,) = await workers(office.db)
    build_id = await office.submit()
    stop = office.db.stop("claim", after=True)
    poll = office.later(RequestWork(worker_id, HOLD))
    await stop.reached.wait()
    await poll.leave()
    stop.go.set()
    job = (await office.ask(worker_id)).job
    assert job is not None
    assert (job.build_id, job.attempt, job.fresh) == (build_id, 1, False)


async def test_draining_lets_held_polls_go_and_grants_nothing_more(office: Office) -> None:
    """After `StopGranting` everyone hears that there is no work; the rest is still served."""
    (worker_id,) = await workers(office.db)
    poll = office.later(RequestWork(worker_id, HOLD))
    await office.events.seen(ClaimRan)
    await office.ref.call(StopGranting())
    assert await poll.outcome() == NO_WORK
    build_id = await office.submit()
    assert await office.ask(worker_id, HOLD) == NO_WORK
    assert await status(office.db, build_id) == "pending"


async def test_the_picture_tells_who_waits(office: Office) -> None:
    """Operators see how many workers are held."""
    (worker_id,) = await workers(office.db)
    office.later(RequestWork(worker_id, HOLD))
    await office.events.seen(ClaimRan)
    assert office.actor.life.handle.describe()["waiting_workers"] == 1
