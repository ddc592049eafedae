"""The line between a front process and its nodes: it says «up», and its end means «stop»."""

from __future__ import annotations

import socket
from contextlib import suppress

import trio

from actors.domain.errors import OperatorError

UP = b"up\n"
NO = b"no "
_LONGEST = 4096
START_SECONDS = 300.0
"""How long a node may take to be up; a database that recovers has much to do."""


class NodeDiedError(Exception):
    """A node ended though nobody asked it to; its own log says why."""


class NodeSetupError(OperatorError):
    """A node cannot start; the text is its sentence for the operator."""


async def wait_for_up(line: trio.SocketStream) -> None:
    """Wait until the node says that it is up.

    Raises `NodeSetupError` with the node's own sentence, or `NodeDiedError`.
    """
    try:
        with trio.fail_after(START_SECONDS):
            said = bytes(await line.receive_some(_LONGEST))
    except (trio.TooSlowError, trio.BrokenResourceError):
        said = b""
    if said.startswith(NO):
        raise NodeSetupError(said[len(NO) :].decode(errors="replace"))
    if said != UP:
        raise NodeDiedError("it ended before it was up")


def say_up(line: socket.socket) -> None:
    """Tell the front process that this node is up."""
    line.send(UP)


def say_no(line: socket.socket, sentence: str) -> None:
    """Tell the front process why this node cannot start."""
    with suppress(OSError):
        line.send(NO + sentence.encode()[: _LONGEST - len(NO)])


async def wait_for_end(line: socket.socket) -> None:
    """Return when the front process is gone: whoever is left alone stops."""
    stream = trio.SocketStream(trio.socket.from_stdlib_socket(line))
    while True:
        try:
            if not await stream.receive_some(1):
                return
        except trio.BrokenResourceError:
            return
