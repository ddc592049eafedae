"""Casts, infos, timeouts, timers, stop and terminate."""

from __future__ import annotations

import pytest
import trio

from actors.kernel.errors import NoProcError
from actors.kernel.messages import Timeout
from supervisors.events import ProcessCrashed
from supervisors.exits import NORMAL, SHUTDOWN, Crash, ExitReason, Failed, Shutdown
from supervisors.system import StopFailedError
from tests.support.script import Do, DoLater, Mute, Text, body_of, world
from tests.support.tree import Boom, crash_of, quiet, virtual_time


@virtual_time
async def test_otp_172_an_actor_can_cast_to_itself() -> None:
    """Both are handled after the present message."""
    async with world() as w:
        actor = await w.actor()

        def twice(body: Mute) -> None:
            actor.cast(Text("one"))
            actor.cast(Text("two"))
            body.note("sent")

        await actor.call(Do(twice))
        await quiet()
        assert w.journal == ["init", "sent", "one", "two"]


@virtual_time
async def test_otp_173_any_process_may_send_a_plain_message() -> None:
    """It goes to handle_info, in line with casts."""
    async with world() as w:
        actor = await w.actor()
        actor.cast(Text("cast"))
        assert actor.info("info")
        await quiet()
        assert w.journal == ["init", "cast", "info"]


@virtual_time
async def test_otp_175_176_a_timeout_comes_if_nothing_else_does() -> None:
    """Any message calls it off, and it must be asked for anew; zero does not overtake."""
    async with world() as w:
        actor = await w.actor()
        actor.cast(DoLater(lambda body: body.timeout_in(2)))
        await trio.sleep(1)
        assert body_of(actor).infos == []
        await trio.sleep(1.5)
        assert body_of(actor).infos == [Timeout()]
        actor.cast(DoLater(lambda body: body.timeout_in(2)))
        await trio.sleep(1)
        actor.cast(Text("a message"))
        await trio.sleep(60)
        assert body_of(actor).infos == [Timeout()]
        actor.cast(DoLater(lambda body: body.timeout_in(0)))
        actor.cast(Text("queued"))
        await trio.sleep(1)
        assert w.journal[-1] == "queued"


@virtual_time
async def test_otp_177_timers_fire_once_can_be_cancelled_and_die_with_the_process() -> None:
    """Cancel tells how much time was left, or that it had fired."""
    async with world() as w:
        actor = await w.actor()
        fires = await actor.call(Do(lambda body: body.send_after(2, "fired")))
        called_off = await actor.call(Do(lambda body: body.send_after(5, "never")))
        await trio.sleep(3)
        assert called_off.cancel() == pytest.approx(2)
        assert fires.cancel() is None
        assert called_off.cancel() is None
        assert body_of(actor).infos == ["fired"]
        await actor.call(Do(lambda body: body.send_after(5, "too late")))
        await actor.stop()
        await quiet()
        assert trio.lowlevel.current_statistics().seconds_to_next_deadline == float("inf")


@virtual_time
async def test_otp_179_stop_is_good_only_when_the_end_is_as_asked() -> None:
    """Else it raises the real reason; noproc when there is none; and it has a limit."""
    async with world() as w:
        good, bad, slow = await w.actor(), await w.actor(end=_fail), await w.actor(end=_sleep)
        await good.stop(Shutdown("done"))
        assert good.process.exit == Shutdown("done")
        with pytest.raises(NoProcError):
            await good.stop()
        with pytest.raises(StopFailedError) as caught:
            await bad.stop()
        assert isinstance(crash_of(caught.value.reason), Boom)
        with pytest.raises(StopFailedError) as caught:
            await slow.stop(timeout=1)
        assert caught.value.reason is None


def _fail() -> None:
    raise Boom


async def _sleep() -> None:
    await trio.sleep(3)


async def _stop_return(path: str, w: object) -> tuple[object, ExitReason]:
    actor = await w.actor(path)
    actor.cast(DoLater(lambda body: body.stop(Shutdown("own"))))
    return actor, Shutdown("own")


async def _exception(path: str, w: object) -> tuple[object, None]:
    actor = await w.actor(path)
    actor.cast(DoLater(_fail))
    return actor, None


async def _parent(path: str, w: object) -> tuple[object, ExitReason]:
    parent = await w.plain("parent")
    actor = await w.linked(parent.process, path)
    parent.process.signal(Failed("parent"))
    return actor, Failed("parent")


async def _system(path: str, w: object) -> tuple[object, ExitReason]:
    actor = await w.actor(path)
    await actor.stop(Shutdown("sys"))
    return actor, Shutdown("sys")


@virtual_time
@pytest.mark.parametrize("end", [_stop_return, _exception, _parent, _system])
async def test_otp_180_terminate_runs_on_these_ends(end: object) -> None:
    """A stop return, an exception, the parent's exit, a system stop."""
    async with world() as w:
        actor, reason = await end("actor", w)
        ended = await actor.process.join()
        assert reason in (None, ended)
        assert w.journal[-1] == f"terminate {ended}"


@virtual_time
@pytest.mark.parametrize("end", ["kill", "signal", "init"])
async def test_otp_181_terminate_does_not_run_on_these(end: str) -> None:
    """A kill, a signal to who does not trap, a failed init."""
    async with world() as w:
        if end == "init":
            with pytest.raises(Exception, match="failed to start"):
                await w.actor(init=_fail)
        else:
            actor = await w.actor(trap_exits=False)
            if end == "kill":
                actor.process.kill()
            else:
                actor.process.signal(SHUTDOWN)
            await actor.process.join()
        assert w.journal == ["init"]


@virtual_time
async def test_otp_183_messages_left_at_the_end_are_not_handled() -> None:
    """They go with the process."""
    async with world() as w:
        actor = await w.actor()
        actor.cast(DoLater(lambda body: body.stop()))
        actor.cast(Text("left"))
        assert await actor.process.join() == NORMAL
        assert w.journal == ["init", "terminate normal"]


@virtual_time
@pytest.mark.parametrize("reason", [NORMAL, SHUTDOWN, Shutdown("x"), Failed("boom")])
async def test_otp_184_272_clean_ends_are_silent(reason: ExitReason) -> None:
    """Any other is reported, with the last message and the state."""
    async with world() as w:
        actor = await w.actor(value=42)
        await actor.call(Do(lambda: None))
        actor.cast(DoLater(lambda body: body.stop(reason)))
        await actor.process.join()
        crashes = w.reports.of(ProcessCrashed)
        if not isinstance(reason, Failed):
            assert not crashes
        else:
            (report,) = crashes
            assert report.reason == reason
            assert "DoLater" in report.last_message
            assert "'value': 42" in report.state


@virtual_time
async def test_otp_187_the_state_of_a_crashed_actor_is_thrown_away() -> None:
    """A handler that raises half way leaves nothing to the next generation."""
    async with world() as w:

        def half_way(body: Mute) -> None:
            body.value = 7
            raise Boom

        first = await w.actor()
        first.cast(DoLater(half_way))
        assert isinstance(await first.process.join(), Crash)
        second = await w.actor()
        assert await second.call(Do(lambda body: body.value)) == 0
