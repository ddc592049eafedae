"""One request and its answer: ASGI's `receive` and `send` directly on the wire.

`receive` reads the socket only when the application asks, so a slow application slows its client
and nothing is buffered beyond one read. `send` writes before it returns.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto

import h11
import trio
from hypercorn.typing import (
    ASGIReceiveEvent,
    ASGISendEvent,
    HTTPResponseBodyEvent,
    HTTPResponseStartEvent,
)
from hypercorn.utils import UnexpectedMessageError, build_and_validate_headers, suppress_body

from api.server.answer import StandingHeaders, phrase, refusal
from api.server.body import IncomingBody
from api.server.limits import ServerLimits
from api.server.target import RefusedError
from api.server.wire import ClientGoneError, Wire

AHEAD_BYTES = 64 * 1024
"""What a client may send ahead, pipelined, before it is no longer listened to."""


class Stage(Enum):
    """How far the answer is."""

    NONE = auto()
    HEAD_HELD = auto()
    BODY = auto()
    DONE = auto()
    VOID = auto()
    """The application can say nothing more: the client is gone or was refused."""


class Exchange:
    """One request and its answer."""

    def __init__(
        self,
        request: h11.Request,
        wire: Wire,
        limits: ServerLimits,
        standing: StandingHeaders,
        is_last: Callable[[], bool],
    ) -> None:
        self.stage = Stage.NONE
        self.body = IncomingBody(request, wire, limits)
        self.told_gone = False
        self._method = request.method.decode("ascii")
        self._wire = wire
        self._standing = standing
        self._is_last = is_last
        self._start: HTTPResponseStartEvent | None = None
        self._bodiless = False
        self._body_taken = False
        self._receiving = False
        self._reading = trio.Lock()
        self._watch: trio.CancelScope | None = None

    # -- for the application ----------------------------------------------------------------------

    async def receive(self) -> ASGIReceiveEvent:
        """Return the next piece of the body; after the last, wait for the end of the exchange.

        A body that breaks off or stalls is refused (400, 408) and then looks like a client that
        left: `http.disconnect`.
        """
        self._receiving = True
        try:
            if not self._body_taken and self.stage is not Stage.VOID:
                return await self._piece()
            await self._until_over()
        except h11.RemoteProtocolError as error:
            await self.refuse(error.error_status_hint)
        except RefusedError as error:
            await self.refuse(error.status)
        except ClientGoneError:
            self.stage = Stage.VOID
        finally:
            self._receiving = False
        self.told_gone = self.stage is not Stage.DONE
        return {"type": "http.disconnect"}

    async def send(self, message: ASGISendEvent) -> None:
        """Take the next piece of the answer; the head leaves with the first piece of the body.

        Raises `ClientGoneError` once the client can no longer be answered.
        """
        if self.stage is Stage.VOID:
            raise ClientGoneError("the client is gone")
        if message["type"] == "http.response.start" and self.stage is Stage.NONE:
            self._start = message
            self.stage = Stage.HEAD_HELD
        elif message["type"] == "http.response.body" and self._start is not None:
            await self._send_body(self._start, message)
        else:
            raise UnexpectedMessageError(self.stage, message["type"])

    # -- for the connection -----------------------------------------------------------------------

    async def refuse(self, status: int) -> None:
        """Answer in place of the application if it has sent nothing; it can say no more."""
        untouched = self.stage in {Stage.NONE, Stage.HEAD_HELD}
        self.stage = Stage.VOID
        if untouched:
            with suppress(ClientGoneError):
                await self._wire.write(
                    [refusal(status, self._standing, bodiless=self._method == "HEAD")]
                )

    async def conclude(self) -> bool:
        """End the exchange after the application; whether the connection can carry another one.

        An application that left without a whole answer has failed: 500, or a broken-off answer.
        """
        if self.stage in {Stage.NONE, Stage.HEAD_HELD} and not self.told_gone:
            await self.refuse(500)
        parser = self._wire.parser
        both_done = parser.our_state is h11.DONE and parser.their_state is h11.DONE
        return self.stage is Stage.DONE and both_done

    # -- the request ------------------------------------------------------------------------------

    async def _piece(self) -> ASGIReceiveEvent:
        body = self.body
        body.gather()
        if body.has_piece:
            await trio.lowlevel.checkpoint()  # many small pieces must not starve other connections
        while not body.has_piece:
            await self._ask_for_more()
            async with self._reading:  # the answer may be catching up
                if not body.has_piece:
                    await body.read()
        self._body_taken = body.complete
        return {"type": "http.request", "body": body.take(), "more_body": not body.complete}

    async def _ask_for_more(self) -> None:
        """Tell a client that waits for it to go on."""
        parser = self._wire.parser
        if parser.they_are_waiting_for_100_continue and self.stage is Stage.NONE:
            go_on = h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")
            await self._wire.write(parser.send_with_data_passthrough(go_on) or ())

    async def _until_over(self) -> None:
        """Wait until the answer is sent or the client is gone, keeping what it sends ahead."""
        if self.stage in {Stage.DONE, Stage.VOID}:
            await trio.lowlevel.checkpoint()
            return
        ahead = 0
        with trio.CancelScope() as self._watch:
            while count := await self._wire.read(AHEAD_BYTES):
                ahead += count
                if ahead > AHEAD_BYTES:
                    await trio.sleep_forever()

    async def _catch_up(self) -> None:
        """Take what has arrived of a body nobody asked for, so that the connection may live on."""
        body = self.body
        async with self._reading:
            with suppress(h11.RemoteProtocolError):
                while not body.complete and not body.is_full and self._wire.readable():
                    if not await body.read():
                        return

    # -- the answer -------------------------------------------------------------------------------

    async def _send_body(
        self, start: HTTPResponseStartEvent, message: HTTPResponseBodyEvent
    ) -> None:
        body = message.get("body", b"")
        more = message.get("more_body", False)
        parts: list[bytes] = []
        if self.stage is Stage.HEAD_HELD:
            if not (self.body.complete or self._receiving):
                await self._catch_up()
            parts += self._head(start, None if more else len(body))
        elif self.stage is not Stage.BODY:
            raise UnexpectedMessageError(self.stage, message["type"])
        if body and not self._bodiless:
            parts += self._wire.parser.send_with_data_passthrough(h11.Data(data=body)) or ()
        if not more:
            parts += self._wire.parser.send_with_data_passthrough(h11.EndOfMessage()) or ()
        self.stage = Stage.BODY
        try:
            await self._wire.write(parts)
        except BaseException:  # cancelled, too: a part of it may be out
            self.stage = Stage.VOID
            raise
        if not more:
            self._finish()

    def _finish(self) -> None:
        self.stage = Stage.DONE
        if self._watch is not None:
            self._watch.cancel()

    def _head(self, start: HTTPResponseStartEvent, length: int | None) -> list[bytes]:
        """Bytes of the head; `length` is that of the whole body where it is known."""
        status = int(start["status"])
        headers = build_and_validate_headers(start.get("headers", []))
        names = {name.lower() for name, _ in headers}
        self._bodiless = suppress_body(self._method, status)
        measured = not names.isdisjoint({b"content-length", b"transfer-encoding"})
        speaks_of_body = not self._bodiless or (self._method == "HEAD" and length)
        if length is not None and speaks_of_body and not measured:
            headers.append((b"content-length", b"%d" % length))
        headers += self._standing.now()
        # Answered before the request was whole: the rest of it could be taken for the next one.
        if (not self.body.complete or self._is_last()) and b"connection" not in names:
            headers.append((b"connection", b"close"))
        response = h11.Response(
            status_code=status, headers=headers, reason=phrase(status).encode("ascii")
        )
        return self._wire.parser.send_with_data_passthrough(response) or []
