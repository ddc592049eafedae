"""How a tree comes up, and what a start that fails leaves behind."""

from __future__ import annotations

import pytest
import trio

from supervisors.errors import NoProcError, StartError, SupervisorError
from supervisors.events import ChildStarted, ChildStartFailed, RestartBudgetSpent
from supervisors.exits import NORMAL, SHUTDOWN, Crash, ExitReason
from supervisors.process import Process
from supervisors.spec import Budget, ChildSpec, Restart, Strategy
from supervisors.supervisor import supervisor
from tests.support.tree import Boom, Probe, crash_of, grown, quiet, virtual_time


async def start_of(spec: ChildSpec) -> StartError:
    """Run a tree that cannot start; return its error."""
    with pytest.raises(BaseExceptionGroup) as caught:
        async with grown(spec):
            pytest.fail("it started")
    error = caught.value
    while isinstance(error, BaseExceptionGroup):
        (error,) = error.exceptions
    assert isinstance(error, StartError)
    return error


@virtual_time
async def test_otp_015_016_children_start_in_order_each_after_the_init_of_the_one_before() -> None:
    """A slow init delays all later ones."""
    journal: list[str] = []
    slow, last = Probe("slow", journal, 3.0), Probe("last", journal)
    async with grown(supervisor("root", [slow.spec(), last.spec()])):
        assert journal == ["init slow", "init last"]
        assert last.init_times[0] - slow.init_times[0] == pytest.approx(3)


@virtual_time
async def test_otp_017_nested_tree_starts_depth_first_and_stops_in_exact_reverse() -> None:
    """A whole subtree is up before the next sibling starts."""
    journal: list[str] = []
    probes = {name: Probe(name, journal) for name in "abcdefg"}
    deep = supervisor("deep", [probes["c"].spec(), probes["d"].spec()])
    left = supervisor("left", [probes["b"].spec(), deep, probes["e"].spec()])
    right = supervisor("right", [probes["f"].spec()])
    async with grown(
        supervisor("root", [probes["a"].spec(), left, right, probes["g"].spec()])
    ) as tree:
        assert journal == [f"init {name}" for name in "abcdefg"]
        journal.clear()
        await tree.stop()
        assert journal == [f"stop {name}" for name in "gfedcba"]


@virtual_time
async def test_otp_030_every_start_is_reported_first_and_repeated() -> None:
    """One event a start, with the generation; none for a child that declined."""
    probe, declined = Probe("a", []), Probe("declined", [], "ignore")
    async with grown(supervisor("root", [probe.spec(), declined.spec()])) as tree:
        probe.crash()
        await quiet()
        starts = [(event.path, event.generation) for event in tree.reports.of(ChildStarted)]
        assert starts == [("a", 1), ("a", 2)]


@pytest.mark.parametrize(("how", "crashed"), [("fail", True), ("leave", False)])
@virtual_time
async def test_otp_018_019_020_failed_start_at_boot_rolls_back_in_reverse_and_names_the_child(
    how: str, *, crashed: bool
) -> None:
    """Nothing later is started, nothing is tried again; leaving without a start is a failure."""
    journal: list[str] = []
    a, b, c = Probe("a", journal), Probe("b", journal), Probe("c", journal, always=how)
    d = Probe("d", journal)
    error = await start_of(supervisor("root", [probe.spec() for probe in (a, b, c, d)]))
    assert error.path == "c"
    assert isinstance(error.reason, Crash) is crashed
    assert crashed or error.reason == NORMAL
    assert journal == ["init a", "init b", "init c", "stop b", "stop a"]
    assert not a.life.is_alive
    assert not b.life.is_alive


@virtual_time
async def test_failed_start_deep_in_the_tree_names_the_whole_path() -> None:
    """The error tells the leaf and its own reason, not the supervisors in between."""
    journal: list[str] = []
    a, bad = Probe("a", journal), Probe("bad", journal, always="fail")
    inner = supervisor("inner", [supervisor("deeper", [bad.spec()])])
    error = await start_of(supervisor("root", [a.spec(), inner]))
    assert error.path == "inner/deeper/bad"
    assert isinstance(crash_of(error.reason), Boom)
    assert "inner/deeper/bad failed to start" in str(error)
    assert journal == ["init a", "init bad", "stop a"]


@virtual_time
async def test_otp_022_023_child_that_declines_stays_idle_and_a_temporary_one_is_forgotten() -> (
    None
):
    """Ignore is no error at boot, and the child can be started later."""
    keeps, goes = Probe("keeps", [], "ignore"), Probe("goes", [], "ignore")
    specs = [keeps.spec(), goes.spec(restart=Restart.TEMPORARY)]
    async with grown(supervisor("root", specs)) as tree:
        assert [(slot.spec.id, slot.state) for slot in tree.sup().slots()] == [("keeps", "idle")]
        process = await tree.sup().restart_child("keeps")
        assert process is keeps.life


