"""The dynamic supervisor: children on demand, and the door to whichever generation is alive."""

from __future__ import annotations

import pytest
import trio

from supervisors.dynamic import Door, DynamicSupervisor, dynamic_supervisor
from supervisors.errors import MaxChildrenError, NoProcError, NotFoundError, StartError
from supervisors.events import ChildrenShutdownFailed, ChildStartFailed, RestartBudgetSpent
from supervisors.exits import KILLED, SHUTDOWN
from supervisors.snapshot import find
from supervisors.spec import INFINITY, Budget, ChildSpec, Restart
from supervisors.supervisor import supervisor
from tests.support.tree import Probe, grown, quiet, virtual_time


def pool(**options: object) -> ChildSpec:
    """Return a root with one dynamic supervisor "pool"."""
    return supervisor("root", [dynamic_supervisor("pool", **options)])


@virtual_time
async def test_otp_123_124_nothing_at_boot_then_children_of_any_kind() -> None:
    """Ids need not differ: children are found by their process."""
    one, two = Probe("same", []), Probe("same", [])
    async with grown(pool()) as tree:
        dyn = tree.dyn("pool")
        assert dyn.slots() == []
        assert await dyn.start_child(one.spec()) is one.life
        assert await dyn.start_child(two.spec(restart=Restart.TEMPORARY)) is two.life
        assert len(dyn.slots()) == 2


@virtual_time
async def test_otp_125_max_children_refuses_and_a_restarting_child_holds_its_place() -> None:
    """The refusal comes at once; the place is free when the child is gone."""
    a, b, c = Probe("a", []), Probe("b", [], "ok", always="fail"), Probe("c", [])
    async with grown(pool(max_children=2, budget=Budget(intensity=10**9))) as tree:
        dyn = tree.dyn("pool")
        await dyn.start_child(a.spec())
        held = await dyn.start_child(b.spec())
        assert held is not None
        with pytest.raises(MaxChildrenError):
            await dyn.start_child(c.spec())
        b.crash()
        await tree.reports.seen(ChildStartFailed, "pool/b")
        with pytest.raises(MaxChildrenError):
            await dyn.start_child(c.spec())
        await dyn.terminate_child(held)  # calls the pending restart off
        tries = b.starts
        assert await dyn.start_child(c.spec()) is c.life
        await quiet()
        assert b.starts == tries


@virtual_time
async def test_otp_127_terminate_child_stops_and_forgets_by_process() -> None:
    """An old or foreign process is not found."""
    probe = Probe("a", [])
    async with grown(pool()) as tree:
        dyn = tree.dyn("pool")
        old = await dyn.start_child(probe.spec())
        assert old is not None
        probe.crash()
        await quiet()
        with pytest.raises(NotFoundError):
            await dyn.terminate_child(old)
        await dyn.terminate_child(probe.life)
        assert probe.life.exit == SHUTDOWN
        assert not dyn.slots()
        with pytest.raises(NotFoundError):
            await dyn.terminate_child(probe.life)


@virtual_time
async def test_otp_126_child_that_declines_or_fails_leaves_no_entry() -> None:
    """Declined gives None, failed raises with the path; neither costs budget."""
    declined, bad = Probe("declined", [], "ignore"), Probe("bad", [], always="fail")
    async with grown(pool(budget=Budget(intensity=0))) as tree:
        dyn = tree.dyn("pool")
        assert await dyn.start_child(declined.spec()) is None
        with pytest.raises(StartError) as caught:
            await dyn.start_child(bad.spec())
        assert caught.value.path == "pool/bad"
        assert not dyn.slots()
        await quiet()
        assert find(tree.root, "pool") is not None


@virtual_time
async def test_otp_061_child_that_declines_its_restart_is_forgotten() -> None:
    """There are no idle entries here."""
    probe = Probe("a", [], "ok", "ignore")
    async with grown(pool()) as tree:
        await tree.dyn("pool").start_child(probe.spec())
        probe.crash()
        await quiet()
        assert not tree.dyn("pool").slots()


