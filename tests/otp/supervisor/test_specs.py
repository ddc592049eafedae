"""Flags, specs and init callbacks: what is refused, what is ignored, what can be overridden."""

from __future__ import annotations

from dataclasses import replace

import pytest

from supervisors.errors import SpecError, StartError
from supervisors.exits import Crash, FailedToStart, Shutdown
from supervisors.loop import BadFlagsError
from supervisors.process import Process
from supervisors.root import run_tree
from supervisors.runtime import Runtime
from supervisors.spec import (
    IGNORE,
    AutoShutdown,
    Budget,
    ChildSpec,
    Flags,
    Restart,
    Strategy,
    check_child_specs,
)
from supervisors.supervisor import supervisor, supervisor_by
from tests.support.tree import Boom, Probe, crash_of, grown, quiet, virtual_time


async def body(process: Process) -> None:
    """Never run."""
    process.started()


def test_otp_001_without_flags_it_is_otps_defaults() -> None:
    """one_for_one, one restart in five seconds, no auto_shutdown."""
    flags = Flags()
    assert flags.strategy is Strategy.ONE_FOR_ONE
    assert flags.budget == Budget(intensity=1, period=5.0)
    assert flags.auto_shutdown is AutoShutdown.NEVER
    assert flags.children == ()


@virtual_time
async def test_otp_006_a_repeated_id_is_refused_before_anything_starts() -> None:
    """The error has the id; also when the callback gives the specs only at the start."""
    a, twin = Probe("a", []), Probe("a", [])
    with pytest.raises(SpecError) as caught:
        supervisor("root", [a.spec(), twin.spec()])
    assert caught.value.value == "a"
    late = supervisor_by("root", lambda: Flags(children=[a.spec(), twin.spec()]))
    with pytest.raises(StartError) as failed:
        await run_tree(late, Runtime())
    assert isinstance(crash_of(failed.value.reason), SpecError)
    assert a.starts == 0


def _raises() -> Flags:
    raise Boom


@virtual_time
@pytest.mark.parametrize(("init", "error"), [(_raises, Boom), (lambda: "junk", BadFlagsError)])
async def test_otp_009_a_bad_callback_fails_the_start_and_leaves_nothing(
    init: object, error: type[Exception]
) -> None:
    """The reason has the bad value; what had started is stopped."""
    first = Probe("first", [])
    with pytest.raises(StartError) as caught:
        await run_tree(supervisor("root", [first.spec(), supervisor_by("bad", init)]), Runtime())
    problem = crash_of(caught.value.reason)
    assert isinstance(problem, error)
    assert "junk" in str(problem) or error is Boom
    assert not first.life.is_alive


@virtual_time
async def test_otp_010_a_callback_may_decline() -> None:
    """The parent keeps an idle spec and goes on; restarted by hand it may come up."""
    answers = [IGNORE, Flags()]
    spec = supervisor_by("declines", lambda: answers.pop(0))
    async with grown(supervisor("root", [spec])) as tree:
        (child,) = await tree.sup().which_children()
        assert (child.id, child.process, child.state) == ("declines", None, "idle")
        assert await tree.sup().restart_child("declines") is not None


def test_otp_011_specs_can_be_checked_without_a_start() -> None:
    """The same error that the start would give."""
    check_child_specs([ChildSpec(id="a", start=body), ChildSpec(id="b", start=body)])
    with pytest.raises(SpecError, match="share"):
        check_child_specs([ChildSpec(id="a", start=body)] * 2)


@virtual_time
async def test_otp_012_single_fields_are_overridden_where_a_spec_is_used() -> None:
    """The same component twice, under another id and rule."""
    probe = Probe("w", [])
    spec = probe.spec()
    other = replace(spec, id="w2", restart=Restart.TEMPORARY)
    async with grown(supervisor("root", [spec, other])) as tree:
        assert [child.id for child in await tree.sup().which_children()] == ["w", "w2"]
        assert (await tree.sup().get_child_spec("w2")).restart is Restart.TEMPORARY


@virtual_time
async def test_otp_013_095_significance_must_be_heeded() -> None:
    """Not for a permanent child; not under a supervisor that never looks, at start or later."""
    with pytest.raises(SpecError, match="significant"):
        ChildSpec(id="a", start=body, significant=True)
    spec = ChildSpec(id="a", start=body, significant=True, restart=Restart.TRANSIENT)
    with pytest.raises(SpecError, match="significant"):
        supervisor("root", [spec])
    with pytest.raises(SpecError, match="significant"):
        check_child_specs([spec], AutoShutdown.NEVER)
    check_child_specs([spec])
    async with grown(supervisor("root", [])) as tree:
        with pytest.raises(SpecError, match="significant"):
            await tree.sup().start_child(spec)


@virtual_time
async def test_otp_021_a_start_function_that_fails_does_not_crash_the_supervisor() -> None:
    """Raising, or leaving without a start: whoever asked is told, and nothing is kept."""
    async with grown(supervisor("root", [])) as tree:
        for how in ("fail", "leave"):
            with pytest.raises(StartError) as caught:
                await tree.sup().start_child(Probe("a", [], how).spec())
            assert isinstance(caught.value.reason, Crash) is (how == "fail")
        assert await tree.sup().which_children() == []
        assert tree.root.is_alive


@virtual_time
async def test_otp_019_a_failed_start_deep_down_is_of_the_shutdown_kind() -> None:
    """It names the child, and no level above counts as crashed."""
    bad = Probe("bad", [], always="fail")
    async with grown(supervisor("root", [])) as tree:
        with pytest.raises(StartError) as caught:
            await tree.sup().start_child(supervisor("inner", [bad.spec()]))
        await quiet()
        reason = caught.value.reason
        assert isinstance(reason, Shutdown)
        assert isinstance(reason.detail, FailedToStart)
        assert reason.detail.path == "inner/bad"
