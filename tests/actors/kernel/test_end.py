"""The end of an actor: when `terminate` runs, what is closed, which reason is told."""

from __future__ import annotations

import pytest
import trio

from actors.kernel.errors import CallExitError, NoProcError
from actors.kernel.mailbox import Mailbox
from supervisors.errors import StartError
from supervisors.events import ChildShutdownFailed, ChildTerminated
from supervisors.exits import KILLED, NORMAL, SHUTDOWN, ExitReason, Shutdown
from supervisors.spec import BRUTAL_KILL, Restart
from supervisors.supervisor import supervisor
from tests.support.actors import Fail, Hold, Leave, Note, Say, Stage
from tests.support.tree import Boom, crash_of, grown, quiet, virtual_time


@virtual_time
async def test_otp_170_stop_waits_its_turn_behind_what_was_sent_before() -> None:
    """Then `terminate` sees shutdown, the resources are closed, and nothing more is handled."""
    stage = Stage()
    async with grown(stage.spec()) as tree:
        for text in "ab":
            stage.ref.cast(Note(text))
        tree.root.shutdown()
        await tree.over()
        assert stage.journal == ["init", "a", "b", "terminate shutdown", "terminated", "close"]


@virtual_time
@pytest.mark.parametrize("reason", [NORMAL, SHUTDOWN, Shutdown("done")], ids=str)
async def test_otp_178_actor_ends_by_itself_with_its_reason(reason: ExitReason) -> None:
    """`terminate` sees it, and so does the supervisor."""
    stage = Stage(restart=Restart.TRANSIENT)
    async with grown(stage.spec()) as tree:
        life = tree.sup().slots()[0].process
        assert life is not None
        assert await stage.ref.call(Leave(reason)) == "left"
        assert await life.join() == reason
        await quiet()
        assert stage.journal == ["init", f"terminate {reason}", "terminated", "close"]


@virtual_time
async def test_crash_runs_terminate_and_closes_resources() -> None:
    """`terminate` is told the crash; the next generation starts after it."""
    stage = Stage()
    async with grown(stage.spec()):
        with pytest.raises(CallExitError):
            await stage.ref.call(Fail(Boom("x")))
        await quiet()
        assert stage.journal == ["init", "terminate crash: Boom: x", "terminated", "close", "init"]


@virtual_time
async def test_otp_182_crash_of_terminate_replaces_the_reason_and_keeps_the_old_as_context() -> (
    None
):
    """Nothing is lost from the report."""
    stage = Stage()
    stage.terminates.append(ValueError("tidy"))
    async with grown(stage.spec()) as tree:
        with pytest.raises(CallExitError):
            await stage.ref.call(Fail(Boom("first")))
        event = await tree.reports.seen(ChildTerminated, "echo")
        error = crash_of(event.reason)
        assert isinstance(error, ValueError)
        assert isinstance(error.__context__, Boom)
        assert "close" in stage.journal


@virtual_time
async def test_otp_181_kill_runs_no_terminate_but_closes_resources() -> None:
    """What a process owns goes with it, whatever its end."""
    stage = Stage(shutdown=BRUTAL_KILL)
    async with grown(stage.spec()) as tree:
        await tree.stop()
        assert stage.journal == ["init", "close"]


@virtual_time
async def test_otp_139_142_failed_init_runs_no_terminate_and_names_the_reason() -> None:
    """The resources that it had are closed, the name is free."""
    stage = Stage()
    stage.inits.append(Boom("no"))
    async with grown(supervisor("root", [])) as tree:
        with pytest.raises(StartError) as caught:
            await tree.sup().start_child(stage.actor())
        assert isinstance(crash_of(caught.value.reason), Boom)
        assert stage.journal == ["init", "close"]
        assert not stage.ref.is_alive
        await tree.sup().start_child(stage.actor())
        assert await stage.ref.call(Say("second try")) == "second try"


@virtual_time
async def test_slow_terminate_has_the_time_of_the_childs_shutdown_limit() -> None:
    """Neither less nor more: then it is killed, and that is reported."""
    stage = Stage(shutdown=8.0)
    stage.terminates.append(7.0)
    async with grown(stage.spec()) as tree:
        await tree.stop()
        assert stage.journal[1:] == ["terminate shutdown", "terminated", "close"]
        assert not tree.reports.of(ChildShutdownFailed)
    stage.terminates.append(100.0)
    stage.journal.clear()
    async with grown(stage.spec()) as tree:
        began = trio.current_time()
        await tree.stop()
        assert trio.current_time() - began == pytest.approx(8)
        assert stage.journal == ["init", "terminate shutdown", "close"]
        assert tree.reports.of(ChildShutdownFailed) == [ChildShutdownFailed("echo", KILLED)]


@virtual_time
async def test_terminate_after_a_crash_is_cut_off_at_its_own_limit() -> None:
    """Nobody above counts the time there; callers learn after it, and the restart goes on."""
    stage = Stage()
    stage.terminates.append(100.0)
    async with grown(stage.spec()):
        began = trio.current_time()
        with pytest.raises(CallExitError):
            await stage.ref.call(Fail(Boom()), timeout=60)
        assert trio.current_time() - began == pytest.approx(5)
        await quiet()
        assert len(stage.actors) == 2


@virtual_time
async def test_stop_during_init_cancels_it() -> None:
    """There is nothing to terminate yet."""
    stage = Stage()
    stage.inits.extend([0.0, 100.0])
    async with grown(stage.spec()) as tree:
        with pytest.raises(CallExitError):
            await stage.ref.call(Fail(Boom()))
        await quiet()
        life = tree.sup().slots()[0].process
        assert life is not None
        life.shutdown()
        assert await life.join() == SHUTDOWN
        assert stage.journal[-3:] == ["close", "init", "close"]


@virtual_time
async def test_resources_close_in_reverse_and_before_callers_learn() -> None:
    """Whoever hears of the end finds the resource free."""
    stage = Stage()
    order: list[str] = []
    async with grown(stage.spec()) as tree:
        resources = stage.actors[0].resources
        resources.callback(order.append, "second")
        resources.callback(order.append, "first")

        async def ask() -> None:
            with pytest.raises(CallExitError):
                await stage.ref.call(Hold())
            order.append("told")

        tree.nursery.start_soon(ask)
        await quiet()
        life = tree.sup().slots()[0].process
        assert life is not None
        life.kill()
        await quiet()
        assert order == ["first", "second", "told"]


@virtual_time
async def test_name_is_free_when_the_caller_learns_of_the_end() -> None:
    """So that a retry in that very tick cannot reach the dead one."""
    stage = Stage(restart=Restart.TEMPORARY)
    async with grown(stage.spec()):
        with pytest.raises(CallExitError):
            await stage.ref.call(Fail(Boom()))
        assert not stage.ref.is_alive
        with pytest.raises(NoProcError):
            await stage.ref.call(Say("again"))


@virtual_time
async def test_released_name_is_not_taken_from_a_successor() -> None:
    """The end of a zombie does not unbind the generation that is alive."""
    stage = Stage()
    successor = Mailbox(1)
    async with grown(stage.spec()) as tree:
        stage.ref.bind(successor)
        await tree.stop()
        assert stage.ref.is_alive
    stage.ref.release(successor)
    assert not stage.ref.is_alive
