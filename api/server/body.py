"""The body of one request on its way in: through the parser, or, when it is large, past it.

The parser copies every byte some four times. A body whose length is told needs no parsing: what
the parser has not seen yet is counted and handed on as it was read. At its end a stand-in takes
the parser's place, which has been told of the same request without its body.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import h11
import trio

from api.server.limits import ServerLimits
from api.server.target import RefusedError
from api.server.wire import Wire

READ_BYTES = 128 * 1024
"""Most that is held of a body through the parser: with its copies more costs more CPU a MiB."""
RAW_BYTES = 256 * 1024
"""One read past the parser."""
ALONE_SECONDS = 0.1
"""Who has read last, and nobody else for so long, need not wait for a turn."""
EVENTS = 256
"""Chunks merged into one piece of a body: bounds what one turn spends on tiny ones."""

_UNWANTED = frozenset({b"content-length", b"expect"})


class _Turns:
    """Has bodies that come in at the same time read one after the other, a turn of the loop each.

    However many there are, between two turns of anybody else lies one read and its parsing.
    """

    def __init__(self) -> None:
        self._lock = trio.Lock()
        self._last: IncomingBody | None = None
        self._until = 0.0

    @asynccontextmanager
    async def of(self, body: IncomingBody) -> AsyncGenerator[None]:
        """Wait for the turn of a body; at once for one that has been alone for a while."""
        now = trio.current_time()
        alone = self._last is body or now > self._until
        self._last, self._until = body, now + ALONE_SECONDS
        if alone:
            yield
            return
        await body.until_readable()
        async with self._lock:
            yield


_TURNS = _Turns()


class IncomingBody:
    """Pieces of a body; `complete` once its end is known."""

    def __init__(self, request: h11.Request, wire: Wire, limits: ServerLimits) -> None:
        self.complete = False
        self._request = request
        self._wire = wire
        self._limits = limits
        self._pieces: list[bytes] = []
        self._gathered = 0
        self._left = _length(request)
        self._past = False
        self._came = 0
        self._waited = 0.0
        self._sent = 0

    @property
    def has_piece(self) -> bool:
        """Whether `take` has something to give."""
        return bool(self._pieces) or self.complete

    @property
    def is_full(self) -> bool:
        """Whether as much is held as may be."""
        return self._gathered >= READ_BYTES

    async def until_readable(self) -> None:
        """Wait until there is something to read."""
        await self._wire.until_readable()

    def gather(self) -> None:
        """Take what the parser already has of the body, up to one read.

        Raises `h11.RemoteProtocolError` for a body that is framed wrongly.
        """
        if self._past:
            return
        for _ in range(EVENTS):
            if self.complete or self.is_full:
                return
            event = self._wire.parser.next_event()
            if isinstance(event, h11.Data):
                self._hold(event.data)
            elif isinstance(event, h11.EndOfMessage):
                self.complete = True
            else:
                return

    async def read(self) -> bool:
        """Read the socket once; False at the end of the stream.

        Raises `RefusedError` when nothing comes in time, `ClientGoneError`, and what `gather`
        does.
        """
        began, before = trio.current_time(), self._came
        with trio.move_on_after(self._limits.body_stall_seconds):
            more = await self._read_past() if self._may_pass() else await self._read_through()
            self._check_rate(trio.current_time() - began, self._came - before)
            return more
        raise RefusedError(408)

    def take(self) -> bytes:
        """Return what is held, and hold nothing."""
        one = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._gathered = 0
        return bytes(one)

    def _check_rate(self, seconds: float, count: int) -> None:
        """Refuse a client that was waited for long enough, and has sent too little in that time."""
        self._waited += seconds
        self._sent += count
        if self._waited >= self._limits.body_rate_seconds:
            if self._sent < self._limits.min_body_rate * self._waited and not self.complete:
                raise RefusedError(408)
            self._waited, self._sent = 0.0, 0

    async def _read_through(self) -> bool:
        count = await self._wire.read(READ_BYTES)
        self._came += count
        self.gather()
        return count > 0

    async def _read_past(self) -> bool:
        self._past = True
        async with _TURNS.of(self):
            data = await self._wire.receive(min(RAW_BYTES, self._left))
        if not data:
            self._past = False
            self._wire.parser.receive_data(b"")  # it has the words for a body that breaks off
            self.gather()
            return False
        self._came += len(data)
        self._hold(data)
        if self._left == 0:
            self.complete = True
            if self._wire.parser.our_state is h11.SEND_RESPONSE:
                self._wire.parser = _stand_in(self._request, self._limits)
        return True

    def _may_pass(self) -> bool:
        """Whether what is left is worth it, and nothing of it is with the parser.

        Not once an answer has begun: the stand-in could not go on with it.
        """
        if self._past:
            return True
        parser = self._wire.parser
        untouched = parser.our_state is h11.SEND_RESPONSE
        return self._left > READ_BYTES and untouched and not parser.trailing_data[0]

    def _hold(self, data: bytes) -> None:
        self._pieces.append(data)
        self._gathered += len(data)
        self._left -= len(data)


def _length(request: h11.Request) -> int:
    """Return the length that was told; 0 for a body that comes in chunks, or none."""
    found = dict(request.headers)
    if b"transfer-encoding" in found:
        return 0
    return int(found.get(b"content-length", b"0"))


def _stand_in(request: h11.Request, limits: ServerLimits) -> h11.Connection:
    """Return a parser in the state of one that has read the whole of `request`."""
    parser = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.max_header_bytes)
    lines = [b"%b %b HTTP/%b" % (request.method, request.target, request.http_version)]
    lines += [b"%b: %b" % pair for pair in request.headers if pair[0] not in _UNWANTED]
    parser.receive_data(b"\r\n".join([*lines, b"", b""]))
    for _ in ("head", "end of message"):
        parser.next_event()
    return parser
