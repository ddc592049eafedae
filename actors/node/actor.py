"""`node-N`: a whole controller in a process of its own, supervised like any other child.

It inherits the listening sockets, so that the kernel gives each connection to whichever node
accepts first, and shares nothing else with its neighbours but the database. Dies here: requests
in hand of this node; the others serve on, and the supervisor starts it again.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress

import trio

from actors.node.lifeline import NodeDiedError, wait_for_up
from supervisors.exits import ExitReason
from supervisors.process import Process
from supervisors.spec import ChildSpec

LINE_VARIABLE = "EXPO_NODE_LINE"
SOCKETS_VARIABLE = "EXPO_NODE_SOCKETS"
LIFE_VARIABLE = "EXPO_NODE_LIFE"
_MARGIN_SECONDS = 5.0


class Node:
    """Handle of a running node, for the picture of the tree."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen

    def describe(self) -> Mapping[str, object]:
        """Process id."""
        return {"pid": self._popen.pid}


def node_spec(
    number: int,
    sockets: Sequence[socket.socket],
    environment: Mapping[str, str],
    *,
    stop_seconds: float,
) -> ChildSpec:
    """Child that runs one node in `environment`; up when it says so, stopped with SIGTERM."""

    async def body(process: Process) -> ExitReason | None:
        ours, theirs = socket.socketpair()
        try:
            popen = _start(theirs, sockets, {**environment, LIFE_VARIABLE: str(process.generation)})
        finally:
            theirs.close()
        line = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
        try:
            await wait_for_up(line)
            await _serve(process, popen)
        finally:
            with trio.CancelScope(shield=True):
                await _end_now(popen)
            await trio.aclose_forcefully(line)
        return None

    return ChildSpec(id=f"node-{number}", start=body, shutdown=stop_seconds + _MARGIN_SECONDS)


def _start(
    line: socket.socket, sockets: Sequence[socket.socket], environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start the process; in a session of its own, so that Ctrl-C reaches the front alone."""
    fds = [listening.fileno() for listening in sockets]
    more = {
        LINE_VARIABLE: str(line.fileno()),
        SOCKETS_VARIABLE: ",".join(str(fd) for fd in fds),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "controller", "node"],
        env={**environment, **more},
        pass_fds=(line.fileno(), *fds),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


async def _serve(process: Process, popen: subprocess.Popen[bytes]) -> None:
    """Be up until the process ends; `NodeDiedError` when nobody asked it to."""
    asked = trio.Event()
    process.on_shutdown(lambda _reason: asked.set())
    process.started(Node(popen))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_stop_when_asked, asked, popen)
        status = await _exited(popen)
        nursery.cancel_scope.cancel()
    if not asked.is_set():
        raise NodeDiedError(f"exit status {status}")


async def _stop_when_asked(asked: trio.Event, popen: subprocess.Popen[bytes]) -> None:
    await asked.wait()
    _signal(popen, signal.SIGTERM)


async def _exited(popen: subprocess.Popen[bytes]) -> int:
    return await trio.to_thread.run_sync(popen.wait, abandon_on_cancel=True)


async def _end_now(popen: subprocess.Popen[bytes]) -> None:
    """See that the process is gone and reaped; takes no time when it is."""
    _signal(popen, signal.SIGKILL)
    await trio.to_thread.run_sync(popen.wait)


def _signal(popen: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError):
        popen.send_signal(number)
