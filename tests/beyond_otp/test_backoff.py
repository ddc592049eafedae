"""Restarts that wait: how long, what others see meanwhile, what the budget makes of it."""

from __future__ import annotations

import pytest
import trio

from supervisors.backoff import Backoff
from supervisors.dynamic import dynamic_supervisor
from supervisors.errors import ChildRestartingError, SpecError
from supervisors.spec import Budget, Strategy
from supervisors.supervisor import supervisor
from tests.support.tree import Probe, grown, quiet, virtual_time

PATIENT = Backoff(first=1.0, longest=4.0)
MANY = Budget(intensity=100)


@virtual_time
async def test_restarts_wait_twice_as_long_each_time_up_to_the_longest() -> None:
    """After starts that fail as after lives that were short."""
    probe = Probe("a", [], "ok", "fail", "fail", "fail")
    spec = supervisor("root", [probe.spec(backoff=PATIENT)], budget=MANY)
    async with grown(spec):
        probe.crash()
        await trio.sleep(30)
        assert probe.init_times == [0.0, 1.0, 3.0, 7.0, 11.0]


@virtual_time
async def test_a_life_longer_than_the_longest_wait_begins_anew() -> None:
    """It is a new trouble then, not the old one."""
    probe = Probe("a", [])
    async with grown(supervisor("root", [probe.spec(backoff=PATIENT)], budget=MANY)):
        for after in (0.0, 5.0, 1.0):
            await trio.sleep(after)
            probe.crash()
            await trio.sleep(2)
        await quiet()
        assert probe.init_times == [0.0, 1.0, 8.0, 12.0]


@virtual_time
async def test_the_supervisor_serves_others_while_a_child_waits() -> None:
    """Requests are answered, siblings are restarted, and the child is shown as restarting."""
    probe, other = Probe("a", []), Probe("b", [])
    spec = supervisor("root", [probe.spec(backoff=PATIENT), other.spec()], budget=MANY)
    async with grown(spec) as tree:
        probe.crash()
        await quiet()
        other.crash()
        await quiet()
        states = {one.id: one.state for one in await tree.sup().which_children()}
        assert states == {"a": "restarting", "b": "running"}
        assert trio.current_time() == 0.0
        with pytest.raises(ChildRestartingError):
            await tree.sup().restart_child("a")


@virtual_time
async def test_a_child_terminated_while_it_waits_stays_away() -> None:
    """And one that is started by hand meanwhile is not started by the old wait again."""
    probe = Probe("a", [])
    async with grown(supervisor("root", [probe.spec(backoff=PATIENT)], budget=MANY)) as tree:
        probe.crash()
        await quiet()
        await tree.sup().terminate_child("a")
        await tree.sup().restart_child("a")
        await trio.sleep(0.5)
        probe.crash()
        await trio.sleep(10)
        assert probe.init_times == [0.0, 0.0, 2.5]


@virtual_time
async def test_a_sibling_that_replaces_all_ends_the_wait() -> None:
    """The child is started with the rest, once."""
    probe, other = Probe("a", []), Probe("b", [])
    children = [probe.spec(backoff=PATIENT), other.spec()]
    spec = supervisor("root", children, strategy=Strategy.ONE_FOR_ALL, budget=MANY)
    async with grown(spec):
        probe.crash()
        await trio.sleep(0.5)
        other.crash()
        await trio.sleep(10)
        assert probe.init_times == [0.0, 0.5]


@virtual_time
async def test_each_try_costs_budget_when_it_is_made() -> None:
    """Tries that are further apart than the period never exhaust it; closer ones do."""
    for period, survives in ((0.5, True), (20.0, False)):
        probe = Probe("a", [], "ok", "fail", "fail", "fail", "fail")
        budget = Budget(intensity=2, period=period)
        async with grown(supervisor("root", [probe.spec(backoff=PATIENT)], budget=budget)) as tree:
            probe.crash()
            await trio.sleep(30)
            assert (tree.root.exit is None) is survives


@virtual_time
async def test_a_stop_does_not_wait_for_a_child_that_waits() -> None:
    """Nor does the program."""
    probe = Probe("a", [])
    pool = dynamic_supervisor("pool", budget=MANY)
    async with grown(supervisor("root", [pool])) as tree:
        await tree.dyn("pool").start_child(probe.spec(backoff=PATIENT))
        probe.crash()
        await quiet()
        await tree.stop()
        assert trio.current_time() == 0.0
        assert probe.starts == 1


@virtual_time
async def test_a_dynamic_child_waits_too() -> None:
    """By the same rule."""
    probe = Probe("a", [])
    async with grown(supervisor("root", [dynamic_supervisor("pool", budget=MANY)])) as tree:
        await tree.dyn("pool").start_child(probe.spec(backoff=PATIENT))
        probe.crash()
        await trio.sleep(5)
        assert probe.init_times == [0.0, 1.0]


@pytest.mark.parametrize(("first", "longest"), [(0, 1), (2, 1), (1, float("inf"))])
def test_a_backoff_that_makes_no_sense_is_refused(first: float, longest: float) -> None:
    """When it is made."""
    with pytest.raises(SpecError) as caught:
        Backoff(first=first, longest=longest)
    assert caught.value.field == "backoff"
