"""`endpoint`: the HTTP server as a child of the tree.

Dies here: the requests in hand. New connections wait in the backlog for the next life.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence

import trio

from api.server.limits import ServerLimits
from api.server.serve import ASGIApp, Server, serve
from supervisors.exits import ExitReason
from supervisors.process import Process
from supervisors.spec import ChildSpec

MARGIN_SECONDS = 5.0
"""Above the grace of requests: for the lifespan of the application to end."""


class _Started(trio.TaskStatus[Server]):
    """Passes trio's word that the server is up on to the supervisor."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def started(self, value: Server | None = None) -> None:
        self._process.started(value)


def endpoint_spec(
    app_factory: Callable[[], ASGIApp], sockets: Sequence[socket.socket], limits: ServerLimits
) -> ChildSpec:
    """Child that serves a fresh application on `sockets`, which stay the caller's.

    It has started when connections are accepted; its handle has `describe()`. Asked to stop it
    ends gracefully, killed it drops everything.
    """

    async def body(process: Process) -> ExitReason | None:
        shutdown = trio.Event()
        process.on_shutdown(lambda _reason: shutdown.set())
        started = _Started(process)
        await serve(app_factory(), sockets, limits, shutdown=shutdown, task_status=started)
        return None

    return ChildSpec(id="endpoint", start=body, shutdown=limits.graceful_seconds + MARGIN_SECONDS)
