"""Quart on this server: what it relies on holds."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio
from quart import Response, request
from quart_trio import QuartTrio
from structlog.testing import capture_logs

from tests.api.server.running import get, head_and_body, running


def quart() -> QuartTrio:
    """Make a small application."""
    app = QuartTrio(__name__)
    app.cancelled = trio.Event()
    app.entered = trio.Event()

    @app.post("/json")
    async def json_() -> dict[str, object]:
        return {"got": await request.get_json(), "from": request.remote_addr}

    @app.get("/long")
    async def long() -> str:
        app.entered.set()
        try:
            await trio.sleep_forever()
        finally:
            app.cancelled.set()
        return ""

    @app.get("/stream")
    async def stream() -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"one "
            yield b"two"

        return Response(pieces())

    return app


async def test_quart_reads_bodies_and_answers() -> None:
    """JSON in, JSON out, over one connection with the next request behind it."""
    async with running(quart()) as server:
        body = b'{"a": 1}'
        post = b"POST /json HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        post += b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        answer = await server.ask(post + post + get("/nowhere"))
    assert answer.count(b'{"from":"127.0.0.1","got":{"a":1}}') == 2
    assert b"HTTP/1.1 404 Not Found\r\n" in answer


async def test_quart_streams() -> None:
    """A generator becomes a chunked answer."""
    async with running(quart()) as server:
        _, body = head_and_body(await server.ask(get("/stream")))
    assert b"".join(body.split(b"\r\n")[1::2]) == b"one two"


async def test_quart_handler_is_cancelled_when_its_client_leaves() -> None:
    """A handler in a long wait ends with its client, without a crash in the log."""
    app = quart()
    with capture_logs() as logs:
        async with running(app) as server:
            async with await server.client() as client:
                await client.send(get("/long"))
                await app.entered.wait()
            await app.cancelled.wait()
            await server.emptied()
    assert logs == []


@pytest.mark.parametrize("target", ["*", "http://[::1/", "//[x", "/%ff"])
async def test_odd_targets_do_not_hurt_quart(target: str) -> None:
    """Whatever Quart makes of them, the server answers and serves on."""
    async with running(quart()) as server:
        answer = await server.ask(get(target, method="OPTIONS"))
        assert answer.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 "))