@virtual_time
async def test_otp_056_063_failed_restart_is_tried_again_and_each_try_spends_budget() -> None:
    """Intensity 3: boot and three tries, then the supervisor gives up."""
    probe = Probe("a", [], "ok", always="fail")
    spec = supervisor("root", [probe.spec()], budget=Budget(intensity=3))
    async with grown(spec) as tree:
        began = trio.current_time()
        probe.crash()
        assert await tree.over() == SHUTDOWN
        assert probe.starts == 1 + 3
        assert trio.current_time() == began  # no delay between tries
        assert len(tree.reports.of(ChildStartFailed, "a")) == 3
        assert all(event.during_restart for event in tree.reports.of(ChildStartFailed))
        assert len(tree.reports.of(RestartBudgetSpent, "")) == 1


@virtual_time
async def test_failed_restart_that_succeeds_at_the_second_try_goes_on() -> None:
    """The child is up again, and keeps why it was started."""
    probe = Probe("a", [], "ok", "fail", "ok")
    spec = supervisor("root", [probe.spec()], budget=Budget(intensity=2))
    async with grown(spec) as tree:
        probe.crash()
        await quiet()
        (slot,) = tree.sup().slots()
        assert (slot.state, slot.generation, slot.restarts) == ("running", 3, 1)
        assert [entry.why for entry in slot.history] == ["it start failed (crash: Boom: a)"]


@virtual_time
async def test_otp_055_057_endless_restart_loop_leaves_the_supervisor_reachable() -> None:
    """Requests and the stop are served between two tries."""
    probe, other = Probe("a", [], "ok", always="fail"), Probe("other", [])
    flags = Budget(intensity=10**9)
    async with grown(supervisor("root", [probe.spec()], budget=flags)) as tree:
        probe.crash()
        await tree.reports.seen(ChildStartFailed, "a", count=5)
        assert await tree.sup().start_child(other.spec()) is other.life
        await tree.stop()
        assert tree.root.exit == SHUTDOWN


@virtual_time
async def test_otp_062_terminate_child_calls_off_a_pending_restart() -> None:
    """The queued try is a no-op then."""
    probe = Probe("a", [], "ok", always="fail")
    flags = Budget(intensity=10**9)
    async with grown(supervisor("root", [probe.spec()], budget=flags)) as tree:
        probe.crash()
        await tree.reports.seen(ChildStartFailed, "a")
        await tree.sup().terminate_child("a")
        tries = probe.starts
        await quiet()
        assert probe.starts == tries
        assert tree.sup().slots()[0].state == "idle"


@virtual_time
async def test_stop_during_the_boot_cuts_the_init_short_and_rolls_back_in_order() -> None:
    """A hanging init does not hold up the stop, and what is up already stops gracefully."""
    journal: list[str] = []
    a, b = Probe("a", journal), Probe("b", journal, always="hang")
    c = Probe("c", journal)
    inner = supervisor("inner", [b.spec(), c.spec()])
    with trio.move_on_after(7) as scope:
        async with grown(supervisor("root", [a.spec(), inner])):
            pytest.fail("it started")
    assert scope.cancelled_caught
    assert journal == ["init a", "init b", "kill b", "stop a"]
    assert trio.current_time() - a.init_times[0] == pytest.approx(7)


@pytest.mark.parametrize("above", [False, True])
@virtual_time
async def test_otp_121_child_that_asks_its_own_supervisor_in_init_is_refused(
    *, above: bool
) -> None:
    """Both would wait for ever; the request raises instead."""
    refused: list[Exception] = []
    other = Probe("other", [])

    async def body(process: Process) -> ExitReason | None:
        try:
            await tree.sup().start_child(other.spec())
        except SupervisorError as error:
            refused.append(error)
        process.started()
        await trio.sleep_forever()
        return None

    asker = ChildSpec(id="asker", start=body)
    async with grown(supervisor("root", [])) as tree:
        await tree.sup().start_child(supervisor("inner", [asker]) if above else asker)
        assert len(refused) == 1
        assert other.starts == 0


@virtual_time
async def test_supervisor_is_killed_while_a_child_hangs_in_init() -> None:
    """The kill reaches the child that is not up yet, and whoever asked for it is told."""
    journal: list[str] = []
    hanging = Probe("hanging", journal, always="hang")
    inner = supervisor("inner", [], restart=Restart.TEMPORARY)
    async with grown(supervisor("root", [inner], strategy=Strategy.ONE_FOR_ONE)) as tree:
        living = tree.sup("inner")
        told = trio.Event()

        async def ask() -> None:
            with pytest.raises(NoProcError):
                await living.start_child(hanging.spec())
            told.set()

        tree.nursery.start_soon(ask)
        await quiet()
        living.process.kill()
        await told.wait()
        await quiet()
        assert journal == ["init hanging", "kill hanging"]
