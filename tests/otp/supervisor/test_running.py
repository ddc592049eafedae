"""A supervisor as a process among others: names, links, strangers, its parent, its lists."""

from __future__ import annotations

import gc
import weakref

import pytest
import trio

from supervisors import system
from supervisors.census import Count
from supervisors.dynamic import dynamic_supervisor
from supervisors.errors import NotFoundError, StartError
from supervisors.events import (
    ChildStarted,
    ChildStartFailed,
    RestartBudgetSpent,
    UnexpectedMessage,
    ZombieFound,
)
from supervisors.exits import KILLED, SHUTDOWN, AlreadyStarted, Crash, Failed, Shutdown
from supervisors.limits import torn
from supervisors.process import Process
from supervisors.spec import INFINITY, Budget, ChildSpec, Restart, Strategy, Zombie
from supervisors.supervisor import supervisor
from supervisors.template import TemplateSupervisor, template_supervisor
from tests.support.actors import Say, Stage
from tests.support.lines import lines_run
from tests.support.script import world
from tests.support.tree import Boom, Probe, find, grown, quiet, virtual_time


@virtual_time
async def test_otp_025_a_name_that_is_held_fails_the_start_with_its_holder() -> None:
    """Two actors behind one ref: the second one is refused, later as at boot."""
    stage = Stage()
    twin = Stage()
    twin.ref = stage.ref
    async with grown(stage.spec()) as tree:
        (holder,) = tree.sup().slots()
        spec = ChildSpec(id="twin", start=twin.actor().start)
        with pytest.raises(StartError) as caught:
            await tree.sup().start_child(spec)
        assert caught.value.reason == AlreadyStarted(holder.process)
        assert stage.ref.is_alive


@virtual_time
async def test_otp_027_028_strangers_do_not_matter_to_a_supervisor() -> None:
    """Ends of linked processes that are no children, signals and junk: dropped; junk reported."""
    probe = Probe("a", [])
    async with world() as w, grown(supervisor("root", [probe.spec()])) as tree:
        stranger = await w.plain("stranger")
        stranger.link(tree.root)
        stranger.process.signal(Crash(Boom()))
        tree.root.signal(Failed("go away"), None)
        tree.sup().send("junk")
        await quiet()
        assert tree.root.is_alive
        assert probe.starts == 1
        assert tree.reports.of(UnexpectedMessage) == [UnexpectedMessage("", "'junk'")]
        probe.crash()
        await quiet()
        assert probe.starts == 2
        assert not tree.reports.of(RestartBudgetSpent)


@virtual_time
async def test_otp_029_the_end_of_its_parent_ends_a_supervisor_in_order() -> None:
    """With the parent's reason."""
    journal: list[str] = []
    spec = supervisor("sup", [Probe("a", journal).spec(), Probe("b", journal).spec()])
    async with world() as w:
        parent = await w.plain("parent")
        process = Process("sup", w.runtime, parent=parent.process)
        parent.process.link(process)
        w.runtime.home().start_soon(process.run, spec.start)
        await process.up()
        parent.process.signal(Failed("lost"))
        assert await process.join() == Failed("lost")
        assert journal == ["init a", "init b", "stop b", "stop a"]


@virtual_time
async def test_otp_024_extra_information_of_a_start_is_handed_on() -> None:
    """By start_child and restart_child."""

    async def body(process: Process) -> None:
        process.extra = f"port {process.generation}"
        process.started()
        await trio.sleep_forever()

    async with grown(supervisor("root", [])) as tree:
        process = await tree.sup().start_child(ChildSpec(id="a", start=body))
        assert process is not None
        assert process.extra == "port 1"
        await tree.sup().terminate_child("a")
        process = await tree.sup().restart_child("a")
        assert process is not None
        assert process.extra == "port 2"


@virtual_time
async def test_otp_054_060_a_child_that_cannot_restart_is_restarting_and_those_behind_idle() -> (
    None
):
    """Called off, they stay idle."""
    a = Probe("a", [])
    b = Probe("b", [], "ok", always="fail")
    c = Probe("c", [])
    specs = [probe.spec() for probe in (a, b, c)]
    root = supervisor("root", specs, strategy=Strategy.ONE_FOR_ALL, budget=Budget(intensity=10**6))
    async with grown(root) as tree:
        a.crash()
        while b.starts < 3:
            await trio.lowlevel.checkpoint()
        states = {child.id: child.state for child in await tree.sup().which_children()}
        assert states == {"a": "running", "b": "restarting", "c": "idle"}
        await tree.sup().terminate_child("b")
        await quiet()
        states = {child.id: child.state for child in await tree.sup().which_children()}
        assert states == {"a": "running", "b": "idle", "c": "idle"}


