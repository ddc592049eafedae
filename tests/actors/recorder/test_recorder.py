"""Lines are committed before they are acknowledged; sightings are gathered."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio

from actors.domain.errors import InterruptedJobError, UnavailableError
from actors.kernel.errors import CallExitError
from actors.kernel.ref import Ref
from actors.recorder import actor as module
from actors.recorder.actor import recorder_spec
from actors.recorder.messages import Heard, Record, Recorder, Sample, Seen, Sign
from actors.store.queue import Job
from tests.actors.store.farm import grant, messages, status, submit, workers
from tests.support.grown_actor import GrownActor, grown_actor
from tests.support.later import Later
from tests.support.watched_database import Outlet

WORKER = "worker-any-0"


class Desk:
    """A recorder, and a build in the hands of `WORKER`."""

    def __init__(self, outlet: Outlet, ref: Ref[Recorder], job: Job) -> None:
        self.db = outlet.db
        self.ref = ref
        self.job = job
        self.actor: GrownActor

    def record(self, *texts: str, sample: bool = False, sign: bool = False) -> Record:
        """Describe lines of the build."""
        build_id = self.job.build_id
        return Record(
            build_id=build_id,
            lines=tuple(("info", text) for text in texts),
            sample=Sample(build_id=build_id, cpu_percent=50, memory_mb=100) if sample else None,
            sign=self.sign(working=True) if sign else None,
        )

    def sign(self, *, working: bool) -> Sign:
        """Describe a sign of life of the build."""
        return Sign(build_id=self.job.build_id, worker_id=WORKER, working=working)

    async def lines(self) -> list[str]:
        """Return what the recorder wrote."""
        ours = ("Build submitted", f"Assigned to worker {WORKER}")
        return [text for text in await messages(self.db, self.job.build_id) if text not in ours]

    async def signed(self) -> bool:
        """Whether a sign of life of the build was written."""
        sql = "select last_sign_at is not null from attempts where build_id = $1"
        return await self.db.fetchval(sql, self.job.build_id)


@pytest.fixture
async def desk(outlet: Outlet) -> AsyncIterator[Desk]:
    """Run a recorder for one test."""
    await workers(outlet.db)
    await submit(outlet.db)
    desk = Desk(outlet, Ref[Recorder]("recorder"), await grant(outlet.db, WORKER))
    async with grown_actor(recorder_spec(desk.ref, outlet.db)) as desk.actor:
        yield desk


async def test_an_acknowledged_line_is_committed(desk: Desk) -> None:
    """Whoever has the answer finds the lines, the sample and the sign."""
    await desk.ref.call(desk.record("one", "two", sample=True, sign=True))
    assert await desk.lines() == ["one", "two"]
    assert await desk.db.fetchval("select count(*) from cpu_samples") == 1
    assert await desk.signed()
    assert await status(desk.db, desk.job.build_id) == "building"


async def test_what_arrives_together_is_one_statement_in_order(desk: Desk) -> None:
    """Lines of a crowd are written at once, each caller's in its order."""
    async with trio.open_nursery() as nursery:
        stop = desk.db.stop("append_logs")
        calls = [Later(nursery, lambda: desk.ref.call(desk.record("first")))]
        await stop.reached.wait()
        for number in range(20):
            texts = (f"{number} a", f"{number} b")
            calls.append(Later(nursery, lambda texts=texts: desk.ref.call(desk.record(*texts))))
        stop.go.set()
        for call in calls:
            await call.outcome()
    assert desk.db.count("append_logs") == 2
    lines = await desk.lines()
    assert lines[0] == "first"
    assert len(lines) == 41
    for number in range(20):
        assert lines.index(f"{number} a") + 1 == lines.index(f"{number} b")


async def test_lines_of_unknown_builds_harm_nobody(desk: Desk) -> None:
    """A build that does not exist drops its own lines only."""
    stranger = Record(build_id="x" * 21, lines=(("info", "nobody"),))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.ref.call, stranger)
        nursery.start_soon(desk.ref.call, desk.record("somebody"))
    assert await desk.lines() == ["somebody"]


