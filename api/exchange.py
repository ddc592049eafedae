"""Request and reply as routes see them, whichever door they came through."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast
from urllib.parse import parse_qsl

import msgspec
import trio

from actors.storage.base import Reader
from actors.store.builds import Build
from actors.store.credentials import Attempt, WorkerTicket
from api.errors import Refusal
from api.server.wire import ClientGoneError
from api.services import Services

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]

TOO_LARGE = "Request body is too large"
_JSON: Headers = ((b"content-type", b"application/json; charset=utf-8"),)
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Request:
    """One request; the reader of JSON bodies fills in `json`, the guard what it found out.

    That is `build`, the worker who asks or is spoken for (`worker_id`), and what stands behind
    a token: `ticket` for one of a worker, `attempt` for one of a virtual machine. `closing` is run
    when the handler is done, whatever the end; its entries must not wait.
    """

    services: Services
    method: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    query: Mapping[str, str]
    receive: Receive
    build: Build | None = None
    worker_id: str = ""
    ticket: WorkerTicket | None = None
    attempt: Attempt | None = None
    json: object = None
    closing: ExitStack = field(default_factory=ExitStack)
    client: str = ""
    """The address that the connection comes from."""

    def fields(self) -> dict[str, object]:
        """Return the JSON body as an object; an empty one when it is something else."""
        value = self.json
        return cast("dict[str, object]", value) if isinstance(value, dict) else {}

    def held_build(self) -> Build:
        """Return the build that the guard has looked up."""
        if self.build is None:
            raise Refusal(404, "Build not found")
        return self.build

    def body(self) -> Pieces:
        """Return the body, piece by piece as it arrives."""
        return Pieces(self.receive)


class Pieces:
    """A body on its way in; raises `ClientGoneError` when it breaks off.

    No async generator: one that is left in the middle is closed late, in somebody else's task.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._over = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not self._over:
            message = await self._receive()
            if message["type"] != "http.request":
                raise ClientGoneError
            self._over = not message.get("more_body", False)
            if piece := message.get("body", b""):
                return piece
        raise StopAsyncIteration


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that fits in memory; `after` is called once it is sent, or cannot be."""

    body: bytes
    status: int = 200
    headers: Headers = _JSON
    after: Callable[[], object] | None = None


@dataclass(frozen=True, slots=True)
class FileReply:
    """An answer of `size` bytes from a reader, which sending closes."""

    reader: Reader
    size: int
    headers: Headers
    status: int = 200


@dataclass(frozen=True, slots=True)
class LiveReply:
    """An answer without a length: `feed` writes it piece by piece and ends it by returning."""

    feed: Callable[[Callable[[bytes], Awaitable[None]]], Awaitable[None]]
    headers: Headers
    status: int = 200


Outcome: TypeAlias = Reply | FileReply | LiveReply
Handler: TypeAlias = Callable[[Request], Awaitable[Outcome]]


def json_reply(value: object, status: int = 200) -> Reply:
    """Answer with a wire struct."""
    return Reply(_encode(value), status)


def read_scope(scope: Scope) -> tuple[dict[str, str], dict[str, str]]:
    """Return the headers (names in lower case, a repeated one joined) and the query."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    return headers, query


async def send_outcome(outcome: Outcome, send: Send, *, with_body: bool) -> None:
    """Send an answer through ASGI; an artifact is read piece by piece, off the event loop."""
    if isinstance(outcome, LiveReply):
        await _send_live(outcome, send, with_body=with_body)
        return
    size = outcome.size if isinstance(outcome, FileReply) else len(outcome.body)
    headers = [*outcome.headers, (b"content-length", str(size).encode())]
    try:
        await send({"type": "http.response.start", "status": outcome.status, "headers": headers})
        if isinstance(outcome, FileReply) and with_body:
            await _send_file(outcome, send)
        body = outcome.body if isinstance(outcome, Reply) and with_body else b""
        await send({"type": "http.response.body", "body": body, "more_body": False})
    finally:
        if isinstance(outcome, FileReply):
            outcome.reader.close()
        elif outcome.after is not None:
            outcome.after()


async def _send_live(reply: LiveReply, send: Send, *, with_body: bool) -> None:
    async def write(piece: bytes) -> None:
        await send({"type": "http.response.body", "body": piece, "more_body": True})

    await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
    if with_body:
        await reply.feed(write)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send_file(reply: FileReply, send: Send) -> None:
    sent = 0
    while sent < reply.size:
        piece = await trio.to_thread.run_sync(reply.reader.read)
        if not piece:
            raise OSError("the stored artifact is shorter than its row says")
        sent += len(piece)
        await send({"type": "http.response.body", "body": piece, "more_body": True})
