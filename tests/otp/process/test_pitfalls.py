"""What goes wrong around a cooperative scheduler, and what becomes of it here."""

from __future__ import annotations

import asyncio

import pytest
import trio

from actors.kernel.errors import CallExitError, MailboxFullError
from actors.kernel.messages import NO_REPLY, Caller
from supervisors.exits import KILLED, Crash
from tests.support.script import Do, DoLater, Mute, Text, body_of, nap, world
from tests.support.tree import Boom, crash_of, quiet, virtual_time


@virtual_time
async def test_a_flood_of_handlers_that_never_wait_lets_others_run() -> None:
    """P-11: the loop passes a checkpoint for every message."""
    async with world() as w:
        busy, other = await w.actor("busy"), await w.actor("other")
        for _ in range(1000):
            busy.cast(Text("x"))
        assert await other.call(Do(lambda: "served")) == "served"
        assert body_of(busy).handled < 1000


@virtual_time
async def test_a_handler_that_swallows_its_cancel_ends_as_killed_when_it_lets_go() -> None:
    """P-01: what was asked for decides, not what the task makes of it."""
    async with world() as w:
        actor = await w.actor()

        async def deaf(body: Mute) -> None:
            with trio.CancelScope(shield=True):
                await trio.sleep(7)
            body.note("woke")

        actor.cast(DoLater(deaf))
        await quiet()
        actor.process.kill()
        began = trio.current_time()
        assert await actor.process.join() == KILLED
        assert trio.current_time() - began == pytest.approx(7)
        assert w.journal == ["init", "woke"]


@virtual_time
async def test_a_cancel_of_asyncio_in_a_handler_is_a_crash() -> None:
    """P-07: it is no cancel of ours, though it is no `Exception` either."""
    async with world() as w:
        actor = await w.actor()

        def foreign() -> None:
            raise asyncio.CancelledError

        with pytest.raises(CallExitError) as caught:
            await actor.call(Do(foreign))
        assert isinstance(caught.value.reason, Crash)
        assert isinstance(caught.value.reason.exception, asyncio.CancelledError)


@virtual_time
async def test_a_group_out_of_a_handler_is_one_crash() -> None:
    """P-05: a nursery in a handler; siblings that were cancelled by it are no part."""
    async with world() as w:
        actor = await w.actor()

        async def fail() -> None:
            raise Boom

        async def nursery() -> None:
            async with trio.open_nursery() as own:
                own.start_soon(trio.sleep_forever)
                own.start_soon(fail)

        actor.cast(DoLater(nursery))
        reason = await actor.process.join()
        assert isinstance(crash_of(reason), Boom)
        assert w.journal[-1] == "terminate crash: Boom: "


@virtual_time
async def test_a_timeout_of_the_handlers_own_is_no_end() -> None:
    """Section 3.1: it is consumed where it was set."""
    async with world() as w:
        actor = await w.actor()

        async def own_limit() -> str:
            with trio.move_on_after(1):
                await trio.sleep_forever()
            return "went on"

        assert await actor.call(Do(own_limit)) == "went on"


@virtual_time
async def test_a_second_reply_is_dropped() -> None:
    """The first one counts, whoever sends it."""
    async with world() as w:
        actor = await w.actor()

        def twice(_body: Mute, caller: Caller[str]) -> object:
            assert caller.reply("first")
            assert not caller.reply("second")
            return NO_REPLY

        assert await actor.call(Do(twice)) == "first"


@virtual_time
async def test_a_full_mailbox_refuses_but_ends_and_exits_still_fit() -> None:
    """P-14: what the runtime has to tell goes beside the bound."""
    async with world() as w:
        actor, peer = await w.actor(), await w.plain("peer")
        body = body_of(actor)
        body.monitor(peer.process)
        body.link(peer.process)
        body.mailbox.capacity = 2
        actor.cast(DoLater(nap(1)))
        await quiet()
        assert [actor.cast(Text(str(number))) for number in range(3)] == [True, True, False]
        with pytest.raises(MailboxFullError):
            await actor.call(Do(lambda: 1))
        peer.process.kill()
        await trio.sleep(2)
        assert w.journal == ["init", "0", "1", "Down", "ExitMessage"]
