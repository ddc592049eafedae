"""Requests that no application sees, and requests that are known to end the stock server."""

from __future__ import annotations

import json
import socket
import struct

import pytest
from structlog.testing import capture_logs

from tests.api.server.running import get, head_and_body, running

BAD_CHUNK = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n"
UPGRADE = b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: "
WEBSOCKET = UPGRADE + b"websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eHh4\r\n\r\n"
HELLO = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
H2C_BAD = UPGRADE + b"h2c\r\nHTTP2-Settings: AAA\r\n\r\n"
SHORT = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n{"


@pytest.mark.parametrize(
    "request_",
    [
        b"\x00\x01\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET nowhere HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 40,
        BAD_CHUNK,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xaa" * 60 + b"\r\n\r\n",
    ],
)
async def test_malformed_request_is_a_plain_400(request_: bytes) -> None:
    """Reason phrase, JSON body, date, close; and not a word in the log."""
    with capture_logs() as logs:
        async with running() as server:
            lines, body = head_and_body(await server.ask(request_))
    assert lines[0] == b"HTTP/1.1 400 Bad Request"
    assert body == b'{"error":"Bad Request"}'
    assert {b"connection: close", b"content-type: application/json; charset=utf-8"} < set(lines)
    assert any(line.startswith(b"date: ") for line in lines)
    assert logs == []


@pytest.mark.parametrize("size", [1500, 60_000, 300_000])
@pytest.mark.parametrize("end", [b"\r\n\r\n", b""])
async def test_oversized_head_is_431(size: int, end: bytes) -> None:
    """Whole or unfinished, a head above the limit is refused by its own status."""
    async with running(max_header_bytes=1000) as server:
        request = b"GET /hello HTTP/1.1\r\nHost: a\r\nX: " + b"x" * size + end
        lines, body = head_and_body(await server.ask(request, *[b"x"] * (not end)))
    assert lines[0] == b"HTTP/1.1 431 Request Header Fields Too Large"
    assert json.loads(body) == {"error": "Request Header Fields Too Large"}


async def test_head_within_the_limit_is_served() -> None:
    """A long but allowed head passes."""
    async with running() as server:
        answer = await server.ask(get("/hello", b"X: " + b"x" * 30_000))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("upgrade", [WEBSOCKET, H2C_BAD, UPGRADE + b"h2c\r\n\r\n"])
async def test_upgrade_is_served_as_the_plain_request_it_is(upgrade: bytes) -> None:
    """No WebSocket and no HTTP/2 here: the answer is the route's, and the connection lives on."""
    async with running() as server, await server.client() as client:
        await client.send(upgrade)
        assert (await client.until(b"hello")).startswith(b"HTTP/1.1 200 OK\r\n")
        await client.send(get("/hello"))
        assert (await client.rest()).endswith(b"hello")


@pytest.mark.parametrize(
    "steps",
    [
        [WEBSOCKET + b"\x81\x85abcdefghi"],
        [WEBSOCKET, b"\x81\x85abcdefghi"],
        [WEBSOCKET, "eof"],
        [H2C_BAD],
        [UPGRADE + b"h2c\r\n\r\n"],
        [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 40],
        [get("/hello") + b"XXXX"],
        [b"\x00\x01\r\n\r\n", HELLO],
        [b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n"],
        [HELLO * 2],
        [HELLO * 3, "reset"],
        [HELLO + b"\x00bad\r\n\r\n"],
        [SHORT, "eof"],
        [SHORT, "reset"],
        [BAD_CHUNK],
        [BAD_CHUNK, "reset"],
        ["reset"],
    ],
)
async def test_no_single_client_ends_the_server(steps: list[bytes | str]) -> None:
    """After ten of each request that ends or wears out the stock server, this one still serves."""
    with capture_logs() as logs:
        async with running(linger_seconds=0.1) as server:
            for _ in range(10):
                await _perform(server.port, steps)
            assert (await server.ask(get("/hello"))).endswith(b"hello")
    assert logs == []
    assert server.connections == 0


async def _perform(port: int, steps: list[bytes | str]) -> None:
    """Play the steps without waiting for an answer between them, then close."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        try:
            for step in steps:
                if step == "reset":
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                elif step == "eof":
                    client.shutdown(socket.SHUT_WR)
                elif isinstance(step, bytes):
                    client.sendall(step)
        except OSError:
            pass


async def test_words_after_the_last_request_do_not_cost_its_answer() -> None:
    """What a client says after `Connection: close` is thrown away, not answered by a reset."""
    async with running() as server:
        for _ in range(20):
            answer = await server.ask(get("/hello") + b"X" * 100_000)
            assert answer.endswith(b"hello")


async def test_body_that_breaks_off_is_400_and_a_disconnect() -> None:
    """The application that waits for the rest is let go, the client told what was wrong."""
    async with running() as server, await server.client() as client:
        await client.send(SHORT)
        await client.stream.send_eof()
        assert (await client.rest()).startswith(b"HTTP/1.1 400 Bad Request\r\n")
