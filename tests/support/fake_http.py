"""An HTTP/1.1 server for tests: one handler, real sockets, and it can go away at any moment."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

import h11
import trio
import trio.testing

KEPT = 1 << 20


@dataclass
class Asked:
    """A request; `body` is its beginning only, `size` and `sha256` are of all of it."""

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""
    size: int = 0
    sha256: str = ""

    def json(self) -> dict[str, object]:
        """Return the body decoded."""
        return json.loads(self.body or b"{}")


@dataclass
class Given:
    """A response; `declared` is the length of an iterable body (a lie ends the body early)."""

    status: int = 200
    body: bytes | Iterable[bytes] = b""
    headers: dict[str, str] = field(default_factory=dict)
    declared: int | None = None


def answer(value: object, status: int = 200, **headers: str) -> Given:
    """Return a JSON response; header names are written with `_` for `-`."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Given(status, json.dumps(value).encode(), {"content-type": "application/json", **named})


class HangUpError(Exception):
    """Raised by a handler to close the connection without an answer."""


Handler = Callable[[Asked], Awaitable[Given]]


class FakeServer:
    """Serves `handler` on one port of this machine; `down` and `up` as often as wanted."""

    def __init__(self, handler: Handler, nursery: trio.Nursery) -> None:
        self.handler = handler
        self.port = 0
        self._nursery = nursery
        self._scope = trio.CancelScope()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def up(self) -> None:
        """Listen, on the same port as before."""
        listeners = await trio.open_tcp_listeners(self.port, host="127.0.0.1")
        self.port = listeners[0].socket.getsockname()[1]
        self._scope = trio.CancelScope()
        self._nursery.start_soon(self._serve, listeners)

    async def down(self) -> None:
        """Close the port and every connection at once."""
        self._scope.cancel()
        await trio.testing.wait_all_tasks_blocked()

    async def _serve(self, listeners: list[trio.SocketListener]) -> None:
        with self._scope:
            async with trio.open_nursery() as nursery:
                await trio.serve_listeners(self._connection, listeners, handler_nursery=nursery)

    async def _connection(self, stream: trio.SocketStream) -> None:
        http = h11.Connection(h11.SERVER)
        try:
            async with stream:
                while await self._one(http, stream):
                    http.start_next_cycle()
        except (trio.BrokenResourceError, h11.RemoteProtocolError, HangUpError):
            pass

    async def _one(self, http: h11.Connection, stream: trio.SocketStream) -> bool:
        head = await _event(http, stream)
        if not isinstance(head, h11.Request):
            return False
        asked = await _read(http, stream, head)
        await _write(http, stream, await self.handler(asked))
        return http.our_state is h11.DONE and http.their_state is h11.DONE


@asynccontextmanager
async def fake_server(handler: Handler) -> AsyncGenerator[FakeServer, None]:
    """Yield a server that is up."""
    async with trio.open_nursery() as nursery:
        server = FakeServer(handler, nursery)
        await server.up()
        yield server
        nursery.cancel_scope.cancel()


async def _event(http: h11.Connection, stream: trio.SocketStream) -> object:
    while (event := http.next_event()) is h11.NEED_DATA:
        http.receive_data(await stream.receive_some(1 << 16))
    return event


async def _read(http: h11.Connection, stream: trio.SocketStream, head: h11.Request) -> Asked:
    target = urlsplit(head.target.decode())
    headers = {name.decode().lower(): value.decode() for name, value in head.headers}
    asked = Asked(head.method.decode(), target.path, dict(parse_qsl(target.query)), headers)
    digest = hashlib.sha256()
    while isinstance(event := await _event(http, stream), h11.Data):
        asked.size += len(event.data)
        digest.update(event.data)
        if len(asked.body) < KEPT:
            asked.body += event.data
    asked.sha256 = digest.hexdigest()
    return asked


async def _write(http: h11.Connection, stream: trio.SocketStream, given: Given) -> None:
    parts = [given.body] if isinstance(given.body, bytes) else given.body
    length = len(given.body) if isinstance(given.body, bytes) else given.declared
    headers = {**given.headers, "content-length": str(length)}
    head = h11.Response(status_code=given.status, headers=list(headers.items()), reason=b"Said So")
    await stream.send_all(http.send(head) or b"")
    for part in parts:
        await stream.send_all(http.send(h11.Data(data=part)) or b"")
    try:
        await stream.send_all(http.send(h11.EndOfMessage()) or b"")
    except h11.LocalProtocolError as error:  # a body shorter than it was declared, on purpose
        raise HangUpError from error
