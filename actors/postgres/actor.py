"""`postgres`: the embedded database server as a child of the tree.

The death of the server process is a crash of this child; its supervisor starts it again, and
whoever comes after it in the tree. Nothing that was committed is lost by any way of ending it:

    asked to stop      SIGINT (fast: sessions end, a checkpoint is written), then as when killed
    killed, cancelled  SIGQUIT (immediate: no checkpoint, the next start recovers from the log),
                       and SIGKILL to a server that ignores even that
    kill -9 of us      the kernel sends SIGINT (Linux); the next start sees to the rest
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Final

import trio

from actors.postgres.cluster import Cluster, prepare
from actors.postgres.errors import ServerDiedError
from actors.postgres.server import Server
from supervisors.exits import ExitReason
from supervisors.process import Process
from supervisors.spec import ChildSpec

FAST_SECONDS: Final = 20.0
IMMEDIATE_SECONDS: Final = 3.0
_LAST_SECONDS: Final = 1.0


class Postgres:
    """Handle of the running child, for the picture of the tree."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def describe(self) -> Mapping[str, object]:
        """Process id, version, seconds since the start of the process."""
        return {
            "pid": self._server.pid,
            "version": self._server.version,
            "uptime": f"{trio.current_time() - self._server.started_at:.0f}s",
        }


def postgres_spec(cluster: Cluster) -> ChildSpec:
    """Child that runs the server of `cluster`; whoever runs the tree holds its `data_lock`.

    Up when the server takes connections; its init fails with `PostgresSetupError`.
    """

    async def body(process: Process) -> ExitReason | None:
        server = Server(await trio.to_thread.run_sync(prepare, cluster))
        try:
            await server.ready()
            await _serve(process, server)
        finally:
            with trio.CancelScope(shield=True):
                await _end_now(server)
        return None

    return ChildSpec(
        id="postgres", start=body, shutdown=FAST_SECONDS + IMMEDIATE_SECONDS + 2 * _LAST_SECONDS
    )


async def _serve(process: Process, server: Server) -> None:
    """Be up until the server ends; `ServerDiedError` when nobody asked it to."""
    asked = trio.Event()
    process.on_shutdown(lambda _reason: asked.set())
    process.started(Postgres(server))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_end_fast, asked, server)
        status = await server.exited()
        nursery.cancel_scope.cancel()
    if not asked.is_set():
        raise ServerDiedError(f"exit status {status}: {server.last_words()}")


async def _end_fast(asked: trio.Event, server: Server) -> None:
    await asked.wait()
    server.signal(signal.SIGINT)
    await trio.sleep(FAST_SECONDS)
    server.signal(signal.SIGQUIT)
    await trio.sleep(IMMEDIATE_SECONDS)
    server.signal(signal.SIGKILL)
    await trio.sleep_forever()


async def _end_now(server: Server) -> None:
    """See that the process is gone and reaped; takes no time when it is."""
    for number, seconds in (
        (signal.SIGQUIT, IMMEDIATE_SECONDS),
        (signal.SIGKILL, _LAST_SECONDS),
    ):
        with trio.move_on_after(seconds):
            server.signal(number)
            await server.exited()
            break
    server.close()