@virtual_time
async def test_otp_075_a_restarted_supervisor_begins_with_an_empty_window() -> None:
    """It survives as much again."""
    probe = Probe("a", [])
    inner = supervisor("inner", [probe.spec()], budget=Budget(intensity=1))
    async with grown(supervisor("root", [inner])) as tree:
        for _ in range(3):
            probe.crash()
            await quiet()
        assert find(tree.root, "inner").generation == 2
        assert probe.starts == 4


@virtual_time
async def test_otp_080_a_limit_of_zero_asks_and_kills() -> None:
    """It never waits; a child that is quick may still end as asked."""
    deaf = Probe("deaf", [], stop="deaf")
    async with grown(supervisor("root", [deaf.spec(shutdown=0)])) as tree:
        began = trio.current_time()
        await tree.sup().terminate_child("deaf")
        assert trio.current_time() == began
        assert deaf.life.exit == KILLED


@virtual_time
async def test_otp_084_a_child_that_cut_its_link_is_stopped_all_the_same() -> None:
    """Its own end, though, is not noticed: it is listed as dead until somebody stops it."""
    stays, leaves = Probe("stays", []), Probe("leaves", [])
    async with grown(supervisor("root", [stays.spec(), leaves.spec()])) as tree:
        for probe in (stays, leaves):
            probe.life.unlink(tree.root)
        leaves.crash()
        await quiet()
        assert leaves.starts == 1
        assert [child.state for child in await tree.sup().which_children()] == ["running", "dead"]
        await tree.sup().terminate_child("leaves")
        await tree.sup().terminate_child("stays")
        assert stays.life.exit == SHUTDOWN


@virtual_time
async def test_otp_089_a_stopped_supervisor_ends_with_the_reason_after_its_subtree() -> None:
    """Whoever asked for the stop waits until then."""
    slow = Probe("slow", [], stop=3.0)
    inner = supervisor("inner", [slow.spec()], restart=Restart.TEMPORARY)
    async with grown(supervisor("root", [inner])) as tree:
        process = find(tree.root, "inner")
        assert process is not None
        began = trio.current_time()
        await system.stop(process, Shutdown("maintenance"))
        assert trio.current_time() - began == pytest.approx(3)
        assert process.exit == Shutdown("maintenance")
        assert slow.life.exit == SHUTDOWN


@virtual_time
async def test_otp_091_a_limit_below_what_the_children_may_take_is_found() -> None:
    """Times add up in a static supervisor, and run side by side in a dynamic one."""
    children = [Probe(name, []).spec(shutdown=2.0) for name in "abc"]
    tight = supervisor("tight", children, shutdown=5.0)
    wide = supervisor("wide", children, shutdown=6.0)
    pool = dynamic_supervisor("pool", shutdown=5.0)
    outer = supervisor("outer", [tight, wide, pool])
    async with grown(supervisor("root", [outer])) as tree:
        for child in children:
            await tree.dyn("outer/pool").start_child(child)
        assert list(torn(tree.root)) == ["outer/tight"]


@virtual_time
async def test_otp_116_117_118_children_are_listed_counted_and_shown() -> None:
    """In each state; a spec as it was given, normalised."""
    runs, idle = Probe("runs", []), Probe("idle", [], "ignore")
    inner = supervisor("inner", [])
    async with grown(supervisor("root", [runs.spec(), idle.spec(), inner])) as tree:
        sup = tree.sup()
        listed = await sup.which_children()
        assert [(one.id, one.state, one.kind.value) for one in listed] == [
            ("runs", "running", "actor"),
            ("idle", "idle", "actor"),
            ("inner", "running", "supervisor"),
        ]
        assert listed[0].process is runs.life
        assert await sup.count_children() == Count(specs=3, active=2, supervisors=1, workers=2)
        spec = await sup.get_child_spec("inner")
        assert (spec.restart, spec.stop_limit) == (Restart.PERMANENT, INFINITY)
        with pytest.raises(NotFoundError):
            await sup.get_child_spec("nobody")


