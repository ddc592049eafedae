"""Waiting for tasks: await, yield, shutdown, and for many at once."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from actors.kernel.tasks.many import Late, await_many, yield_many
from actors.kernel.tasks.outcome import (
    AlreadyAwaitedError,
    Exit,
    NotTaskOwnerError,
    Ok,
    TaskExitError,
    TaskTimeoutError,
)
from supervisors.exits import KILLED, Crash
from supervisors.spec import BRUTAL_KILL
from tests.otp.tasks.office import deaf, fail, give, opened
from tests.support.tree import Boom, crash_of, quiet, virtual_time


@virtual_time
@pytest.mark.parametrize("how", ["await_", "yield_", "shutdown", "ignore"])
async def test_otp_236_only_the_process_that_started_a_task_may_have_its_outcome(how: str) -> None:
    """Another process may not, nor who is none; afterwards the owner still can."""
    async with opened() as office:
        task = await office.owner.do(office.tasks.async_, give, 7)
        with pytest.raises(NotTaskOwnerError):
            await office.other.do(getattr(task, how))
        with pytest.raises(NotTaskOwnerError):
            await task.await_()
        assert await office.owner.do(task.await_) == 7


@virtual_time
async def test_otp_237_await_waits_five_seconds_and_then_raises() -> None:
    """At that very moment; the task goes on."""
    async with opened() as office:
        task = await office.owner.do(office.tasks.async_nolink, give, 1, 8)
        began = trio.current_time()
        with pytest.raises(TaskTimeoutError, match="give is not done after 5 s"):
            await office.owner.do(task.await_)
        assert trio.current_time() - began == 5
        await task.process.join()
        assert trio.current_time() - began == 8


@virtual_time
async def test_otp_237_an_uncaught_timeout_or_crash_is_the_end_of_the_caller() -> None:
    """And by the link of its task."""
    async with opened() as office:

        async def wait_for_slow() -> None:
            task = await office.tasks.async_(give, 1, 100)
            await task.await_()

        async def wait_for_failing() -> None:
            task = await office.tasks.async_nolink(fail)
            await task.await_()

        office.owner.begin(wait_for_slow)
        office.other.begin(wait_for_failing)
        assert isinstance(crash_of(await office.owner.life.join()), TaskTimeoutError)
        assert isinstance(crash_of(await office.other.life.join()), TaskExitError)
        await quiet()
        assert office.living() == []


@virtual_time
async def test_otp_237_a_task_is_awaited_once() -> None:
    """Whatever came of it."""
    async with opened() as office:
        good = await office.owner.do(office.tasks.async_nolink, give, 1)
        bad = await office.owner.do(office.tasks.async_nolink, fail)
        late = await office.owner.do(office.tasks.async_nolink, give, 1, 100)
        assert await office.owner.do(good.await_) == 1
        with pytest.raises(TaskExitError):
            await office.owner.do(bad.await_)
        with pytest.raises(TaskTimeoutError):
            await office.owner.do(late.await_, 1)
        for task in (good, bad, late):
            for again in (task.await_, task.yield_, task.shutdown):
                with pytest.raises(AlreadyAwaitedError):
                    await office.owner.do(again)


@virtual_time
async def test_otp_238_yield_gives_value_exit_or_nothing_yet_and_can_be_repeated() -> None:
    """Until it has given the outcome."""
    async with opened() as office:
        task = await office.owner.do(office.tasks.async_nolink, give, "done", 12)
        began = trio.current_time()
        assert await office.owner.do(task.yield_) is None
        assert trio.current_time() - began == 5
        assert await office.owner.do(task.yield_, 1) is None
        assert await office.owner.do(task.yield_, 10) == Ok("done")
        assert trio.current_time() - began == 12
        failing = await office.owner.do(office.tasks.async_nolink, fail)
        outcome = await office.owner.do(failing.yield_)
        assert isinstance(outcome, Exit)
        assert isinstance(crash_of(outcome.reason), Boom)
        with pytest.raises(AlreadyAwaitedError):
            await office.owner.do(failing.yield_)


@virtual_time
async def test_otp_239_shutdown_stops_a_task_and_has_nothing_to_return() -> None:
    """By its limit or by a kill; the owner of a linked task lives."""
    async with opened() as office:
        for limit in (5.0, BRUTAL_KILL):
            task = await office.owner.do(office.tasks.async_, give, 1, 100)
            assert await office.owner.do(task.shutdown, limit) is None
            assert not task.process.is_alive
        await quiet()
        assert office.owner.life.is_alive
        assert office.living() == []


@virtual_time
async def test_otp_239_shutdown_returns_what_had_come_before_it() -> None:
    """A value, or an end; also when the value comes while the task is being stopped."""
    async with opened() as office:
        done = await office.owner.do(office.tasks.async_nolink, give, 1)
        failed = await office.owner.do(office.tasks.async_nolink, fail)
        await quiet()
        assert await office.owner.do(done.shutdown) == Ok(1)
        assert isinstance((await office.owner.do(failed.shutdown)).reason, Crash)
        stubborn = await office.owner.do(office.tasks.async_nolink, deaf, 3)
        await quiet()
        assert await office.owner.do(stubborn.shutdown) == Ok("deaf")


@virtual_time
async def test_otp_239_a_task_that_does_not_stop_is_killed_at_the_limit() -> None:
    """And that is told; one that hears no kill either is waited for no longer than 5 s more."""
    async with opened() as office:
        task = await office.owner.do(office.tasks.async_nolink, sleep_on, 3)
        await quiet()
        began = trio.current_time()
        assert await office.owner.do(task.shutdown, 1) == Exit(KILLED)
        assert trio.current_time() - began == 3
        stuck = await office.owner.do(office.tasks.async_nolink, deaf, 100)
        await quiet()
        began = trio.current_time()
        assert await office.owner.do(stuck.shutdown, 1) is None
        assert trio.current_time() - began == 6


async def sleep_on(seconds: float) -> None:
    """Hear nothing for a while, then be cancelled."""
    await deaf(seconds)
    await trio.sleep_forever()


@virtual_time
async def test_otp_240_await_many_has_one_deadline_for_all() -> None:
    """Values come in the order of the tasks; the first that fails is raised."""
    async with opened() as office:

        async def start(*seconds: float) -> list[Any]:
            return [await office.tasks.async_nolink(give, second, second) for second in seconds]

        async def good() -> list[Any]:
            return await await_many(await start(3, 1, 4))

        async def late() -> None:
            await await_many(await start(4, 6, 1))

        async def bad() -> None:
            await await_many([*await start(1), await office.tasks.async_nolink(fail)])

        began = trio.current_time()
        assert await office.owner.do(good) == [3, 1, 4]
        assert trio.current_time() - began == 4
        with pytest.raises(TaskTimeoutError):
            await office.owner.do(late)
        assert trio.current_time() - began == 9
        with pytest.raises(TaskExitError):
            await office.owner.do(bad)


@virtual_time
@pytest.mark.parametrize("late", Late)
async def test_otp_240_yield_many_gives_nothing_for_the_late_ones(late: Late) -> None:
    """What becomes of those is chosen: left, killed, or ignored."""
    async with opened() as office:

        async def ask() -> list[Any]:
            tasks = [
                await office.tasks.async_nolink(give, "quick", 1),
                await office.tasks.async_nolink(fail, 1),
                await office.tasks.async_nolink(give, "slow", 9),
            ]
            return await yield_many(tasks, 2, late=late)

        found = await office.owner.do(ask)
        (_, quick), (_, failed), (task, slow) = found
        assert (quick, type(failed), slow) == (Ok("quick"), Exit, None)
        assert task.process.is_alive == (late is not Late.KILL_TASK)
        if late is Late.NOTHING:
            assert await office.owner.do(task.yield_, 10) == Ok("slow")
        else:
            with pytest.raises(AlreadyAwaitedError):
                await office.owner.do(task.yield_)


@virtual_time
async def test_otp_240_yield_many_returns_when_enough_are_done() -> None:
    """The others stay as they are."""
    async with opened() as office:

        async def ask() -> list[Any]:
            tasks = [await office.tasks.async_nolink(give, n, n) for n in (3, 1, 2)]
            return await yield_many(tasks, 10, limit=2)

        began = trio.current_time()
        found = await office.owner.do(ask)
        assert trio.current_time() - began == 2
        assert [outcome for _, outcome in found] == [None, Ok(1), Ok(2)]
