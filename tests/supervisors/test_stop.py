"""How children are stopped: order, limits, kill, zombies, and what is reported."""

from __future__ import annotations

import math

import pytest
import trio

from supervisors.events import ChildShutdownFailed, ZombieFound
from supervisors.exits import KILLED, NORMAL, SHUTDOWN, Crash, ExitReason, Shutdown
from supervisors.process import Process
from supervisors.snapshot import find
from supervisors.spec import BRUTAL_KILL, INFINITY, ChildSpec, Restart, Stop
from supervisors.supervisor import supervisor
from tests.support.tree import Boom, Probe, grown, quiet, virtual_time


@virtual_time
async def test_otp_077_078_stops_go_one_at_a_time_last_started_first() -> None:
    """The worst-case time is the sum."""
    journal: list[str] = []
    probes = [Probe(name, journal, stop=2.0) for name in "abc"]
    async with grown(supervisor("root", [probe.spec() for probe in probes])) as tree:
        began = trio.current_time()
        journal.clear()
        await tree.stop()
        assert trio.current_time() - began == pytest.approx(6)
        assert journal == ["stop c", "stop b", "stop a"]


@virtual_time
@pytest.mark.parametrize("limit", [0.0, 0.5, None])
async def test_otp_079_deaf_child_is_killed_at_its_limit_and_reported(limit: float | None) -> None:
    """The kill cannot be refused; left out, the limit is five seconds."""
    journal: list[str] = []
    first, deaf = Probe("first", journal), Probe("deaf", journal, stop="deaf")
    spec = supervisor("root", [first.spec(), deaf.spec(shutdown=limit)])
    async with grown(spec) as tree:
        began = trio.current_time()
        journal.clear()
        await tree.stop()
        expected = 5.0 if limit is None else limit
        assert trio.current_time() - began == pytest.approx(expected)
        assert journal == ["kill deaf", "stop first"]
        assert deaf.life.exit == KILLED
        assert tree.reports.of(ChildShutdownFailed) == [ChildShutdownFailed("deaf", KILLED)]


@virtual_time
async def test_otp_081_brutal_kill_sends_no_stop_and_is_no_failure() -> None:
    """The child ends at once, without its own tidying up."""
    journal: list[str] = []
    probe = Probe("a", journal, stop=3.0)
    async with grown(supervisor("root", [probe.spec(shutdown=BRUTAL_KILL)])) as tree:
        began = trio.current_time()
        await tree.stop()
        assert journal == ["init a", "kill a"]
        assert trio.current_time() == began
        assert probe.life.exit == KILLED
        assert not tree.reports.of(ChildShutdownFailed)


@virtual_time
async def test_otp_082_infinity_waits_as_long_as_it_takes() -> None:
    """An hour, here; it is the default of a child that is a supervisor."""
    slow = Probe("slow", [], stop=3600.0)
    inner = supervisor("inner", [slow.spec(shutdown=INFINITY)])
    async with grown(supervisor("root", [inner]), stop_seconds=math.inf) as tree:
        began = trio.current_time()
        await tree.stop()
        assert trio.current_time() - began == pytest.approx(3600)
        assert slow.life.exit == SHUTDOWN


@virtual_time
async def test_supervisor_killed_at_its_limit_takes_the_child_it_is_stopping_along() -> None:
    """A finite limit on a supervisor tears its subtree, but leaves nobody behind."""
    journal: list[str] = []
    first = Probe("first", journal)
    deaf = Probe("deaf", journal, stop="deaf")
    inner = supervisor("inner", [first.spec(), deaf.spec(shutdown=INFINITY)], shutdown=2.0)
    async with grown(supervisor("root", [inner])) as tree:
        began = trio.current_time()
        await tree.stop()
        assert trio.current_time() - began == pytest.approx(2)
        await quiet()
        assert sorted(journal[2:]) == ["kill deaf", "stop first"]
        assert tree.reports.of(ChildShutdownFailed) == [ChildShutdownFailed("inner", KILLED)]


@virtual_time
async def test_otp_092_children_of_a_killed_supervisor_hear_of_it_and_nobody_waits_for_them() -> (
    None
):
    """Who traps its parent's end tidies up beside its successor, the others end at once."""
    journal: list[str] = []
    slow, other = Probe("slow", journal, stop=3.0), Probe("other", journal)
    deep = supervisor("deep", [slow.spec()])
    inner = supervisor("inner", [deep, other.spec()])
    async with grown(supervisor("root", [inner])) as tree:
        process = find(tree.root, "inner")
        assert process is not None
        old = [slow.life, other.life]
        journal.clear()
        process.kill()
        assert await process.join() == KILLED
        await quiet()
        assert set(journal) == {"stop other", "init slow", "init other"}
        assert [life.is_alive for life in old] == [True, False]
        assert await old[0].join() == SHUTDOWN  # of its own supervisor, which had time
        assert journal[-1] == "stop slow"


