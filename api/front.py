"""The outermost application: finds the route, answers hot ones, hands the rest to Quart.

Every answer, errors and Quart's own included, leaves through `Stamp`, which adds the headers of
CORS and the request's id.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import structlog
import trio

from actors.domain.events import RequestServed
from actors.domain.ids import new_id
from api.errors import Answer
from api.exchange import (
    Headers,
    Message,
    Receive,
    Reply,
    Request,
    Scope,
    Send,
    read_scope,
    send_outcome,
)
from api.handling import error_reply, handle
from api.routing import Door, Found, Route, Table, normalise
from api.server.wire import ClientGoneError
from api.services import Services

ASGI: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

STASH = "expo.request"
"""Where Quart finds the route and the request in its scope."""
NOT_FOUND = Answer(404, "Not found")
_METHODS = b"GET,HEAD,PUT,PATCH,POST,DELETE"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Front:
    """The ASGI application that the server runs."""

    def __init__(self, table: Table, services: Services, quart: ASGI) -> None:
        self._table = table
        self._services = services
        self._quart = quart

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] != "http":
            await self._quart(scope, receive, send)
            return
        headers, query = read_scope(scope)
        path = scope["path"] = normalise(scope["path"])
        scope["raw_path"] = path.encode()
        found = self._table.find(scope["method"], path)
        params: Mapping[str, str] = found.params if found is not None else {}
        request = Request(self._services, scope["method"], params, headers, query, receive)
        request.client = (scope.get("client") or ("",))[0]
        stamp = Stamp(send, headers)
        began = trio.current_time()
        try:
            with structlog.contextvars.bound_contextvars(**_ids(found, request, stamp.request_id)):
                await self._answer(found, request, scope, stamp)
        except ClientGoneError:
            pass
        finally:
            name = found.route.name if found is not None else "no route"
            seconds = trio.current_time() - began
            self._services.emit(RequestServed(request.method, name, stamp.status, seconds))

    async def _answer(
        self, found: Found | None, request: Request, scope: Scope, stamp: Stamp
    ) -> None:
        with_body = request.method != "HEAD"
        if request.method == "OPTIONS":
            await send_outcome(_preflight(request.headers), stamp, with_body=True)
        elif found is None:
            await send_outcome(error_reply(NOT_FOUND), stamp, with_body=with_body)
        elif found.route.door is Door.HOT:
            await send_outcome(await handle(found.route, request), stamp, with_body=with_body)
        else:
            scope[STASH] = (found.route, request)
            await self._quart(scope, _without_end(request.receive), stamp)


class Stamp:
    """A `send` that adds what every answer carries, and remembers its status."""

    def __init__(self, send: Send, headers: Mapping[str, str]) -> None:
        self._send = send
        given = headers.get("x-request-id", "")
        self.request_id = given if _REQUEST_ID.fullmatch(given) else new_id()
        self.status = 0
        self._headers: Headers = (
            (b"vary", b"Origin"),
            (b"access-control-allow-credentials", b"true"),
            (b"x-request-id", self.request_id.encode()),
        )
        if origin := headers.get("origin"):
            self._headers += ((b"access-control-allow-origin", origin.encode("latin-1")),)

    async def __call__(self, message: Message) -> None:
        """Pass a message on, the start of an answer with our headers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": [*message["headers"], *self._headers]}
        await self._send(message)


def _without_end(receive: Receive) -> Receive:
    """Give a request and never what follows it.

    Quart would drop the answer of a client that has closed its sending half, and waits for it.
    """
    whole = False

    async def told() -> Message:
        nonlocal whole
        if whole:
            await trio.sleep_forever()
        message = await receive()
        whole = message["type"] == "http.request" and not message.get("more_body", False)
        return message

    return told


def stashed(scope: Scope) -> tuple[Route, Request]:
    """Return what `Front` found for a request that Quart serves."""
    return scope[STASH]


def _ids(found: Found | None, request: Request, request_id: str) -> dict[str, str]:
    """Return what every log line of the request carries."""
    ids = {"request_id": request_id}
    if worker_id := request.headers.get("x-worker-id") or request.query.get("worker_id"):
        ids["worker_id"] = worker_id
    if found is not None and "id" in found.params:
        about_build = found.route.path.startswith("/api/builds/")
        ids["build_id" if about_build else "worker_id"] = found.params["id"]
    return ids


def _preflight(headers: Mapping[str, str]) -> Reply:
    if "origin" not in headers or "access-control-request-method" not in headers:
        text = ((b"content-type", b"text/plain; charset=utf-8"),)
        return Reply(b"Invalid Preflight Request", 400, text)
    allowed = headers.get("access-control-request-headers", "").encode("latin-1")
    answer: Headers = ((b"access-control-allow-methods", _METHODS),)
    if allowed:
        answer += ((b"access-control-allow-headers", allowed),)
    return Reply(b"", 204, answer)
