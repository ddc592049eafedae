"""Deadlines that travel with calls; calls in a circle; a cancel that is none of ours."""

from __future__ import annotations

import asyncio

import pytest
import trio

from actors.kernel.errors import CallTimeoutError
from supervisors.exits import Crash
from tests.support.script import Do, DoLater, Scripted, nap, world
from tests.support.tree import quiet, virtual_time


@virtual_time
async def test_a_call_in_a_handler_waits_no_longer_than_who_asked_for_it() -> None:
    """Through any number of actors: nobody works for a reply that nobody waits for."""
    async with world() as w:
        near, middle, far = await w.actor("near"), await w.actor("middle"), await w.actor("far")
        gave_up: list[float] = []

        async def ask(then: Do) -> None:
            with pytest.raises(CallTimeoutError):
                await (far if then is sleep else middle).call(then, timeout=60)
            gave_up.append(trio.current_time())

        sleep = Do(nap(100))
        with pytest.raises(CallTimeoutError):
            await near.call(Do(lambda: ask(Do(lambda: ask(sleep)))), timeout=2)
        await trio.sleep(1)
        assert gave_up == [pytest.approx(2, abs=0.01)] * 2
        assert trio.current_time() == 3.0


@virtual_time
async def test_a_deadline_ends_with_the_handler() -> None:
    """What a cast does afterwards has its own time; so has what has no caller."""
    async with world() as w:
        near, far = await w.actor("near"), await w.actor("far")
        await near.call(Do(lambda: 1), timeout=1)

        async def ask() -> None:
            await far.call(Do(nap(3)))

        near.cast(DoLater(ask))
        await trio.sleep(4)
        assert near.process.is_alive


class Strict(Scripted):
    """Does not work for nobody."""

    drops_expired = True


@virtual_time
async def test_a_request_whose_deadline_passed_in_the_mailbox_is_skipped_on_wish() -> None:
    """By default it is carried out all the same (OTP-157)."""
    for kind, done in ((Scripted, ["late"]), (Strict, [])):
        async with world() as w:
            actor = await w.actor(kind=kind)
            actor.cast(DoLater(nap(2)))
            late: list[str] = []
            with pytest.raises(CallTimeoutError):
                await actor.call(Do(lambda late=late: late.append("late")), timeout=1)
            await trio.sleep(2)
            assert late == done
            assert await actor.call(Do(lambda: "served")) == "served"


@virtual_time
async def test_a_foreign_cancel_in_a_handler_is_a_crash_with_terminate() -> None:
    """As any other crash."""
    async with world() as w:
        actor = await w.actor()

        def foreign() -> None:
            raise asyncio.CancelledError

        actor.cast(DoLater(foreign))
        assert isinstance(await actor.process.join(), Crash)
        assert w.journal == ["init", "terminate crash: CancelledError: "]


@virtual_time
async def test_a_killed_actor_does_not_terminate_though_its_nursery_gives_a_group() -> None:
    """A cancel in a group is still a cancel."""
    async with world() as w:
        actor = await w.actor()

        async def nursery() -> None:
            async with trio.open_nursery() as own:
                own.start_soon(trio.sleep_forever)

        actor.cast(DoLater(nursery))
        await quiet()
        actor.process.kill()
        await actor.process.join()
        assert w.journal == ["init"]


@virtual_time
async def test_terminate_after_an_end_of_the_actors_own_is_limited() -> None:
    """Nobody above waits for it then, and so nobody would ever kill it."""
    async with world() as w:
        actor = await w.actor(end=nap(100))
        actor.cast(DoLater(lambda body: body.stop()))
        await actor.process.join()
        assert trio.current_time() == 5.0
