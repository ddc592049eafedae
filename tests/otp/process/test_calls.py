"""Calls: what their failures say, to oneself, in circles, without waiting."""

from __future__ import annotations

import pytest
import trio

from actors.kernel.errors import (
    BadReturnError,
    CallCycleError,
    CallExitError,
    CallingSelfError,
    CallNoProcError,
    CallTimeoutError,
    NoProcError,
    UnhandledMessageError,
)
from actors.kernel.handle import Named
from actors.kernel.messages import NO_REPLY
from actors.kernel.target import wait_any
from supervisors.events import UnexpectedMessage
from supervisors.exits import NOPROC, TIMEOUT, Crash
from supervisors.runtime import open_runtime
from tests.support.script import Do, DoLater, Mute, OtherCall, World, body_of, nap, world
from tests.support.tree import Reports, crash_of, quiet, virtual_time


@virtual_time
async def test_otp_153_an_actor_that_calls_or_stops_itself_is_refused_at_once() -> None:
    """In place of waiting for itself until the timeout."""
    async with world() as w:
        for wrong in (lambda own: own.call(Do(lambda: 1)), lambda own: own.stop()):
            actor = await w.actor()
            with pytest.raises(CallExitError) as caught:
                await actor.call(Do(lambda wrong=wrong, own=actor: wrong(own)))
            assert isinstance(crash_of(caught.value.reason), CallingSelfError)


@virtual_time
async def test_otp_154_a_failed_call_tells_why_whom_and_what() -> None:
    """Whether there was nobody, no time, or an end."""
    async with world() as w:
        actor = await w.actor("slow")
        never = Do(lambda: NO_REPLY)
        with pytest.raises(CallTimeoutError) as late:
            await actor.call(never, timeout=1)
        with pytest.raises(CallExitError) as ended:
            await actor.call(Do(lambda: 1 / 0))
        with pytest.raises(CallNoProcError) as nobody:
            await Named(w.runtime, "nobody").call(never)
        for error, target in ((late, "slow"), (ended, "slow"), (nobody, "nobody")):
            assert error.value.target == target
            assert isinstance(error.value.request, Do)
        assert (late.value.reason, nobody.value.reason) == (TIMEOUT, NOPROC)
        assert isinstance(ended.value.reason, Crash)


@virtual_time
async def test_otp_155_a_timeout_that_is_not_caught_ends_the_caller() -> None:
    """The callee is not told."""
    async with world() as w:
        callee, caller = await w.actor("callee"), await w.actor("caller")
        caller.cast(DoLater(lambda _: callee.call(Do(lambda: NO_REPLY), timeout=1)))
        assert isinstance(crash_of(await caller.process.join()), CallTimeoutError)
        assert await callee.call(Do(lambda: "still here")) == "still here"


@virtual_time
async def test_otp_158_a_reply_in_the_tick_of_the_timeout_is_taken() -> None:
    """It is there when the timeout is looked at."""
    async with world() as w:
        actor = await w.actor()
        request = actor.send_request(Do(lambda: "there"))
        await quiet()
        assert await request.wait(timeout=0) == "there"


@virtual_time
async def test_otp_163_a_return_without_meaning_crashes_the_actor() -> None:
    """NotImplemented for a call; anything at all for what is not answered."""
    async with world() as w:
        first, second = await w.actor("first"), await w.actor("second")
        with pytest.raises(CallExitError) as caught:
            await first.call(Do(lambda: NotImplemented))
        assert isinstance(crash_of(caught.value.reason), BadReturnError)
        second.cast(DoLater(lambda: "unwanted"))
        assert isinstance(crash_of(await second.process.join()), BadReturnError)


@virtual_time
async def test_otp_164_a_message_without_a_handler_crashes_but_an_info_may_be_skipped() -> None:
    """An actor without handle_info reports it and goes on; one that has it crashes."""
    async with world() as w:
        for send in (lambda one: one.cast("strange"), lambda one: one.send_request(OtherCall())):
            actor = await w.actor()
            send(actor)
            assert isinstance(crash_of(await actor.process.join()), UnhandledMessageError)
        mute = await w.actor("mute", kind=Mute)
        mute.info("strange")
        assert await mute.call(Do(lambda: "goes on")) == "goes on"
        assert w.reports.of(UnexpectedMessage) == [UnexpectedMessage("mute", "'strange'")]
        picky = await w.actor("picky")
        picky.info(lambda actor: Mute.handle_info(actor, "strange"))
        assert isinstance(crash_of(await picky.process.join()), UnhandledMessageError)


@virtual_time
async def test_otp_167_requests_can_be_sent_first_and_waited_for_later() -> None:
    """Waited for again after a timeout, polled, collected, and given up."""
    async with world() as w:
        slow, quick = await w.actor("slow"), await w.actor("quick")
        first = slow.send_request(Do(nap(2)))
        second = quick.send_request(Do(lambda: "quick"))
        assert not first.is_done
        assert await wait_any([first, second]) is second
        assert await second.wait() == "quick"
        with pytest.raises(CallTimeoutError):
            await first.wait(timeout=1)
        assert await first.wait() is None
        third = slow.send_request(Do(nap(2)))
        third.abandon()
        assert await slow.call(Do(lambda: "after")) == "after"
        assert await wait_any([slow.send_request(Do(lambda: NO_REPLY))], timeout=1) is None


async def each_other(w: World) -> tuple[Exception, float]:
    """Have two actors call each other; return how the first call fails, and when."""
    a, b = await w.actor("a"), await w.actor("b")
    began = trio.current_time()
    back = Do(lambda: a.call(Do(lambda: 1), timeout=7))
    with pytest.raises(CallExitError) as caught:
        await a.call(Do(lambda: b.call(back)), timeout=60)
    return crash_of(caught.value.reason), trio.current_time() - began


@virtual_time
async def test_otp_169_two_actors_that_call_each_other_wait_for_the_timeout() -> None:
    """As in OTP; where it is switched on, a detector refuses the call that closes the circle."""
    async with world() as w:
        error, after = await each_other(w)
        assert isinstance(error, CallTimeoutError)
        assert after == pytest.approx(5)
    async with open_runtime() as plain:
        runtime = type(plain)(nursery=plain.nursery, detect_deadlocks=True)
        error, after = await each_other(World(runtime, Reports()))
        assert isinstance(error, CallExitError)
        cycle = crash_of(error.reason)
        assert isinstance(cycle, CallCycleError)
        assert cycle.circle == ["b", "a", "b"]
        assert after == 0
        runtime.kill_all()


@virtual_time
async def test_otp_039_a_handle_reaches_one_life_and_a_name_the_next() -> None:
    """The old handle says noproc; it never meets the new generation."""
    async with world() as w:
        old = await w.actor(registered_name="desk")
        await old.stop()
        new = await w.actor(registered_name="desk")
        with pytest.raises(NoProcError):
            await old.call(Do(lambda: 1))
        assert not old.cast(DoLater(lambda: None))
        assert await Named(w.runtime, "desk").call(Do(lambda actor: actor.ref.name)) == "scripted"
        assert body_of(new) is not body_of(old)
