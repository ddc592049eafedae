"""Who is replaced, who keeps identity, and in which order things stop and start."""

from __future__ import annotations

import pytest

from supervisors.events import (
    ChildShutdownFailed,
    ChildStarted,
    ChildStartFailed,
    RestartBudgetSpent,
)
from supervisors.exits import SHUTDOWN
from supervisors.snapshot import find
from supervisors.spec import Budget, ChildSpec, Restart, Strategy
from supervisors.supervisor import supervisor
from tests.support.tree import Probe, grown, quiet, virtual_time


def four(strategy: Strategy, journal: list[str], **budget: float) -> tuple[list[Probe], ChildSpec]:
    """Four permanent children a, b, c, d under one supervisor."""
    probes = [Probe(name, journal) for name in "abcd"]
    flags = Budget(**budget) if budget else Budget(intensity=3)
    children = [probe.spec() for probe in probes]
    return probes, supervisor("root", children, strategy=strategy, budget=flags)


@pytest.mark.parametrize(
    ("strategy", "replaced", "expected"),
    [
        (Strategy.ONE_FOR_ONE, "b", ["init b"]),
        (Strategy.REST_FOR_ONE, "bcd", ["stop d", "stop c", "init b", "init c", "init d"]),
        (
            Strategy.ONE_FOR_ALL,
            "abcd",
            ["stop d", "stop c", "stop a", "init a", "init b", "init c", "init d"],
        ),
    ],
)
@virtual_time
async def test_otp_041_043_044_045_crash_of_the_second_of_four_replaces_by_strategy(
    strategy: Strategy, replaced: str, expected: list[str]
) -> None:
    """Siblings in range stop in reverse and start in order; the others keep their process."""
    journal: list[str] = []
    probes, spec = four(strategy, journal)
    async with grown(spec):
        before = {probe.name: probe.life for probe in probes}
        journal.clear()
        probes[1].crash()
        await quiet()
        assert journal == expected
        changed = [probe.name for probe in probes if probe.life is not before[probe.name]]
        assert changed == list(replaced)
        assert [probe.life.generation for probe in probes] == [
            2 if probe.name in replaced else 1 for probe in probes
        ]


@pytest.mark.parametrize("strategy", Strategy)
@virtual_time
async def test_otp_042_restarted_child_keeps_its_place_in_the_order(strategy: Strategy) -> None:
    """A later stop still goes in the reverse of the list."""
    journal: list[str] = []
    probes, spec = four(strategy, journal)
    async with grown(spec) as tree:
        probes[1].crash()
        await quiet()
        journal.clear()
        await tree.stop()
    assert journal == ["stop d", "stop c", "stop b", "stop a"]


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
@virtual_time
async def test_otp_047_048_049_group_restart_drops_temporary_and_starts_idle_siblings(
    strategy: Strategy,
) -> None:
    """Temporary ones vanish; every other spec in range is started, idle or not."""
    journal: list[str] = []
    first = Probe("first", journal)
    temporary = Probe("temporary", journal)
    stopped = Probe("stopped", journal)
    finished = Probe("finished", journal)
    declined = Probe("declined", journal, "ignore")
    spec = supervisor(
        "root",
        [
            first.spec(),
            temporary.spec(restart=Restart.TEMPORARY),
            stopped.spec(),
            finished.spec(restart=Restart.TRANSIENT),
            declined.spec(),
        ],
        strategy=strategy,
    )
    async with grown(spec) as tree:
        await tree.sup().terminate_child("stopped")
        finished.leave()
        await quiet()
        journal.clear()
        first.crash()
        await quiet()
        assert journal == [
            "stop temporary",
            "init first",
            "init stopped",
            "init finished",
            "init declined",
        ]
        states = {slot.spec.id: slot.state for slot in tree.sup().slots()}
        assert states == dict.fromkeys(["first", "stopped", "finished", "declined"], "running")


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
@virtual_time
async def test_otp_050_group_restart_uses_one_unit_of_budget(strategy: Strategy) -> None:
    """However many siblings are replaced, their stops count for nothing."""
    probes, spec = four(strategy, [], intensity=1)
    async with grown(spec) as tree:
        probes[0].crash()
        await quiet()
        assert tree.root.is_alive
        assert not tree.reports.of(RestartBudgetSpent)


