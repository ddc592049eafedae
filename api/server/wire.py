"""The byte side of a connection: the socket, and the parser that is fed from it."""

from __future__ import annotations

import select
from collections.abc import Iterable

import h11
import trio

from api.server.limits import ServerLimits

JOINED_BYTES = 64 * 1024
"""Parts of an answer up to this size leave in one send; copying more costs more than it saves."""


class ClientGoneError(OSError):
    """The client went away, or was given up: nobody waits for an answer.

    ASGI's `send` raises it from then on, and so does a body that breaks off.
    """


class Wire:
    """One socket and its h11 parser."""

    def __init__(self, stream: trio.SocketStream, limits: ServerLimits) -> None:
        self.parser = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.max_header_bytes)
        self._stream = stream
        self._limits = limits

    async def receive(self, size: int) -> bytes:
        """Receive once, past the parser; b"" is the end of the stream.

        Raises `ClientGoneError` when the connection is broken.
        """
        try:
            return bytes(await self._stream.receive_some(size))
        except trio.BrokenResourceError as error:
            raise ClientGoneError("connection reset") from error

    async def read(self, size: int) -> int:
        """As `receive`, but feed the parser, and return how many bytes came."""
        data = await self.receive(size)
        self.parser.receive_data(data)
        return len(data)

    async def write(self, parts: Iterable[bytes]) -> None:
        """Send `parts` in order, small ones together.

        Raises `ClientGoneError` when the client is gone or takes nothing for
        `send_stall_seconds`. Cancelled, it may have sent a part of them: send nothing more then.
        """
        held: list[bytes] = []
        size = 0
        for part in parts:
            if held and size + len(part) > JOINED_BYTES:
                await self._send(b"".join(held))
                held, size = [], 0
            held.append(part)
            size += len(part)
        if size:
            await self._send(held[0] if len(held) == 1 else b"".join(held))

    async def until_readable(self) -> None:
        """Wait until a read would return at once, with bytes, the end, or an error."""
        await trio.lowlevel.wait_readable(self._stream.socket)

    def readable(self) -> bool:
        """Whether a read would return at once, with bytes or with the end."""
        poll = select.poll()
        poll.register(self._stream.socket.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    async def linger(self) -> None:
        """Say that nothing more comes, then throw away what the client still sends, within limits.

        Closing with unread bytes would reset the connection and take the last answer along.
        """
        with trio.move_on_after(self._limits.linger_seconds):
            await self._stream.send_eof()
            left = self._limits.linger_bytes
            while left > 0 and (data := await self._stream.receive_some(JOINED_BYTES)):
                left -= len(data)

    async def _send(self, data: bytes) -> None:
        stall = self._limits.send_stall_seconds
        rest = memoryview(data)
        with trio.CancelScope() as scope:
            while rest:  # not send_all: the deadline moves with every byte the client takes
                scope.deadline = trio.current_time() + stall
                try:
                    rest = rest[await self._stream.socket.send(rest) :]
                except OSError as error:
                    raise ClientGoneError("connection reset") from error
        if scope.cancelled_caught:
            raise ClientGoneError("the client takes no more of its answer")
