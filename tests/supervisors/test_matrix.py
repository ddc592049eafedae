"""The restart matrix: restart type x way to end, in static and dynamic supervisors."""

from __future__ import annotations

import pytest

from supervisors.decide import Verdict
from supervisors.dynamic import dynamic_supervisor
from supervisors.events import ChildTerminated
from supervisors.exits import KILLED, NORMAL, SHUTDOWN, Crash, ExitReason, Shutdown
from supervisors.spec import Budget, ChildSpec, Restart, Strategy
from supervisors.supervisor import supervisor
from tests.support.tree import Boom, Probe, grown, quiet, virtual_time

ENDS = {
    "normal": NORMAL,
    "shutdown": SHUTDOWN,
    "shutdown_detail": Shutdown("moved"),
    "crash": Crash(Boom("told to")),
    "killed": KILLED,
}
R, N, G = Verdict.RESTART, Verdict.IDLE, Verdict.GONE
MATRIX = {
    # end              permanent  transient  temporary
    "normal": (R, N, G),
    "shutdown": (R, N, G),
    "shutdown_detail": (R, N, G),
    "crash": (R, R, G),
    "killed": (R, R, G),
}
CELLS = [
    pytest.param(restart, end, verdict, id=f"{restart.value}-{end}")
    for end, row in MATRIX.items()
    for restart, verdict in zip(Restart, row, strict=True)
]
ABNORMAL = {"crash", "killed"}


def end_by(probe: Probe, end: str) -> ExitReason:
    """End the child in one of the ways of the matrix."""
    reason = ENDS[end]
    if isinstance(reason, Crash):
        probe.crash(reason.exception)
    elif end == "killed":
        probe.life.kill()
    else:
        probe.leave(reason)
    return reason


def pair(restart: Restart, strategy: Strategy) -> tuple[Probe, Probe, ChildSpec]:
    """Return a child of the restart type, a permanent sibling after it, and their supervisor."""
    probe, sibling = Probe("a", []), Probe("b", [])
    children = [probe.spec(restart=restart), sibling.spec()]
    return probe, sibling, supervisor("root", children, strategy=strategy)


@pytest.mark.parametrize(("restart", "end", "verdict"), CELLS)
@virtual_time
async def test_otp_031_032_033_034_static_child_is_treated_by_the_matrix(
    restart: Restart, end: str, verdict: Verdict
) -> None:
    """Each cell restarts the child, keeps its spec idle, or forgets it."""
    probe, _, spec = pair(restart, Strategy.ONE_FOR_ONE)
    async with grown(spec) as tree:
        first = probe.life
        reason = end_by(probe, end)
        assert await first.join() == reason
        await quiet()
        states = {slot.spec.id: slot.state for slot in tree.sup().slots()}
        assert probe.starts == (2 if verdict is R else 1)
        assert states.get("a") == {R: "running", N: "idle", G: None}[verdict]
        assert (probe.life is first) is (verdict is not R)


@pytest.mark.parametrize(("restart", "end", "verdict"), CELLS)
@virtual_time
async def test_otp_037_end_is_reported_if_permanent_or_abnormal(
    restart: Restart, end: str, verdict: Verdict
) -> None:
    """A report follows every end of a permanent child and abnormal ends of the others."""
    del verdict
    probe, _, spec = pair(restart, Strategy.ONE_FOR_ONE)
    async with grown(spec) as tree:
        reason = end_by(probe, end)
        await quiet()
        expected = restart is Restart.PERMANENT or end in ABNORMAL
        reports = tree.reports.of(ChildTerminated, "a")
        assert reports == [ChildTerminated("a", reason, restart, 1)] * expected


@pytest.mark.parametrize(("restart", "end", "verdict"), CELLS)
@virtual_time
async def test_otp_046_only_an_end_that_is_restarted_touches_the_siblings(
    restart: Restart, end: str, verdict: Verdict
) -> None:
    """Under one_for_all a sibling is replaced only where the matrix says restart."""
    probe, sibling, spec = pair(restart, Strategy.ONE_FOR_ALL)
    async with grown(spec):
        before = sibling.life
        end_by(probe, end)
        await quiet()
        assert (sibling.life is not before) is (verdict is R)


@pytest.mark.parametrize(("restart", "end", "verdict"), CELLS)
@virtual_time
async def test_otp_035_only_restarts_use_the_budget(
    restart: Restart, end: str, verdict: Verdict
) -> None:
    """At intensity 0 the supervisor gives up where the matrix says restart, else it lives on."""
    probe = Probe("a", [])
    spec = supervisor("root", [probe.spec(restart=restart)], budget=Budget(intensity=0))
    async with grown(spec) as tree:
        end_by(probe, end)
        await quiet()
        assert tree.root.exit == (SHUTDOWN if verdict is R else None)
        assert probe.starts == 1


@pytest.mark.parametrize(("restart", "end", "verdict"), CELLS)
@virtual_time
async def test_otp_129_dynamic_child_is_treated_by_the_matrix(
    restart: Restart, end: str, verdict: Verdict
) -> None:
    """As in a static supervisor, but what would stay idle is forgotten."""
    probe = Probe("a", [])
    async with grown(supervisor("root", [dynamic_supervisor("d")])) as tree:
        await tree.dyn("d").start_child(probe.spec(restart=restart))
        reason = end_by(probe, end)
        await quiet()
        expected = restart is Restart.PERMANENT or end in ABNORMAL
        assert probe.starts == (2 if verdict is R else 1)
        assert len(tree.dyn("d").slots()) == (1 if verdict is R else 0)
        reports = tree.reports.of(ChildTerminated, "d/a")
        assert reports == [ChildTerminated("d/a", reason, restart, 1)] * expected