@virtual_time
async def test_child_that_no_kill_ends_is_reported_as_a_zombie() -> None:
    """After the second limit the others are stopped; the tree ends when the zombie does."""
    journal: list[str] = []
    first, stuck = Probe("first", journal), Probe("stuck", journal, stop="stuck")
    async with grown(supervisor("root", [first.spec(), stuck.spec(shutdown=1.0)])) as tree:
        tree.cancel()
        began = trio.current_time()
        zombie = await tree.reports.seen(ZombieFound, "stuck")
        assert zombie.seconds == 5.0
        assert trio.current_time() - began == pytest.approx(6)
        await quiet()
        assert journal[2:] == ["stop first"]
        assert stuck.life.is_alive
        assert tree.reports.of(ChildShutdownFailed) == [ChildShutdownFailed("stuck", KILLED)]
        stuck.unstick()
        await tree.over()


@virtual_time
async def test_otp_087_failing_stop_of_one_child_does_not_spare_the_others() -> None:
    """The crash is reported; the order goes on."""
    journal: list[str] = []
    probes = [Probe("a", journal), Probe("b", journal, stop="fail"), Probe("c", journal)]
    async with grown(supervisor("root", [probe.spec() for probe in probes])) as tree:
        journal.clear()
        await tree.stop()
        assert journal == ["stop c", "stop b", "stop a"]
        (failed,) = tree.reports.of(ChildShutdownFailed)
        assert failed.path == "b"
        assert isinstance(failed.reason, Crash)


@virtual_time
async def test_otp_085_088_crash_in_the_tick_of_the_stop_is_reported_and_not_restarted() -> None:
    """The true reason is picked up."""
    probe = Probe("a", [])
    async with grown(supervisor("root", [probe.spec()])) as tree:
        tree.root.shutdown()
        probe.crash()
        await tree.over()
        assert probe.starts == 1
        (failed,) = tree.reports.of(ChildShutdownFailed)
        assert isinstance(failed.reason, Crash)


TEMPORARY, PERMANENT = Restart.TEMPORARY, Restart.PERMANENT


@virtual_time
@pytest.mark.parametrize(
    ("restart", "shutdown", "reason", "reported"),
    [
        (PERMANENT, 5.0, SHUTDOWN, False),
        (PERMANENT, 5.0, NORMAL, True),
        (PERMANENT, 5.0, Shutdown("x"), True),
        (PERMANENT, 5.0, Crash(Boom()), True),
        (PERMANENT, BRUTAL_KILL, SHUTDOWN, True),
        (TEMPORARY, 5.0, NORMAL, False),
        (TEMPORARY, 5.0, Shutdown("x"), False),
        (TEMPORARY, 5.0, Crash(Boom()), True),
        (TEMPORARY, BRUTAL_KILL, SHUTDOWN, False),
    ],
)
async def test_otp_086_unexpected_end_while_stopping_is_reported(
    restart: Restart, shutdown: float | Stop, reason: ExitReason, *, reported: bool
) -> None:
    """Expected is shutdown, or killed under brutal_kill; a child that need not run may end well."""
    tell = trio.Event()

    async def body(process: Process) -> ExitReason:
        process.on_shutdown(lambda _: tell.set())
        process.started()
        await tell.wait()
        if isinstance(reason, Crash):
            raise reason.exception
        return reason

    spec = ChildSpec(id="a", start=body, restart=restart, shutdown=shutdown)
    async with grown(supervisor("root", [spec])) as tree:
        process = find(tree.root, "a")
        assert process is not None
        if shutdown is BRUTAL_KILL:
            (slot,) = tree.sup().slots()
            tell.set()  # it has ended by itself when the kill would come
            await process.join()
            slot.process = process
            await tree.sup().stop_one(slot)
        else:
            await tree.sup().terminate_child("a")
        assert process.exit == reason
        assert len(tree.reports.of(ChildShutdownFailed)) == reported


@virtual_time
async def test_otp_090_idle_and_restarting_children_cost_no_time() -> None:
    """There is nothing to wait for."""
    done = Probe("done", [], stop="deaf")
    never = Probe("never", [], "ignore", stop="deaf")
    async with grown(
        supervisor("root", [done.spec(restart=Restart.TRANSIENT), never.spec()])
    ) as tree:
        done.leave()
        await quiet()
        began = trio.current_time()
        await tree.stop()
        assert trio.current_time() == began
