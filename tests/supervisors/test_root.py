"""The root: outside cancel, Ctrl-C and exit in any task, giving up, and what a crash looks like."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock

from supervisors.events import ChildTerminated
from supervisors.exits import KILLED, SHUTDOWN, Crash, ExitReason
from supervisors.process import Process, Runtime
from supervisors.root import run_tree
from supervisors.spec import INFINITY, Budget, ChildSpec
from supervisors.supervisor import supervisor
from tests.support.tree import Boom, Probe, grown, quiet, virtual_time


@virtual_time
async def test_outside_cancel_is_an_ordered_stop_then_the_cancel_goes_on() -> None:
    """Children stop in reverse with time to tidy up; `run_tree` does not return."""
    journal: list[str] = []
    a, b = Probe("a", journal, stop=1.0), Probe("b", journal, stop=1.0)
    inner = supervisor("inner", [b.spec()])
    returned = False
    with trio.move_on_after(10) as scope:
        await run_tree(supervisor("root", [a.spec(), inner]), Runtime())
        returned = True
    assert scope.cancelled_caught
    assert not returned
    assert journal == ["init a", "init b", "stop b", "stop a"]
    assert trio.current_time() - a.init_times[0] == pytest.approx(10 + 2)


@virtual_time
async def test_ordered_stop_has_a_total_limit() -> None:
    """Then everything that is left is killed, each child in each place."""
    journal: list[str] = []
    a, deaf = Probe("a", journal), Probe("deaf", journal, stop="deaf")
    spec = supervisor("root", [a.spec(), deaf.spec(shutdown=INFINITY)])
    async with grown(spec, stop_seconds=30.0) as tree:
        began = trio.current_time()
        await tree.stop()
        assert trio.current_time() - began == pytest.approx(30)
        assert sorted(journal[2:]) == ["kill a", "kill deaf"]
        assert tree.root.exit == KILLED


@virtual_time
async def test_second_cancel_does_not_hurry_the_stop() -> None:
    """The scope is cancelled already."""
    journal: list[str] = []
    a, slow = Probe("a", journal), Probe("slow", journal, stop=3.0)
    async with grown(supervisor("root", [a.spec(), slow.spec()])) as tree:
        tree.cancel()
        await quiet()
        tree.nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await tree.over()
    assert journal[2:] == ["stop slow", "stop a"]


@virtual_time
async def test_otp_076_root_that_gives_up_returns_its_reason() -> None:
    """Nobody is left to restart it: whoever ran the tree must end the program."""
    probe = Probe("a", [])
    async with grown(supervisor("root", [probe.spec()], budget=Budget(intensity=0))) as tree:
        probe.crash()
        assert await tree.over() == SHUTDOWN


@virtual_time
async def test_group_is_kept_whole_and_its_first_leaf_is_the_primary() -> None:
    """The report tells all of it; a line of text tells one."""
    probe = Probe("a", [])
    first, second = Boom("first"), ValueError("second")
    group = ExceptionGroup("both", [ExceptionGroup("inner", [first]), second])
    async with grown(supervisor("root", [probe.spec()])) as tree:
        probe.crash(group)
        event = await tree.reports.seen(ChildTerminated, "a")
        assert isinstance(event.reason, Crash)
        assert repr(event.reason.exception) == repr(group)
        assert event.reason.primary is first
        assert str(event.reason) == "crash: Boom: first"


@virtual_time
async def test_group_of_a_crash_and_cancels_is_a_crash_without_the_cancels() -> None:
    """Siblings cancelled by a crash in the child's own nursery are no part of its reason."""

    async def body(process: Process) -> None:
        process.started()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_stubborn)
            await trio.sleep(1)
            raise Boom

    async def _stubborn() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError

    spec = ChildSpec(id="a", start=body)
    async with grown(supervisor("root", [spec])) as tree:
        event = await tree.reports.seen(ChildTerminated, "a")
        assert isinstance(event.reason, Crash)
        assert isinstance(event.reason.exception, ExceptionGroup)
        kinds = {type(leaf) for leaf in event.reason.exception.exceptions}
        assert kinds == {Boom, ValueError}


@virtual_time
async def test_crash_while_being_killed_is_killed() -> None:
    """What was asked for decides, not what comes out of the cleanup."""

    async def body(process: Process) -> None:
        process.started()
        try:
            await trio.sleep_forever()
        finally:
            raise Boom

    async with grown(supervisor("root", [ChildSpec(id="a", start=body)])) as tree:
        (slot,) = tree.sup().slots()
        life = slot.process
        assert life is not None
        life.kill()
        assert await life.join() == KILLED


@virtual_time
async def test_timeout_inside_a_child_is_no_end_of_it() -> None:
    """A scope of the child's own is the child's own matter."""
    passed = trio.Event()

    async def body(process: Process) -> None:
        process.started()
        with trio.move_on_after(1):
            await trio.sleep_forever()
        passed.set()
        await trio.sleep_forever()

    async with grown(supervisor("root", [ChildSpec(id="a", start=body)])) as tree:
        await passed.wait()
        (slot,) = tree.sup().slots()
        assert (slot.generation, slot.state) == (1, "running")


# -- Ctrl-C and exit: sync tests, since it is `trio.run` that they come out of ---------------------


