"""Start, terminate, restart and delete a child of a running supervisor: each call in each state."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

from supervisors.errors import (
    AlreadyPresentError,
    AlreadyStartedError,
    ChildRestartingError,
    ChildRunningError,
    NoProcError,
    NotFoundError,
    StartError,
    SupervisorError,
)
from supervisors.exits import Crash
from supervisors.spec import Budget, Restart
from supervisors.supervisor import Supervisor, supervisor
from tests.support.tree import Probe, Tree, grown, quiet, virtual_time

Act = Callable[[Supervisor, Probe], Awaitable[Any]]

ACTS: dict[str, Act] = {
    "start": lambda sup, probe: sup.start_child(probe.spec()),
    "terminate": lambda sup, probe: sup.terminate_child(probe.name),
    "restart": lambda sup, probe: sup.restart_child(probe.name),
    "delete": lambda sup, probe: sup.delete_child(probe.name),
}
TABLE: dict[tuple[str, str], type[SupervisorError] | str | None] = {
    # (call, state of the child): error, or the state after
    ("start", "unknown"): "running",
    ("start", "running"): AlreadyStartedError,
    ("start", "idle"): AlreadyPresentError,
    ("start", "restarting"): AlreadyPresentError,
    ("terminate", "unknown"): NotFoundError,
    ("terminate", "running"): "idle",
    ("terminate", "idle"): "idle",
    ("terminate", "restarting"): "idle",
    ("restart", "unknown"): NotFoundError,
    ("restart", "running"): ChildRunningError,
    ("restart", "idle"): "running",
    ("restart", "restarting"): ChildRestartingError,
    ("delete", "unknown"): NotFoundError,
    ("delete", "running"): ChildRunningError,
    ("delete", "idle"): None,
    ("delete", "restarting"): ChildRestartingError,
}


async def bring_to(state: str, tree: Tree, probe: Probe) -> None:
    """Bring the child into a state."""
    if state == "unknown":
        return
    await tree.sup().start_child(probe.spec())
    if state == "idle":
        await tree.sup().terminate_child(probe.name)
    if state == "restarting":
        probe.always = "fail"
        probe.crash()
        while state_of(tree, probe) != "restarting":
            await trio.lowlevel.checkpoint()


def state_of(tree: Tree, probe: Probe) -> str | None:
    """Return the state of the child, None if its spec is not known."""
    return {slot.spec.id: slot.state for slot in tree.sup().slots()}.get(probe.name)


@virtual_time
@pytest.mark.parametrize(("call", "state"), TABLE)
async def test_otp_105_106_110_113_115_each_call_in_each_state_of_the_child(
    call: str, state: str
) -> None:
    """The call does its work or is refused with an error of its own, and then changes nothing."""
    probe = Probe("a", [])
    expected = TABLE[call, state]
    async with grown(supervisor("root", [], budget=Budget(intensity=10**9))) as tree:
        await bring_to(state, tree, probe)
        if isinstance(expected, type):
            life, act = state != "unknown" and probe.life, ACTS[call]
            with pytest.raises(expected) as caught:
                await act(tree.sup(), probe)
            if isinstance(caught.value, AlreadyStartedError):
                assert caught.value.holder is life
        else:
            await ACTS[call](tree.sup(), probe)
            await quiet()
            assert state_of(tree, probe) == expected
        assert tree.root.is_alive


@virtual_time
async def test_otp_104_112_added_child_goes_to_the_end_and_restarted_child_keeps_its_place() -> (
    None
):
    """Seen by the order of the stop."""
    journal: list[str] = []
    a, b, late = Probe("a", journal), Probe("b", journal), Probe("late", journal)
    async with grown(supervisor("root", [a.spec(), b.spec()])) as tree:
        assert await tree.sup().start_child(late.spec()) is late.life
        await tree.sup().terminate_child("a")
        assert await tree.sup().restart_child("a") is a.life
        journal.clear()
        await tree.stop()
        assert journal == ["stop late", "stop b", "stop a"]


@virtual_time
async def test_otp_107_failed_start_child_keeps_nothing_and_costs_nothing() -> None:
    """The caller gets path and reason; the supervisor lives on at intensity 0."""
    bad = Probe("bad", [], always="fail")
    async with grown(supervisor("root", [], budget=Budget(intensity=0))) as tree:
        with pytest.raises(StartError) as caught:
            await tree.sup().start_child(bad.spec())
        assert caught.value.path == "bad"
        assert isinstance(caught.value.reason, Crash)
        assert not tree.sup().slots()
        await quiet()
        assert (bad.starts, tree.root.is_alive) == (1, True)


@virtual_time
async def test_otp_114_failed_restart_child_leaves_the_child_idle() -> None:
    """It is not tried again."""
    probe = Probe("a", [], "ok", "fail")
    async with grown(supervisor("root", [probe.spec()], budget=Budget(intensity=0))) as tree:
        await tree.sup().terminate_child("a")
        with pytest.raises(StartError):
            await tree.sup().restart_child("a")
        await quiet()
        assert (state_of(tree, probe), probe.starts) == ("idle", 2)
        assert tree.root.is_alive


@virtual_time
async def test_otp_108_111_terminated_child_stays_down() -> None:
    """Even a permanent one, however much time passes."""
    probe = Probe("a", [])
    async with grown(supervisor("root", [probe.spec()])) as tree:
        await tree.sup().terminate_child("a")
        await trio.sleep(10)
        assert (probe.starts, state_of(tree, probe)) == (1, "idle")


@virtual_time
async def test_otp_109_terminated_temporary_child_is_forgotten() -> None:
    """Its spec goes with it."""
    probe = Probe("a", [])
    async with grown(supervisor("root", [probe.spec(restart=Restart.TEMPORARY)])) as tree:
        await tree.sup().terminate_child("a")
        assert not tree.sup().slots()


@virtual_time
async def test_child_that_declines_in_start_child_is_kept_idle_unless_temporary() -> None:
    """The caller gets None."""
    keeps, goes = Probe("keeps", [], "ignore"), Probe("goes", [], "ignore")
    async with grown(supervisor("root", [])) as tree:
        assert await tree.sup().start_child(keeps.spec()) is None
        assert await tree.sup().start_child(goes.spec(restart=Restart.TEMPORARY)) is None
        assert [(slot.spec.id, slot.state) for slot in tree.sup().slots()] == [("keeps", "idle")]


@virtual_time
async def test_otp_119_calls_wait_for_the_slow_start_before_them() -> None:
    """One at a time, in order of arrival."""
    slow, quick = Probe("slow", [], 3.0), Probe("quick", [])
    async with grown(supervisor("root", [])) as tree, trio.open_nursery() as nursery:
        began = trio.current_time()
        nursery.start_soon(tree.sup().start_child, slow.spec())
        await quiet()
        await tree.sup().start_child(quick.spec())
        assert trio.current_time() - began == pytest.approx(3)


@virtual_time
@pytest.mark.parametrize("call", ACTS)
async def test_otp_120_call_to_an_ended_supervisor_is_refused(call: str) -> None:
    """At once, with no such process."""
    inner = supervisor("inner", [], restart=Restart.TEMPORARY)
    async with grown(supervisor("root", [inner])) as tree:
        living = tree.sup("inner")
        await tree.sup().terminate_child("inner")
        with pytest.raises(NoProcError):
            await ACTS[call](living, Probe("a", []))


@virtual_time
async def test_call_waiting_behind_the_stop_is_refused() -> None:
    """Whoever asks while the children stop learns that the supervisor is gone."""
    slow, late = Probe("slow", [], stop=2.0), Probe("late", [])
    inner = supervisor("inner", [slow.spec()], restart=Restart.TEMPORARY)
    refused = trio.Event()

    async with grown(supervisor("root", [inner])) as tree:
        living = tree.sup("inner")

        async def ask() -> None:
            with pytest.raises(NoProcError):
                await living.start_child(late.spec())
            refused.set()

        tree.nursery.start_soon(tree.sup().terminate_child, "inner")
        await quiet()
        tree.nursery.start_soon(ask)
        await refused.wait()
        assert late.starts == 0