@virtual_time
async def test_otp_131_132_stop_is_parallel_each_child_within_its_own_limit() -> None:
    """Limits of 1 s and 3 s kill at 1 s and 3 s; who needs 4 s and may, gets them."""
    deaf1 = Probe("deaf1", [], stop="deaf")
    deaf3 = Probe("deaf3", [], stop="deaf")
    slow = Probe("slow", [], stop=4.0)
    ends: dict[str, float] = {}
    async with grown(pool()) as tree:
        dyn = tree.dyn("pool")
        for probe, limit in ((deaf1, 1.0), (deaf3, 3.0), (slow, INFINITY)):
            process = await dyn.start_child(probe.spec(shutdown=limit))
            assert process is not None
            process.on_exit(lambda ended: ends.update({ended.path: trio.current_time()}))
        began = trio.current_time()
        await tree.stop()
        after = [round(ends[f"pool/{name}"] - began, 6) for name in ("deaf1", "deaf3", "slow")]
        assert after == [1.0, 3.0, 4.0]
        failed = tree.reports.of(ChildrenShutdownFailed)
        assert failed == [ChildrenShutdownFailed("pool", KILLED, 2)]


@virtual_time
async def test_temporary_children_are_forgotten_and_cost_no_budget() -> None:
    """A hundred crashes at intensity 0."""
    probe = Probe("a", [])
    async with grown(pool(budget=Budget(intensity=0))) as tree:
        dyn = tree.dyn("pool")
        for _ in range(100):
            await dyn.start_child(probe.spec(restart=Restart.TEMPORARY))
            probe.crash()
            await quiet()
            assert not dyn.slots()
        assert tree.dyn("pool") is dyn


@virtual_time
async def test_otp_133_budget_is_shared_and_giving_up_stops_all_children() -> None:
    """The fourth crash of a pool with the budget three ends it, whoever crashed."""
    probes = [Probe(name, []) for name in "abcd"]
    async with grown(pool(budget=Budget(intensity=3))) as tree:
        dyn = tree.dyn("pool")
        for probe in probes:
            await dyn.start_child(probe.spec())
        for probe in probes:
            probe.crash()
            await quiet()
        assert len(tree.reports.of(RestartBudgetSpent, "pool")) == 1
        assert not any(probe.life.is_alive for probe in probes)
        assert tree.dyn("pool") is not dyn


@virtual_time
async def test_otp_130_failed_restart_is_tried_again_within_the_budget() -> None:
    """As in a static supervisor."""
    probe = Probe("a", [], "ok", always="fail")
    async with grown(pool(budget=Budget(intensity=3))) as tree:
        await tree.dyn("pool").start_child(probe.spec())
        probe.crash()
        await quiet()
        assert probe.starts == 1 + 3
        assert len(tree.reports.of(RestartBudgetSpent, "pool")) == 1


@virtual_time
async def test_otp_136_door_leads_to_the_living_generation_without_its_old_children() -> None:
    """Closed while there is none; a restarted supervisor begins empty."""
    door = Door()
    a, b = Probe("a", []), Probe("b", [])
    with pytest.raises(NoProcError):
        await door.start_child(a.spec())
    async with grown(pool(door=door)) as tree:
        assert await door.start_child(a.spec()) is a.life
        assert door.count() == 1
        process = find(tree.root, "pool")
        assert process is not None
        process.kill()
        await process.join()
        await quiet()
        assert (a.life.exit, door.count()) == (KILLED, 0)
        assert await door.start_child(b.spec()) is b.life
        assert door.current is tree.dyn("pool")
        await tree.stop()
    with pytest.raises(NoProcError):
        await door.start_child(a.spec())
    assert door.count() == 0


@virtual_time
async def test_late_end_of_one_generation_does_not_shut_the_door_of_the_next() -> None:
    """A door taken over stays with the successor."""
    door = Door()
    pools = [dynamic_supervisor(name, door=door) for name in ("old", "new")]
    async with grown(supervisor("root", pools)) as tree:
        await tree.sup().terminate_child("old")
        assert door.current is tree.dyn("new")


@virtual_time
async def test_kill_reaches_a_child_that_hangs_in_init() -> None:
    """It is in no slot yet, but nobody is left behind."""
    journal: list[str] = []
    hanging = Probe("hanging", journal, always="hang")
    async with grown(pool()) as tree:
        process = find(tree.root, "pool")
        assert process is not None
        assert isinstance(process.handle, DynamicSupervisor)
        dyn = process.handle

        async def ask() -> None:
            with pytest.raises(NoProcError):
                await dyn.start_child(hanging.spec())

        tree.nursery.start_soon(ask)
        await quiet()
        process.kill()
        await process.join()
        await quiet()
        assert journal == ["init hanging", "kill hanging"]
