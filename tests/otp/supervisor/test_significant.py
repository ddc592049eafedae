"""Significant children and auto_shutdown: who takes the supervisor along, and who does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio

from supervisors.backoff import Backoff
from supervisors.errors import SpecError
from supervisors.exits import KILLED, NORMAL, SHUTDOWN, ExitReason, Shutdown
from supervisors.spec import AutoShutdown, Budget, ChildSpec, Flags, Restart, Strategy
from supervisors.supervisor import supervisor, supervisor_by
from supervisors.template import TemplateSupervisor, template_supervisor
from tests.support.tree import Probe, Tree, find, grown, quiet, virtual_time

ANY, ALL = AutoShutdown.ANY_SIGNIFICANT, AutoShutdown.ALL_SIGNIFICANT
TRANSIENT, TEMPORARY = Restart.TRANSIENT, Restart.TEMPORARY


def heeding(*specs: ChildSpec, auto: AutoShutdown = ANY, **flags: object) -> ChildSpec:
    """Return the spec of a supervisor that looks at significance; it is itself temporary."""
    init = Flags(children=specs, auto_shutdown=auto, budget=Budget(intensity=9), **flags)
    return supervisor("root", [supervisor_by("sup", init, restart=TEMPORARY)])


def is_up(tree: Tree) -> bool:
    """Whether the supervisor still runs."""
    return find(tree.root, "sup") is not None


@virtual_time
async def test_otp_093_any_significant_end_stops_the_rest_and_the_supervisor() -> None:
    """In reverse order, with reason shutdown."""
    journal: list[str] = []
    a, x, b = Probe("a", journal), Probe("x", journal), Probe("b", journal)
    spec = heeding(a.spec(), x.spec(restart=TRANSIENT, significant=True), b.spec())
    async with grown(spec) as tree:
        process = tree.sup("sup").process
        assert process is not None
        x.leave()
        assert await process.join() == SHUTDOWN
        assert journal[3:] == ["stop b", "stop a"]


@virtual_time
async def test_otp_094_all_significant_waits_for_the_last() -> None:
    """Idle ones do not hold it up."""
    names = [Probe(name, []) for name in "xyz"]
    spec = heeding(*(one.spec(restart=TRANSIENT, significant=True) for one in names), auto=ALL)
    async with grown(spec) as tree:
        names[0].leave()
        await quiet()
        assert is_up(tree)
        await tree.sup("sup").terminate_child("y")
        assert is_up(tree)
        names[2].leave()
        await quiet()
        assert not is_up(tree)


@virtual_time
async def test_otp_094_a_restarting_child_holds_the_end_up() -> None:
    """It is between two lives, and not gone: the last of the others does not end the supervisor."""
    waiting, last = (Probe(name, []) for name in "xy")
    slow = Backoff(first=30.0, longest=30.0)
    spec = heeding(
        waiting.spec(restart=TRANSIENT, significant=True, backoff=slow),
        last.spec(restart=TRANSIENT, significant=True),
        auto=ALL,
    )
    async with grown(spec) as tree:
        waiting.crash()
        await quiet()
        last.leave()
        await quiet()
        assert is_up(tree)
        await trio.sleep(31)
        waiting.leave()
        await quiet()
        assert not is_up(tree)


ENDS: dict[str, ExitReason] = {
    "normal": NORMAL,
    "shutdown": SHUTDOWN,
    "detail": Shutdown("x"),
    "killed": KILLED,
}


@virtual_time
@pytest.mark.parametrize("restart", [TRANSIENT, TEMPORARY])
@pytest.mark.parametrize("end", [*ENDS, "crash"])
async def test_otp_096_097_a_transient_counts_when_clean_and_a_temporary_always(
    restart: Restart, end: str
) -> None:
    """A transient that crashes is restarted as usual."""
    probe = Probe("x", [])
    async with grown(heeding(probe.spec(restart=restart, significant=True))) as tree:
        if end == "crash":
            probe.crash()
        elif end == "killed":
            probe.life.kill()
        else:
            probe.leave(ENDS[end])
        await quiet()
        restarted = restart is TRANSIENT and end in {"crash", "killed"}
        assert is_up(tree) is restarted
        assert probe.starts == 1 + restarted


@virtual_time
async def test_otp_098_terminate_child_does_not_count() -> None:
    """Nor does its restart by hand."""
    probe = Probe("x", [])
    async with grown(heeding(probe.spec(restart=TRANSIENT, significant=True))) as tree:
        await tree.sup("sup").terminate_child("x")
        await tree.sup("sup").restart_child("x")
        await quiet()
        assert is_up(tree)


@virtual_time
@pytest.mark.parametrize("strategy", [Strategy.REST_FOR_ONE, Strategy.ONE_FOR_ALL])
async def test_otp_099_a_significant_bystander_does_not_count(strategy: Strategy) -> None:
    """It was stopped by the strategy; a temporary one is gone, and that is all."""
    a, x, y = Probe("a", []), Probe("x", []), Probe("y", [])
    specs = [
        a.spec(),
        x.spec(restart=TEMPORARY, significant=True),
        y.spec(restart=TRANSIENT, significant=True),
    ]
    async with grown(heeding(*specs, strategy=strategy)) as tree:
        a.crash()
        await quiet()
        assert [child.id for child in await tree.sup("sup").which_children()] == ["a", "y"]


@virtual_time
async def test_otp_100_who_is_not_significant_never_counts() -> None:
    """Not even as the last child."""
    probe = Probe("n", [])
    async with grown(heeding(probe.spec(restart=TEMPORARY))) as tree:
        probe.leave()
        await quiet()
        assert is_up(tree)
        assert await tree.sup("sup").which_children() == []


@virtual_time
async def test_otp_101_the_effect_climbs_through_significant_supervisors() -> None:
    """A supervisor that ended so is a clean end in its parent."""
    probe = Probe("x", [])
    inner = Flags(children=[probe.spec(restart=TRANSIENT, significant=True)], auto_shutdown=ANY)
    middle = replace(supervisor_by("inner", inner, restart=TRANSIENT), significant=True)
    async with grown(heeding(middle)) as tree:
        probe.leave()
        await quiet()
        assert not is_up(tree)
        assert tree.root.is_alive


@virtual_time
async def test_otp_102_children_added_later_count_alike() -> None:
    """By start_child."""
    probe = Probe("x", [])
    async with grown(heeding()) as tree:
        await tree.sup("sup").start_child(probe.spec(restart=TRANSIENT, significant=True))
        probe.leave()
        await quiet()
        assert not is_up(tree)


@virtual_time
async def test_otp_103_dynamic_supervisors_refuse_significance_but_a_template_may_have_it() -> None:
    """Elixir's dynamic supervisor knows none; OTP's simple_one_for_one does."""
    probe = Probe("x", [])
    spec = probe.spec(restart=TRANSIENT, significant=True)
    pools = [
        template_supervisor("pool", lambda: spec, auto_shutdown=ANY, restart=TEMPORARY),
        template_supervisor("plain", lambda: spec),
    ]
    async with grown(supervisor("root", pools)) as tree:
        with pytest.raises(SpecError, match="significant"):
            await tree.dyn("plain").start_child(spec)
        pool = tree.dyn("pool")
        assert isinstance(pool, TemplateSupervisor)
        await pool.start_from_template()
        probe.leave()
        await quiet()
        assert find(tree.root, "pool") is None
