"""One connection: a task that reads request heads and runs the application, one after the other.

Nothing leaves it but cancellation: a broken client, a malformed request and a crashing application
end this connection and no other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import h11
import structlog
import trio
from hypercorn.typing import ASGIFramework, ConnectionState, HTTPScope
from hypercorn.utils import parse_socket_addr  # pyright: ignore[reportUnknownVariableType]

from api.server.answer import StandingHeaders, refusal
from api.server.exchange import Exchange
from api.server.limits import ServerLimits
from api.server.roster import Roster
from api.server.target import Ends, RefusedError, check_framing, check_size, http_scope
from api.server.wire import ClientGoneError, Wire

HEAD_READ_BYTES = 16 * 1024

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Service:
    """What all connections of one life of the server share."""

    app: ASGIFramework
    limits: ServerLimits
    state: ConnectionState
    standing: StandingHeaders
    roster: Roster


class Connection:
    """One accepted connection."""

    def __init__(self, service: Service, stream: trio.SocketStream) -> None:
        self._service = service
        self._stream = stream
        self._wire = Wire(stream, service.limits)
        self._scope = trio.CancelScope()
        self._idle = False
        self._in_head = False
        self._linger = False

    async def run(self) -> None:
        """Serve until either side has had enough; the socket is closed afterwards."""
        welcome = self._service.roster.add(self, self._host())
        try:
            with self._scope:
                await (self._converse() if welcome else self._refuse(429))
            if self._scope.cancelled_caught and self._in_head:
                await self._refuse(408)
            if self._linger or self._wire.readable():
                await self._wire.linger()
        except (ClientGoneError, trio.BrokenResourceError):
            pass
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - the wall between connections
            _report("connection crashed", error)
        finally:
            try:
                await trio.aclose_forcefully(self._stream)
            finally:
                self._service.roster.discard(self)

    def leave_if_idle(self) -> bool:
        """Close between two requests; one that has just arrived is still answered."""
        if not self._idle or self._scope.cancel_called or self._wire.readable():
            return False
        self._scope.cancel()
        return True

    async def _converse(self) -> None:
        ends = self._ends()
        patience = self._service.limits.header_seconds
        try:
            while (request := await self._next_request(patience)) is not None:
                check_size(request, self._service.limits.max_header_bytes)
                if not await self._serve(request, http_scope(request, ends, self._service.state)):
                    return
                self._wire.parser.start_next_cycle()
                patience = self._service.limits.keep_alive_seconds
        except h11.RemoteProtocolError as error:
            await self._refuse(error.error_status_hint)
        except RefusedError as error:
            await self._refuse(error.status)

    def _host(self) -> str:
        """Where the client is; "" when it has left before its turn came."""
        try:
            return str(self._stream.socket.getpeername()[0])
        except OSError:
            return ""

    def _ends(self) -> Ends:
        """Raise `ClientGoneError` for a client that has left before its turn came."""
        socket = self._stream.socket
        try:
            return Ends(
                parse_socket_addr(socket.family, socket.getpeername()),
                parse_socket_addr(socket.family, socket.getsockname()),
            )
        except OSError as error:
            raise ClientGoneError("connection reset") from error

    async def _next_request(self, patience: float) -> h11.Request | None:
        """Wait for a whole head; None when the client, or a shutdown, ends the conversation."""
        parser = self._wire.parser
        event = self._parsed()
        if event is h11.NEED_DATA:
            self._in_head = bool(parser.trailing_data[0])
            self._idle = not self._in_head
            if self._idle and self._service.roster.draining and not self._wire.readable():
                return None
            if self._in_head:
                patience = self._service.limits.header_seconds
            self._scope.deadline = trio.current_time() + patience
        while event is h11.NEED_DATA:
            count = await self._wire.read(HEAD_READ_BYTES)
            if self._idle and count:
                self._idle, self._in_head = False, True
                self._scope.deadline = trio.current_time() + self._service.limits.header_seconds
            event = self._parsed()
        if self._scope.cancel_called:  # time was over as the head came: no application under it
            await trio.lowlevel.checkpoint()
        self._idle = self._in_head = False
        self._scope.deadline = math.inf
        return event if isinstance(event, h11.Request) else None

    def _parsed(self) -> type[h11.NEED_DATA | h11.PAUSED] | h11.Event:
        """Return what the parser makes of what has come; a head is framed beyond doubt."""
        raw = self._wire.parser.trailing_data[0]
        event = self._wire.parser.next_event()
        if isinstance(event, h11.Request):
            check_framing(event, raw)
        return event

    async def _serve(self, request: h11.Request, scope: HTTPScope) -> bool:
        """Run the application on one request; whether the connection can carry another."""
        service = self._service
        service.roster.requests += 1
        exchange = Exchange(request, self._wire, service.limits, service.standing, self._is_last)
        exchange.body.gather()
        try:
            await service.app(scope, exchange.receive, exchange.send)
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - the wall between requests
            _report("request crashed", error, method=scope["method"], path=scope["path"])
        reusable = await exchange.conclude()
        self._linger = not exchange.body.complete
        return reusable

    def _is_last(self) -> bool:
        return self._service.roster.parting

    async def _refuse(self, status: int) -> None:
        self._in_head, self._linger = False, True
        await self._wire.write([refusal(status, self._service.standing)])


def _report(event: str, error: Exception | BaseExceptionGroup[BaseException], **facts: str) -> None:
    """Log what is a crash; raise again what is a cancellation or an interrupt."""
    rest: BaseException | None = None
    crash: BaseException | None = error
    if isinstance(error, BaseExceptionGroup):
        _, crash = error.split(ClientGoneError)
        if crash is not None:
            crash, rest = crash.split(Exception)
    elif isinstance(error, ClientGoneError):
        crash = None
    if crash is not None:
        log.error(event, exc_info=crash, **facts)
    if rest is not None:
        raise rest