async def test_sightings_are_written_once_an_interval(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many signs become one statement; nobody waits for it."""
    monkeypatch.setattr(module, "WRITE_SECONDS", 0.05)
    for _ in range(50):
        assert desk.ref.cast(Heard(desk.sign(working=False)))
        assert desk.ref.cast(Seen(WORKER))
    await desk.db.asked("seen", 1)
    assert desk.db.count("signs_of_life") == 1
    while not await desk.signed():
        await trio.lowlevel.checkpoint()
    assert await status(desk.db, desk.job.build_id) == "assigned"


async def test_of_two_signs_the_one_at_work_counts(desk: Desk) -> None:
    """A poll in the same interval does not hide that the build is running."""
    desk.ref.cast(Heard(desk.sign(working=True)))
    desk.ref.cast(Heard(desk.sign(working=False)))
    await desk.actor.tree.stop()
    assert await status(desk.db, desk.job.build_id) == "building"


async def test_an_ordered_stop_writes_what_is_left(desk: Desk) -> None:
    """Sightings are on record before the actor ends, and gathered lines are acknowledged."""
    desk.ref.cast(Seen(WORKER))
    async with trio.open_nursery() as nursery:
        desk.ref.cast(Heard(desk.sign(working=False)))
        call = Later(nursery, lambda: desk.ref.call(desk.record("last")))
        mailbox = desk.actor.life.handle.mailbox
        while len(mailbox) + len(desk.actor.life.handle._records) == 0:
            await trio.lowlevel.checkpoint()
        await desk.actor.tree.stop()
        await call.outcome()
    assert await desk.lines() == ["last"]
    assert await desk.signed()
    assert desk.db.count("seen") == 1


@pytest.mark.parametrize("after", [False, True], ids=["before", "after the commit"])
async def test_killed_the_callers_learn_of_it(desk: Desk, after: bool) -> None:
    """No line is acknowledged that is not there; asked again, it is."""
    async with trio.open_nursery() as nursery:
        stop = desk.db.stop("append_logs", after=after)
        once = Later(nursery, lambda: desk.ref.call(desk.record("once")))
        await stop.reached.wait()
        again = Later(nursery, lambda: desk.ref.call_again(desk.record("again")))
        while not desk.actor.life.handle.mailbox:
            await trio.lowlevel.checkpoint()
        await desk.actor.kill()
        with pytest.raises(CallExitError):
            await once.outcome()
        await again.outcome()
    assert await desk.lines() == (["once", "again"] if after else ["again"])


async def test_a_cut_connection_repeats_only_what_it_cut(desk: Desk) -> None:
    """Lines that are committed are not written again because the sample was interrupted."""
    desk.db.fail("append_samples", InterruptedJobError("cut"))
    desk.db.fail("signs_of_life", InterruptedJobError("cut"))
    await desk.ref.call(desk.record("one", sample=True, sign=True))
    assert await desk.lines() == ["one"]
    assert desk.actor.generation == 1


async def test_an_outage_refuses_callers_and_leaves_the_actor_alive(
    desk: Desk, outlet: Outlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Callers are told; sightings of that time are lost; afterwards all goes on."""
    monkeypatch.setattr(module, "WRITE_SECONDS", 0.01)
    await outlet.unplug()
    desk.ref.cast(Seen(WORKER))
    await desk.db.asked("seen", 1)
    with pytest.raises(UnavailableError):
        await desk.ref.call(desk.record("lost"))
    outlet.plug_in()
    await desk.ref.call(desk.record("kept"))
    assert await desk.lines() == ["kept"]
    assert desk.actor.generation == 1


async def test_the_picture_tells_what_is_not_written(desk: Desk) -> None:
    """Operators see what a kill would cost."""
    desk.ref.cast(Heard(desk.sign(working=True)))
    actor = desk.actor.life.handle
    while not actor.handled:
        await trio.lowlevel.checkpoint()
    assert actor.describe()["unwritten"] == 2
