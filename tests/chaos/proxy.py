"""A TCP proxy of our own, between clients and controller or controller and database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import trio

Connect = Callable[[], Awaitable[trio.abc.Stream]]
_TROUBLE = (OSError, trio.BrokenResourceError, trio.ClosedResourceError)


class Proxy:
    """Forwards as it is told: at once, late, not at all; or cuts what is there."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._pairs: set[tuple[trio.abc.Stream, trio.abc.Stream]] = set()
        self._passes = trio.Event()
        self._passes.set()
        self.delay = 0.0
        self.port = 0

    async def serve(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Listen on a free port of the loopback, `port`, until cancelled."""
        async with trio.open_nursery() as nursery:
            serve = partial(trio.serve_tcp, self._pass_on, 0, host="127.0.0.1")
            listeners = await nursery.start(serve)
            self.port = listeners[0].socket.getsockname()[1]
            task_status.started()

    def hold(self) -> None:
        """Forward nothing more, and close nothing: a black hole."""
        self._passes = trio.Event()

    def release(self) -> None:
        """Forward again, first what was held back."""
        self._passes.set()

    async def cut(self) -> None:
        """Close every connection, without a word."""
        for pair in tuple(self._pairs):
            for stream in pair:
                await trio.aclose_forcefully(stream)

    async def _pass_on(self, client: trio.SocketStream) -> None:
        try:
            server = await self._connect()
        except OSError:
            await trio.aclose_forcefully(client)
            return
        pair = (client, server)
        self._pairs.add(pair)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._pump, client, server, nursery.cancel_scope)
                nursery.start_soon(self._pump, server, client, nursery.cancel_scope)
        finally:
            self._pairs.discard(pair)
            for stream in pair:
                await trio.aclose_forcefully(stream)

    async def _pump(
        self, source: trio.abc.Stream, sink: trio.abc.Stream, both: trio.CancelScope
    ) -> None:
        try:
            while data := await source.receive_some(65536):
                if self.delay:
                    await trio.sleep(self.delay)
                await self._passes.wait()
                await sink.send_all(data)
        except _TROUBLE:
            pass
        both.cancel()
