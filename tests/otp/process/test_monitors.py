"""Monitors: one notice each, in order, and nothing left behind."""

from __future__ import annotations

import pytest
import trio

from actors.kernel.handle import Named
from actors.kernel.messages import Down
from actors.kernel.plain import Plain
from actors.kernel.start import start_monitor
from supervisors.errors import NotFoundError
from supervisors.exits import KILLED, NOPROC, NORMAL, Failed
from tests.support.script import Scripted, body_of, world
from tests.support.tree import quiet, virtual_time


async def asleep(_plain: Plain) -> None:
    """Never look into the mailbox."""
    await trio.sleep_forever()


@virtual_time
async def test_otp_197_a_monitor_gives_one_notice_and_ties_nobody() -> None:
    """With the exit reason; the end of the watcher does nothing to the watched."""
    async with world() as w:
        watcher, watched = await w.actor("watcher"), await w.actor("watched")
        monitor = body_of(watcher).monitor(watched)
        other = body_of(watched).monitor(watcher)
        watched.process.signal(Failed("boom"), None)
        watched.process.kill()
        await quiet()
        assert body_of(watcher).infos == [Down(monitor, KILLED)]
        assert watcher.process.is_alive
        assert other.process is watcher.process


@virtual_time
async def test_otp_198_monitors_add_up() -> None:
    """Two give two notices, which can be told apart."""
    async with world() as w:
        watcher, watched = await w.actor("watcher"), await w.actor("watched")
        monitors = [body_of(watcher).monitor(watched) for _ in range(2)]
        await watched.stop()
        await quiet()
        assert body_of(watcher).infos == [Down(one, NORMAL) for one in monitors]


@virtual_time
async def test_otp_199_monitoring_nobody_gives_noproc_at_once() -> None:
    """One that has ended, and a name that nobody has."""
    async with world() as w:
        watcher, dead = await w.actor("watcher"), await w.actor("dead")
        await dead.stop()
        body = body_of(watcher)
        monitors = [body.monitor(dead), body.monitor(Named(w.runtime, "nobody"))]
        await quiet()
        assert body.infos == [Down(one, NOPROC) for one in monitors]


@virtual_time
@pytest.mark.parametrize("flush", [True, False])
async def test_otp_200_demonitor_with_flush_drops_a_notice_that_waits(*, flush: bool) -> None:
    """Without flush it is still seen."""
    async with world() as w:
        watched = await w.actor("watched")
        watcher = await w.plain("watcher", asleep)
        monitor = watcher.monitor(watched)
        watched.process.kill()
        await watched.process.join()
        watcher.demonitor(monitor, flush=flush)
        seen = [one for one in watcher.mailbox.waiting(10) if isinstance(one, Down)]
        assert seen == ([] if flush else [Down(monitor, KILLED)])


@virtual_time
async def test_otp_201_the_notice_comes_after_all_the_dead_process_sent() -> None:
    """One, two, three, down."""
    async with world() as w:
        watcher, sender = await w.actor("watcher"), await w.actor("sender")
        body_of(watcher).monitor(sender)
        for number in "123":
            watcher.info(number)
        sender.process.kill()
        await quiet()
        assert w.journal == ["init", "init", "1", "2", "3", "Down"]


@virtual_time
async def test_otp_202_on_the_notice_the_name_is_free() -> None:
    """A thousand times, also when there are many names."""
    async with world() as w:
        taken: list[bool] = []
        watcher = await w.plain("watcher")
        for number in range(1000):
            holder = await w.plain(f"holder {number}")
            holder.register("name")

            def take(_ended: object) -> None:
                taken.append(w.runtime.names.whereis("name") is None)
                watcher.register("name")

            holder.process.watch("test", take)
            holder.process.kill()
            await holder.process.join()
            watcher.unregister("name")
        assert taken == [True] * 1000
        with pytest.raises(NotFoundError):
            watcher.unregister("name")


@virtual_time
async def test_otp_205_nothing_is_left_on_either_side() -> None:
    """When watched or watcher ends, for ten thousand rounds."""
    async with world() as w:
        stays = await w.plain("stays")
        for round_ in range(10_000):
            other = await w.plain("other")
            if round_ % 2:
                stays.monitor(other.process)
            else:
                other.monitor(stays.process)
            stays.link(other.process)
            stays.unlink(other.process)
            other.process.kill()
            await other.process.join()
            stays.mailbox.drop(lambda _: True)
        assert (stays.process.watched, len(stays.process.links), len(stays._monitors)) == (0, 0, 0)
        assert list(w.runtime.processes) == [stays.process]


@virtual_time
async def test_otp_146_a_start_may_be_linked_free_or_watched() -> None:
    """Who started it goes with it, does not, or is told."""
    async with world() as w:
        starter = await w.plain("starter")
        linked, free = await w.linked(starter.process, "linked"), await w.actor("free")
        started = await start_monitor(starter, "watched", lambda: Scripted(w.journal))
        assert started is not None
        watched, monitor = started
        assert list(starter.process.links) == [linked.process]
        watched.process.kill()
        await watched.process.join()
        assert free.process.parent is None
        starter.process.signal(Failed("boom"))
        await quiet()
        assert (linked.process.exit, free.process.exit) == (Failed("boom"), None)
        assert monitor.process is watched.process
