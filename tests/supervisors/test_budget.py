"""The restart budget: how much is tolerated, whose it is, and what giving up does."""

from __future__ import annotations

import pytest
import trio

from supervisors.events import RestartBudgetSpent
from supervisors.exits import SHUTDOWN
from supervisors.snapshot import find
from supervisors.spec import Budget, Restart, Strategy
from supervisors.supervisor import supervisor
from tests.support.tree import Probe, grown, quiet, virtual_time


@virtual_time
@pytest.mark.parametrize("intensity", [0, 1, 3])
async def test_otp_064_065_exactly_intensity_restarts_are_survived(intensity: int) -> None:
    """The one after makes the supervisor give up, with shutdown, without another start."""
    probe = Probe("a", [])
    spec = supervisor("root", [probe.spec()], budget=Budget(intensity=intensity))
    async with grown(spec) as tree:
        for _ in range(intensity):
            probe.crash()
            await quiet()
        assert tree.root.is_alive
        assert probe.starts == 1 + intensity
        probe.crash()
        assert await tree.over() == SHUTDOWN
        assert probe.starts == 1 + intensity
        (report,) = tree.reports.of(RestartBudgetSpent)
        assert report == RestartBudgetSpent("", "a", intensity, 5.0)


@virtual_time
@pytest.mark.parametrize(
    ("intensity", "times", "alive"),
    [
        (2, [0, 4, 6], True),
        (2, [0, 4, 6, 8], False),
        (1, [0, 5.0], False),  # exactly one period old: still counts
        (1, [0, 6.0], True),
        (1, [0, 6.0, 12.0, 18.0], True),
        (1, [0, 6.0, 12.0, 16.0], False),
    ],
)
async def test_otp_066_067_068_the_window_slides(
    intensity: int, times: list[float], *, alive: bool
) -> None:
    """Only restarts within the last period count; no fixed buckets."""
    probe = Probe("a", [])
    flags = Budget(intensity=intensity, period=5.0)
    async with grown(supervisor("root", [probe.spec()], budget=flags)) as tree:
        begin = trio.current_time()
        for time in times:
            await trio.sleep_until(begin + time)
            probe.crash()
            await quiet()
        assert tree.root.is_alive is alive


@virtual_time
async def test_otp_069_the_budget_is_shared_by_all_children() -> None:
    """A noisy child uses up what a quiet one would need."""
    a, b = Probe("a", []), Probe("b", [])
    spec = supervisor("root", [a.spec(), b.spec()], budget=Budget(intensity=3))
    async with grown(spec) as tree:
        for probe in (a, b, a):
            probe.crash()
            await quiet()
        assert tree.root.is_alive
        b.crash()
        await quiet()
        assert not tree.root.is_alive


@virtual_time
@pytest.mark.parametrize("strategy", Strategy)
async def test_otp_070_073_giving_up_stops_the_other_children_in_reverse(
    strategy: Strategy,
) -> None:
    """The failed child is not started again, the rest gets its usual stop."""
    journal: list[str] = []
    probes = [Probe(name, journal) for name in "abcd"]
    spec = supervisor(
        "root",
        [probe.spec() for probe in probes],
        strategy=strategy,
        budget=Budget(intensity=0),
    )
    async with grown(spec) as tree:
        journal.clear()
        probes[1].crash()
        await tree.over()
        assert journal == ["stop d", "stop c", "stop a"]


@virtual_time
@pytest.mark.parametrize(
    ("restart", "state"),
    [(Restart.PERMANENT, "running"), (Restart.TRANSIENT, "idle"), (Restart.TEMPORARY, None)],
)
async def test_otp_071_072_supervisor_that_gave_up_counts_as_a_clean_end(
    restart: Restart, state: str | None
) -> None:
    """Its parent restarts it only if it is permanent, and then with an empty window."""
    probe = Probe("a", [])
    inner = supervisor("inner", [probe.spec()], budget=Budget(intensity=0), restart=restart)
    async with grown(supervisor("root", [inner])) as tree:
        gone = find(tree.root, "inner")
        assert gone is not None
        probe.crash()
        assert await gone.join() == SHUTDOWN
        await quiet()
        assert {slot.spec.id: slot.state for slot in tree.sup().slots()}.get("inner") == state
        if restart is Restart.PERMANENT:
            assert tree.sup("inner").window.left(trio.current_time()) == 0
            assert probe.starts == 2


@virtual_time
async def test_nested_budgets_escalate_to_the_root() -> None:
    """Budgets multiply: (1 + 1) lives of the inner, times (1 + 1) of the outer."""
    probe = Probe("a", [])
    inner = supervisor("inner", [probe.spec()], budget=Budget(intensity=1))
    async with grown(supervisor("root", [inner], budget=Budget(intensity=1))) as tree:
        for _ in range(4):
            assert tree.root.is_alive
            probe.crash()
            await quiet()
        assert await tree.over() == SHUTDOWN
        assert probe.starts == 4
        paths = [event.path for event in tree.reports.of(RestartBudgetSpent)]
        assert paths == ["inner", "inner", ""]


@virtual_time
async def test_otp_074_manual_starts_and_restarts_are_free() -> None:
    """A hundred of them at intensity 0 change nothing."""
    probe = Probe("a", [])
    async with grown(supervisor("root", [], budget=Budget(intensity=0))) as tree:
        await tree.sup().start_child(probe.spec())
        for _ in range(100):
            await tree.sup().terminate_child("a")
            await tree.sup().restart_child("a")
        assert tree.root.is_alive
        assert probe.starts == 101