def run_with(bad: Callable[[Process], Awaitable[ExitReason | None]], journal: list[str]) -> None:
    """Run root[a, inner[bad, b], c] on virtual time; note at the end what came out."""
    a, b, c = (Probe(name, journal) for name in "abc")
    starts = 0

    async def counted(process: Process) -> ExitReason | None:
        nonlocal starts
        starts += 1
        return await bad(process)

    inner = supervisor("inner", [ChildSpec(id="bad", start=counted), b.spec()])
    spec = supervisor("root", [a.spec(), inner, c.spec()], budget=Budget(intensity=0))

    async def main() -> None:
        await run_tree(spec, Runtime())

    with pytest.raises((KeyboardInterrupt, SystemExit)) as caught:
        trio.run(main, clock=MockClock(autojump_threshold=0))
    journal.append(type(caught.value).__name__)
    assert starts == 1


STOPPED = ["init a", "init b", "init c", "stop c", "stop b", "stop a"]


def test_ctrl_c_in_a_child_stops_the_tree_in_order_and_comes_out_alone() -> None:
    """It is nobody's crash: no budget is asked, no group is raised."""
    journal: list[str] = []

    async def body(process: Process) -> None:
        process.started()
        await trio.sleep(1)
        signal.raise_signal(signal.SIGINT)

    run_with(body, journal)
    assert journal == [*STOPPED, "KeyboardInterrupt"]


def test_ctrl_c_in_a_nursery_of_a_child_is_found_in_the_group() -> None:
    """However deep it is wrapped."""
    journal: list[str] = []

    async def deeper() -> None:
        await trio.sleep(1)
        raise KeyboardInterrupt

    async def body(process: Process) -> None:
        process.started()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(deeper)
            await trio.sleep_forever()

    run_with(body, journal)
    assert journal == [*STOPPED, "KeyboardInterrupt"]


def test_ctrl_c_delivered_to_the_task_that_runs_the_tree_does_the_same() -> None:
    """Trio hands it to the main task when it hits protected code."""
    journal: list[str] = []

    @trio.lowlevel.enable_ki_protection
    def interrupt() -> None:
        signal.raise_signal(signal.SIGINT)

    async def body(process: Process) -> None:
        process.started()
        await trio.sleep(1)
        interrupt()
        await trio.sleep_forever()

    run_with(body, journal)
    assert journal == [*STOPPED, "KeyboardInterrupt"]


def test_second_ctrl_c_changes_nothing_of_the_ordered_stop() -> None:
    """It is still the first one that comes out, alone, after all children."""
    journal: list[str] = []

    @trio.lowlevel.enable_ki_protection
    def interrupt() -> None:
        signal.raise_signal(signal.SIGINT)

    async def body(process: Process) -> ExitReason:
        stop = trio.Event()
        process.on_shutdown(lambda _: stop.set())
        process.started()
        await trio.sleep(1)
        interrupt()
        await stop.wait()
        interrupt()
        await trio.sleep(1)
        journal.append("stop bad")
        return SHUTDOWN

    run_with(body, journal)
    assert journal == [*STOPPED[:-1], "stop bad", STOPPED[-1], "KeyboardInterrupt"]


def test_second_ctrl_c_leaves_the_total_limit_in_force() -> None:
    """A child that never stops is killed at it."""
    journal: list[str] = []
    deaf = Probe("deaf", journal, stop="deaf")
    spec = supervisor("root", [deaf.spec(shutdown=INFINITY)])

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_interrupt_at, 1)
            nursery.start_soon(_interrupt_at, 2)
            await run_tree(spec, Runtime(), stop_seconds=30)

    with pytest.raises(BaseExceptionGroup) as caught:
        trio.run(main, clock=MockClock(autojump_threshold=0))
    assert caught.group_contains(KeyboardInterrupt)
    assert journal == ["init deaf", "kill deaf"]


@trio.lowlevel.enable_ki_protection
async def _interrupt_at(seconds: float) -> None:
    with trio.CancelScope(shield=True):
        await trio.sleep(seconds)
        signal.raise_signal(signal.SIGINT)


def test_exit_in_a_child_stops_the_tree_in_order() -> None:
    """SystemExit is for the program, not for the supervisor."""
    journal: list[str] = []

    async def body(process: Process) -> None:
        process.started()
        await trio.sleep(1)
        raise SystemExit(3)

    run_with(body, journal)
    assert journal == [*STOPPED, "SystemExit"]


def test_ctrl_c_during_the_boot_rolls_back_in_order() -> None:
    """What was up stops gracefully, what was not is never started."""
    journal: list[str] = []

    async def body(process: Process) -> None:
        del process
        await trio.sleep(1)
        raise KeyboardInterrupt

    run_with(body, journal)
    assert journal == ["init a", "stop a", "KeyboardInterrupt"]


@virtual_time
async def test_ctrl_c_in_the_init_of_a_restart_is_not_tried_again() -> None:
    """The next thing that happens is the ordered stop."""
    journal: list[str] = []
    lives = 0

    async def body(process: Process) -> None:
        nonlocal lives
        lives += 1
        if lives > 1:
            raise KeyboardInterrupt
        process.started()
        await trio.lowlevel.checkpoint()
        raise Boom

    specs = [Probe("a", journal).spec(), ChildSpec(id="brings", start=body)]
    with pytest.raises(KeyboardInterrupt):
        await run_tree(supervisor("root", specs, budget=Budget(intensity=1000)), Runtime())
    assert lives == 2
    assert journal == ["init a", "stop a"]