@virtual_time
async def test_otp_128_135_a_dynamic_supervisor_knows_no_ids_and_a_template_takes_arguments() -> (
    None
):
    """There is nothing to restart or delete by hand."""
    made: list[tuple[object, ...]] = []

    def template(*arguments: object) -> ChildSpec:
        made.append(arguments)
        return Probe(str(arguments[-1]), []).spec()

    pool = template_supervisor("pool", lambda *more: template("fixed", *more))
    async with grown(supervisor("root", [pool])) as tree:
        dyn = tree.dyn("pool")
        assert isinstance(dyn, TemplateSupervisor)
        assert not hasattr(dyn, "restart_child")
        assert not hasattr(dyn, "delete_child")
        process = await dyn.start_from_template("x")
        assert made == [("fixed", "x")]
        assert process is not None
        await dyn.terminate_child(process)
        await dyn.terminate_child(process)  # one that has ended already is no error here


@virtual_time
async def test_otp_134_children_cost_the_same_however_many_there_are() -> None:
    """Starting and stopping one among 1,000 takes the steps of one among 50."""

    async def cost(children: int) -> float:
        async with grown(supervisor("root", [dynamic_supervisor("pool")])) as tree:
            dyn = tree.dyn("pool")
            for _ in range(children):
                await dyn.start_child(ChildSpec(id="x", start=_alive))
            with lines_run() as lines:
                process = await dyn.start_child(ChildSpec(id="x", start=_alive))
                assert process is not None
                await dyn.terminate_child(process)
            return lines.count

    few = await cost(50)
    assert 0 < await cost(1000) < 1.2 * few


async def _alive(process: Process) -> None:
    process.started()
    await trio.sleep_forever()


@virtual_time
async def test_otp_014_what_a_gone_temporary_child_was_made_of_is_not_kept() -> None:
    """Its spec dies with it."""

    class Argument:
        pass

    async with grown(supervisor("root", [dynamic_supervisor("pool")])) as tree:
        argument = Argument()
        kept = weakref.ref(argument)

        async def body(process: Process, given: Argument = argument) -> None:
            del given
            process.started()

        await tree.dyn("pool").start_child(ChildSpec(id="a", start=body, restart=Restart.TEMPORARY))
        await quiet()
        await tree.dyn("pool").count_children()  # another request takes the place of the last
        del argument, body
        gc.collect()
        assert kept() is None


@virtual_time
@pytest.mark.parametrize("policy", list(Zombie))
async def test_a_child_is_not_started_beside_its_zombie_unless_it_may(policy: Zombie) -> None:
    """Deviation D-01: it waits for the zombie, or the supervisor gives up, or it may."""
    a, stuck = Probe("a", []), Probe("stuck", [], stop="stuck")
    specs = [a.spec(), stuck.spec(shutdown=1.0, zombie=policy)]
    flags = Budget(intensity=10, period=100)
    inner = supervisor(
        "inner", specs, strategy=Strategy.ONE_FOR_ALL, budget=flags, restart=Restart.TEMPORARY
    )
    async with grown(supervisor("root", [inner])) as tree:
        a.crash()
        await tree.reports.seen(ZombieFound)
        await quiet()
        assert stuck.starts == (2 if policy is Zombie.START else 1)
        assert (find(tree.root, "inner") is None) is (policy is Zombie.GIVE_UP)
        if policy is Zombie.WAIT:
            states = [child.state for child in await tree.sup("inner").which_children()]
            assert states == ["running", "restarting"]
        stuck.unstick()
        await quiet()
        assert stuck.starts == (1 if policy is Zombie.GIVE_UP else 2)


@virtual_time
async def test_a_new_generation_waits_for_an_orphan_that_still_holds_its_ref() -> None:
    """Deviation: in OTP its start would fail, again and again, until the budget is spent."""
    stage = Stage()
    stage.terminates.append(2.0)
    inner = supervisor("inner", [stage.actor()])
    async with grown(supervisor("root", [inner])) as tree:
        find(tree.root, "inner").kill()
        began = trio.current_time()
        await tree.reports.seen(ChildStarted, "inner", count=2)
        assert trio.current_time() - began == pytest.approx(2)
        assert stage.journal[-3:] == ["terminated", "close", "init"]
        assert await stage.ref.call(Say("hello")) == "hello"
        assert not tree.reports.of(ChildStartFailed)
