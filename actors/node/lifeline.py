"""The line between a front process and its nodes: it says «up», and its end means «stop»."""

from __future__ import annotations

import socket

import trio

UP = b"up\n"


class NodeDiedError(Exception):
    """A node ended though nobody asked it to; its own log says why."""


async def wait_for_up(line: trio.SocketStream) -> None:
    """Wait until the node says that it is up; `NodeDiedError` when it ends before."""
    if await line.receive_some(len(UP)) != UP:
        raise NodeDiedError("it ended before it was up")


def say_up(line: socket.socket) -> None:
    """Tell the front process that this node is up."""
    line.send(UP)


async def wait_for_end(line: socket.socket) -> None:
    """Return when the front process is gone: whoever is left alone stops."""
    stream = trio.SocketStream(trio.socket.from_stdlib_socket(line))
    while True:
        try:
            if not await stream.receive_some(1):
                return
        except trio.BrokenResourceError:
            return
