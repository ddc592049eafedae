"""A server of these tests: real sockets on 127.0.0.1, a small application, a raw client."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self

import trio
import trio.testing

from api.server.limits import ServerLimits
from api.server.listen import bind
from api.server.serve import Server, serve

Message = dict[str, Any]
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Handler = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]


def answering(status: int = 200, body: bytes = b"hello", headers: Headers = ()) -> Handler:
    """Make a handler that answers without reading."""

    async def handler(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        await send({"type": "http.response.body", "body": body})

    return handler


async def read_body(receive: Receive) -> bytes:
    """Return the whole body, or raise `EOFError` when the client leaves before."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise EOFError
        body += message["body"]
        if not message["more_body"]:
            return body


async def echo(_scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the body of the request."""
    try:
        body = await read_body(receive)
    except EOFError:
        return
    await answering(body=body)(_scope, receive, send)


async def crash(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Fail as a bug does."""
    raise ValueError("a bug")


@dataclass
class App:
    """Dispatch by path; keeps what it saw."""

    routes: dict[str, Handler] = field(default_factory=dict)
    scopes: list[Any] = field(default_factory=list)
    lifespan: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        self.scopes.append(scope)
        fallback = {"/hello": answering(), "/echo": echo, "/crash": crash}
        handler = self.routes.get(scope["path"]) or fallback.get(scope["path"])
        await (handler or answering(404, b"nothing here"))(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        for step in ("startup", "shutdown"):
            await receive()
            self.lifespan.append(step)
            scope["state"]["started"] = True
            await send({"type": f"lifespan.{step}.complete"})


@dataclass
class Running:
    """A server that runs now."""

    server: Server
    sockets: list[socket.socket]
    shutdown: trio.Event
    ended: trio.Event
    scope: trio.CancelScope

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.sockets[0].getsockname()[1]

    @property
    def connections(self) -> object:
        """How many connections it has open."""
        return self.server.describe()["connections"]

    async def emptied(self) -> None:
        """Wait until it has no connection left; a leak is a time-out of `running`."""
        while self.connections:
            await self.server._service.roster._left.park()
        await trio.testing.wait_all_tasks_blocked()

    async def client(self) -> Client:
        """Connect to it."""
        return Client(await trio.open_tcp_stream("127.0.0.1", self.port))

    async def ask(self, *sent: bytes) -> bytes:
        """Return all the server says to `sent` on a connection of its own until it closes."""
        async with await self.client() as client:
            for piece in sent:
                await client.send(piece)
            return await client.rest()


class Client:
    """A raw connection."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._buffer = b""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await trio.aclose_forcefully(self.stream)

    async def send(self, data: bytes) -> None:
        """Send all of `data`."""
        await self.stream.send_all(data)

    async def fill(self) -> int:
        """Send zeros until nothing more is taken, whatever the server does; return how many."""
        sent = idle = 0
        with socket.socket(fileno=os.dup(self.stream.socket.fileno())) as raw:
            raw.settimeout(0)
            while idle < 3:
                try:
                    sent += raw.send(bytes(65536))
                    idle = 0
                except BlockingIOError:
                    idle += 1
                    await trio.testing.wait_all_tasks_blocked(0.02)
        return sent

    async def flood(self) -> None:
        """Send zeros until the server breaks the connection."""
        with suppress(trio.BrokenResourceError):
            while True:
                await self.send(bytes(65536))

    async def until(self, mark: bytes) -> bytes:
        """Return what comes up to and with `mark`."""
        while mark not in self._buffer:
            data = await self.stream.receive_some(65536)
            assert data, f"closed before {mark!r}: {self._buffer!r}"
            self._buffer += data
        taken, found, self._buffer = self._buffer.partition(mark)
        return taken + found

    async def rest(self) -> bytes:
        """Return everything until the server closes."""
        while data := await self.stream.receive_some(65536):
            self._buffer += data
        taken, self._buffer = self._buffer, b""
        return taken

    async def is_closed(self) -> bool:
        """Wait for the server to close without another word."""
        try:
            return await self.rest() == b""
        except trio.BrokenResourceError:
            return True


@asynccontextmanager
async def running(
    app: Handler | None = None, sockets: list[socket.socket] | None = None, **limits: float
) -> AsyncIterator[Running]:
    """Serve for the length of the block; then stop gracefully and see it end."""
    own = bind("127.0.0.1", 0) if sockets is None else []
    shutdown, ended = trio.Event(), trio.Event()
    used = sockets or own

    async def body(task_status: trio.TaskStatus[Server]) -> None:
        wanted = ServerLimits(**limits)
        await serve(app or App(), used, wanted, shutdown=shutdown, task_status=task_status)
        ended.set()

    try:
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                server = await nursery.start(partial(body))
                yield Running(server, used, shutdown, ended, nursery.cancel_scope)
                shutdown.set()
    finally:
        for listener in own:
            listener.close()


def get(path: str, *headers: bytes, method: str = "GET") -> bytes:
    """Bytes of a request that ends its connection."""
    start = f"{method} {path} HTTP/1.1".encode()
    return b"\r\n".join([start, b"Host: a", *headers, b"Connection: close\r\n\r\n"])


def head_and_body(answer: bytes) -> tuple[list[bytes], bytes]:
    """Lines of the head, and the body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.split(b"\r\n"), body