@virtual_time
async def test_otp_051_slow_sibling_delays_the_restart() -> None:
    """A sibling in range gets its usual time to stop."""
    first, slow = Probe("first", []), Probe("slow", [], stop=4.0)
    children = [first.spec(), slow.spec()]
    async with grown(supervisor("root", children, strategy=Strategy.ONE_FOR_ALL)) as tree:
        first.crash()
        await tree.reports.seen(ChildStarted, "first", count=2)
        assert first.init_times[1] - first.init_times[0] == pytest.approx(4)


@pytest.mark.parametrize(
    ("strategy", "left"), [(Strategy.ONE_FOR_ONE, 1), (Strategy.ONE_FOR_ALL, 2)]
)
@virtual_time
async def test_otp_053_two_crashes_in_one_tick_cost_what_they_replace(
    strategy: Strategy, left: int
) -> None:
    """one_for_one restarts twice; one_for_all has replaced the second before its end is read."""
    probes, spec = four(strategy, [], intensity=3)
    async with grown(spec) as tree:
        probes[0].crash()
        probes[1].crash()
        await quiet()
        assert tree.sup().window.left(0.0) == left
        assert [probe.life.generation for probe in probes[:2]] == [2, 2]
        failed = tree.reports.of(ChildShutdownFailed)
        assert len(failed) == (strategy is Strategy.ONE_FOR_ALL)


@virtual_time
async def test_otp_058_one_for_all_begins_again_from_the_top_when_a_restart_fails() -> None:
    """Those already started again are stopped at the beginning of the next attempt."""
    journal: list[str] = []
    probes = [Probe("a", journal), Probe("b", journal), Probe("c", journal, "ok", "fail")]
    probes.append(Probe("d", journal))
    spec = supervisor(
        "root",
        [probe.spec() for probe in probes],
        strategy=Strategy.ONE_FOR_ALL,
        budget=Budget(intensity=2),
    )
    async with grown(spec) as tree:
        journal.clear()
        probes[1].crash()
        await quiet()
        assert journal == [
            *["stop d", "stop c", "stop a", "init a", "init b", "init c"],
            *["stop b", "stop a", "init a", "init b", "init c", "init d"],
        ]
        assert len(tree.reports.of(ChildStartFailed, "c")) == 1
        assert tree.sup().window.left(0.0) == 0


@virtual_time
async def test_otp_059_rest_for_one_goes_on_from_the_child_that_failed_to_restart() -> None:
    """Those already started again before it keep running."""
    journal: list[str] = []
    probes = [Probe("a", journal), Probe("b", journal), Probe("c", journal, "ok", "fail")]
    probes.append(Probe("d", journal))
    spec = supervisor(
        "root",
        [probe.spec() for probe in probes],
        strategy=Strategy.REST_FOR_ONE,
        budget=Budget(intensity=2),
    )
    async with grown(spec):
        journal.clear()
        probes[1].crash()
        await quiet()
        assert journal == ["stop d", "stop c", "init b", "init c", "init c", "init d"]
        assert probes[1].life.generation == 2


@virtual_time
async def test_otp_052_restarted_supervisor_brings_back_its_static_children_only() -> None:
    """A child added by start_child is gone with its generation."""
    journal: list[str] = []
    kept, added = Probe("kept", journal), Probe("added", journal)
    inner = supervisor("inner", [kept.spec()])
    async with grown(supervisor("root", [inner])) as tree:
        await tree.sup("inner").start_child(added.spec())
        journal.clear()
        find(tree.root, "inner").kill()
        await quiet()
        assert sorted(journal) == ["init kept", "stop added", "stop kept"]
        assert [slot.spec.id for slot in tree.sup("inner").slots()] == ["kept"]
        assert tree.root.exit is None


@virtual_time
async def test_otp_061_declining_in_a_restart_leaves_the_child_idle() -> None:
    """Ignore is no failure: nothing is tried again."""
    probe = Probe("a", [], "ok", "ignore")
    async with grown(supervisor("root", [probe.spec()])) as tree:
        probe.crash()
        await quiet()
        (slot,) = tree.sup().slots()
        assert (slot.state, probe.starts) == ("idle", 2)
        assert not tree.reports.of(ChildStartFailed)


@virtual_time
async def test_children_told_to_stop_are_not_restarted_by_their_crash() -> None:
    """While the supervisor stops, an end restarts nobody."""
    journal: list[str] = []
    first, slow = Probe("first", journal), Probe("slow", journal, stop=1.0)
    async with grown(supervisor("root", [first.spec(), slow.spec()])) as tree:
        tree.cancel()
        await quiet()
        first.crash()
        await tree.over()
        assert (first.starts, slow.starts) == (1, 1)
        assert tree.root.exit == SHUTDOWN
