"""Failures of asyncio that nobody waits for: an outage is no reason to end, a bug is."""

from __future__ import annotations

import asyncio
import gc
from functools import partial

import asyncpg
import pytest
import trio
import trio_asyncio

from actors.store.bridge import hear_the_unheard, on_asyncio


async def _leave_behind(error: Exception) -> None:
    """Have a future fail that nobody looks at."""
    asyncio.get_running_loop().create_future().set_exception(error)
    gc.collect()
    await asyncio.sleep(0)


async def _greet(port: int) -> None:
    """Give up greeting a server that says nothing."""
    with pytest.raises(asyncio.TimeoutError):
        await asyncpg.connect(host="127.0.0.1", port=port, user="u", database="d", timeout=0.1)


async def test_a_connection_that_breaks_after_it_was_given_up() -> None:
    """The server is silent, then gone: the program goes on."""
    async with trio_asyncio.open_loop() as loop, trio.open_nursery() as nursery:
        loop.set_exception_handler(hear_the_unheard)

        async def silent(stream: trio.SocketStream) -> None:
            await stream.receive_some(100)
            await trio.sleep(0.3)
            await trio.aclose_forcefully(stream)

        serve = partial(trio.serve_tcp, silent, 0, host="127.0.0.1")
        listeners = await nursery.start(serve)
        await on_asyncio(_greet)(listeners[0].socket.getsockname()[1])
        gc.collect()
        await on_asyncio(_leave_behind)(ConnectionError("unexpected connection_lost() call"))
        nursery.cancel_scope.cancel()


@pytest.mark.usefixtures("expect_errors")
async def test_a_bug_that_nobody_waits_for_is_loud() -> None:
    """What is no outage ends the loop, and with it the program."""
    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="a bug"), flatten_subgroups=True):
        async with trio_asyncio.open_loop() as loop:
            loop.set_exception_handler(hear_the_unheard)
            await on_asyncio(_leave_behind)(ValueError("a bug"))
            await trio.sleep_forever()
