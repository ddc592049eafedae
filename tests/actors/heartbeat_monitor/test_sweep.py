"""Builds of silent workers are taken back, and nobody is punished for our own absence."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from actors.domain.events import BuildLost
from actors.heartbeat_monitor.actor import heartbeat_monitor_spec
from actors.heartbeat_monitor.state import Rules
from actors.kernel.ref import Ref
from actors.queue_manager.actor import queue_manager_spec
from actors.queue_manager.messages import QueueManager, RequestWork
from supervisors.spec import Budget
from supervisors.supervisor import supervisor
from tests.actors.store.farm import age, check_invariants, grant, sign, status, submit, workers
from tests.support.grown_actor import GrownActor
from tests.support.later import Later
from tests.support.tree import grown
from tests.support.watched_database import Events, Outlet

HASTE = Rules(silent=0.2, first_sign=0.2, max_attempts=2, sweep=0.05)
"""Short enough to wait for; a loop that stalls only makes it wait longer."""
PATIENCE = Rules(silent=60, first_sign=60, max_attempts=2, sweep=0.02)
"""A silence that no test lives through: builds are made older instead."""


class Watch:
    """The monitor and a queue manager that it can wake."""

    def __init__(self, monitor: GrownActor, queue_manager: Ref[QueueManager]) -> None:
        self.monitor = monitor
        self.queue_manager = queue_manager
        self.events = Events()


@asynccontextmanager
async def watching(outlet: Outlet, rules: Rules) -> AsyncIterator[Watch]:
    """Run both actors."""
    ref = Ref[QueueManager]("queue_manager")
    events = Events()
    children = [
        queue_manager_spec(ref, outlet.db, events, look_again=60),
        heartbeat_monitor_spec(outlet.db, rules, ref, events),
    ]
    async with grown(supervisor("root", children, budget=Budget(intensity=100))) as tree:
        watch = Watch(GrownActor(tree, "heartbeat_monitor"), ref)
        watch.events = events
        yield watch


async def test_a_silent_build_goes_back_to_who_waits(outlet: Outlet) -> None:
    """The loss is told once, and a held poll gets the build at once."""
    silent, waiting = await workers(outlet.db, 2)
    (build_id,) = await submit(outlet.db)
    await grant(outlet.db, silent)
    async with watching(outlet, HASTE) as watch, trio.open_nursery() as nursery:
        poll = Later(
            nursery, lambda: watch.queue_manager.call(RequestWork(waiting, 30), timeout=60)
        )
        job = (await poll.outcome()).job
        assert job is not None
        assert (job.build_id, job.attempt) == (build_id, 2)
        assert watch.events.of(BuildLost) == [BuildLost(build_id, silent, 1, requeued=True)]
    await check_invariants(outlet.db)


async def test_the_last_attempt_fails_the_build(outlet: Outlet) -> None:
    """A build that loses every worker ends, with the silence as its reason."""
    (worker_id,) = await workers(outlet.db)
    (build_id,) = await submit(outlet.db)
    async with watching(outlet, HASTE) as watch:
        for attempt in (1, 2):
            await grant(outlet.db, worker_id)
            lost = await watch.events.seen(BuildLost, attempt)
            assert lost == BuildLost(build_id, worker_id, attempt, requeued=attempt == 1)
    assert await status(outlet.db, build_id) == "failed"
    await check_invariants(outlet.db)


async def test_signs_of_life_keep_a_build(outlet: Outlet) -> None:
    """Of two builds, the one that gives signs stays when the other is lost."""
    first, second = await workers(outlet.db, 2)
    await submit(outlet.db, 2)
    alive, silent = await grant(outlet.db, first), await grant(outlet.db, second)
    async with watching(outlet, HASTE) as watch, trio.open_nursery() as nursery:

        async def signs() -> None:
            while True:
                await sign(outlet.db, alive, first)

        nursery.start_soon(signs)
        lost = await watch.events.seen(BuildLost)
        assert lost.build_id == silent.build_id
        nursery.cancel_scope.cancel()
    assert await status(outlet.db, alive.build_id) == "building"


async def test_a_silence_before_we_listened_proves_nothing(outlet: Outlet) -> None:
    """After a start nothing is lost until we have heard nothing for a whole silence."""
    (worker_id,) = await workers(outlet.db)
    (build_id,) = await submit(outlet.db)
    await grant(outlet.db, worker_id)
    await age(outlet.db, build_id, seconds=3600)
    async with watching(outlet, PATIENCE) as watch:
        await outlet.db.asked("lose", 5)
        assert watch.events.of(BuildLost) == []
    assert await status(outlet.db, build_id) == "assigned"


async def test_the_next_life_listens_anew(outlet: Outlet) -> None:
    """A killed monitor forgets how long it listened, and so takes nothing back too early."""
    (worker_id,) = await workers(outlet.db)
    (build_id,) = await submit(outlet.db)
    await grant(outlet.db, worker_id)
    await age(outlet.db, build_id, seconds=3600)
    async with watching(outlet, PATIENCE) as watch:
        for _ in range(3):
            stop = outlet.db.stop("lose")
            await stop.reached.wait()
            await watch.monitor.kill()
        asked = outlet.db.count("lose")
        await outlet.db.asked("lose", asked + 3)
        facts = watch.monitor.life.handle.describe()
        assert (facts["listening"], facts["lost"]) == ("0s", 0)
    assert await status(outlet.db, build_id) == "assigned"


async def test_killed_after_the_commit_nothing_is_taken_back_twice(outlet: Outlet) -> None:
    """The build is in the queue once; the next life finds nothing to do."""
    (worker_id,) = await workers(outlet.db)
    (build_id,) = await submit(outlet.db)
    await grant(outlet.db, worker_id)
    async with watching(outlet, HASTE) as watch:
        while await status(outlet.db, build_id) == "assigned":
            stop = outlet.db.stop("lose", after=True)
            await stop.reached.wait()
            if await status(outlet.db, build_id) == "assigned":
                stop.go.set()
        await watch.monitor.kill()
        asked = outlet.db.count("lose")
        await outlet.db.asked("lose", asked + 10)
    assert await status(outlet.db, build_id) == "pending"
    await check_invariants(outlet.db)


async def test_an_outage_is_nobodys_silence(
    outlet: Outlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the database is away the monitor lives, and afterwards it listens anew."""
    del monkeypatch
    (worker_id,) = await workers(outlet.db)
    (build_id,) = await submit(outlet.db)
    await grant(outlet.db, worker_id)
    async with watching(outlet, PATIENCE) as watch:
        actor = watch.monitor.life.handle
        actor._listening.since -= 3600
        await outlet.unplug()
        before = outlet.db.count("lose")
        await outlet.db.asked("lose", before + 2)
        outlet.plug_in()
        await age(outlet.db, build_id, seconds=3600)
        before = outlet.db.count("lose")
        await outlet.db.asked("lose", before + 2)
        assert watch.events.of(BuildLost) == []
        assert watch.monitor.generation == 1
        actor._listening.since -= 3600
        assert (await watch.events.seen(BuildLost)).build_id == build_id


async def test_a_stalled_loop_is_nobodys_silence(outlet: Outlet) -> None:
    """A sweep that comes far too late takes nothing back."""
    (worker_id,) = await workers(outlet.db)
    (build_id,) = await submit(outlet.db)
    await grant(outlet.db, worker_id)
    await age(outlet.db, build_id, seconds=3600)
    async with watching(outlet, PATIENCE) as watch:
        actor = watch.monitor.life.handle
        actor._listening.since -= 3600
        actor._listening.last_look -= 3600
        before = outlet.db.count("lose")
        await outlet.db.asked("lose", before + 3)
        assert watch.events.of(BuildLost) == []
