"""Serve an ASGI application on sockets that are already listening."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TypeAlias

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.lifespan import Lifespan
from hypercorn.typing import ASGIFramework, ConnectionState
from hypercorn.utils import repr_socket_addr  # pyright: ignore[reportUnknownVariableType]

from api.server.answer import StandingHeaders
from api.server.connection import Connection, Service
from api.server.limits import ServerLimits
from api.server.roster import Roster

ASGIApp: TypeAlias = ASGIFramework


class Listener(trio.abc.Listener[trio.SocketStream]):
    """Accepts only while there is room; what is not accepted waits in the backlog."""

    def __init__(self, source: socket.socket, roster: Roster) -> None:
        # A duplicate: the one that was given outlives this life of the server.
        self._inner = trio.SocketListener(trio.socket.from_stdlib_socket(source.dup()))
        self._roster = roster

    async def accept(self) -> trio.SocketStream:
        """Wait for a connection, and for room; nobody is sent away before there is a newcomer."""
        if self._roster.is_full:
            await trio.lowlevel.wait_readable(self._inner.socket)
            await self._roster.room()
        stream = await self._inner.accept()
        self._roster.expect()
        return stream

    async def aclose(self) -> None:
        """Close the duplicate."""
        await self._inner.aclose()


class Server:
    """One life of the server, for whoever asks how it does."""

    def __init__(self, service: Service, sockets: Sequence[socket.socket]) -> None:
        self._service = service
        self._sockets = sockets
        self._addresses = [repr_socket_addr(s.family, s.getsockname()) for s in sockets]

    def describe(self) -> Mapping[str, object]:
        """Open connections, requests so far, addresses."""
        return {
            "connections": len(self._service.roster),
            "requests": self._service.roster.requests,
            "addresses": list(self._addresses),
        }

    async def run(self, shutdown: trio.Event, task_status: trio.TaskStatus[Server]) -> None:
        """Accept until `shutdown`, then give what is in hand its time."""
        roster = self._service.roster
        async with trio.open_nursery() as connections:
            async with trio.open_nursery() as accepting:
                listeners = [Listener(source, roster) for source in self._sockets]
                accepting.start_soon(
                    partial(trio.serve_listeners, handler_nursery=connections),
                    self._handle,
                    listeners,
                )
                task_status.started(self)
                await shutdown.wait()
                accepting.cancel_scope.cancel()
            roster.part()
            if len(roster):
                await trio.sleep(self._service.limits.farewell_seconds)
            roster.drain()
            grace = self._service.limits.graceful_seconds
            connections.cancel_scope.deadline = trio.current_time() + grace

    async def _handle(self, stream: trio.SocketStream) -> None:
        await Connection(self._service, stream).run()


async def serve(
    app: ASGIApp,
    sockets: Sequence[socket.socket],
    limits: ServerLimits,
    *,
    shutdown: trio.Event,
    task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve `app` on `sockets` until `shutdown` is set; `started` hands over the `Server`.

    At shutdown it accepts nothing more, closes idle connections after `farewell_seconds`, in which
    a request that is on its way is still answered, and gives requests in hand `graceful_seconds`;
    then the lifespan of `app` ends. Cancelled, it drops everything at once. `sockets` stay open and
    listening either way. Raises what the start of the lifespan raises; no request or connection
    ends it.
    """
    config = _config()
    state = ConnectionState({})
    lifespan = Lifespan(ASGIWrapper(app), config, state)
    roster = Roster(limits.max_connections, limits.max_connections_per_address)
    server = Server(Service(app, limits, state, StandingHeaders(config), roster), sockets)
    async with trio.open_nursery() as nursery:
        await nursery.start(lifespan.handle_lifespan)
        if not lifespan.startup.is_set():  # else `app` left at once: it has no lifespan
            await lifespan.wait_for_startup()
        await server.run(shutdown, task_status)
        if not lifespan.shutdown.is_set():
            await lifespan.wait_for_shutdown()
        nursery.cancel_scope.cancel()


def _config() -> Config:
    config = Config()
    config.include_server_header = False
    return config
