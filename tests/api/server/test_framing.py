"""Heads that two readers may take for different requests; and clients that have said all."""

from __future__ import annotations

import pytest
import trio

from tests.api.server.running import App, Receive, Scope, Send, answering, running

POST = b"POST /echo HTTP/1.1\r\nHost: a\r\n"
NEXT = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKS = b"\r\n5\r\nhello\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: 5, 6\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length : 5\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding:\r\n chunked\r\n",
        b"X: a\r\n\tb\r\n",
        b"X: a\nTransfer-Encoding: chunked\r\n",
        b"X: a\rTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: \x0bchunked\r\n",
    ],
)
async def test_a_head_of_two_meanings_is_refused(head: bytes) -> None:
    """400 and the end of the connection: no application runs, for this request or what follows."""
    app = App()
    async with running(app) as server:
        answer = await server.ask(POST + head + CHUNKS + NEXT)
        cut = await server.ask(POST, head[:9], head[9:] + b"\r\n")
    for one in (answer, cut):
        assert one.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert one.count(b"HTTP/1.1 ") == 1
    assert app.scopes == []


@pytest.mark.parametrize(
    "coding",
    [
        b"identity",
        b"gzip",
        b"gzip, chunked",
        b"chunked, identity",
        b"chunked, chunked",
        b"xchunked",
    ],
)
async def test_a_coding_that_nobody_here_knows_is_refused(coding: bytes) -> None:
    """501 and the end of the connection, also for two of them that are told twice."""
    app = App()
    async with running(app) as server:
        head = b"Transfer-Encoding: " + coding + b"\r\n"
        for heads in (head, b"Transfer-Encoding: chunked\r\n" + head):
            answer = await server.ask(POST + heads + CHUNKS + NEXT)
            assert answer.startswith(b"HTTP/1.1 501 Not Implemented\r\n")
            assert answer.count(b"HTTP/1.1 ") == 1
    assert app.scopes == []


async def test_chunks_of_an_old_client_are_refused() -> None:
    """HTTP/1.0 knows no chunks: a proxy of that age ends the body elsewhere."""
    async with running() as server:
        answer = await server.ask(
            b"POST /echo HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" + CHUNKS
        )
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")


async def test_a_length_that_is_told_twice_alike_is_one_length() -> None:
    """Nobody can read it in two ways."""
    async with running() as server:
        for head in (b"Content-Length: 5\r\n" * 2, b"Content-Length: 5, 5\r\n"):
            answer = await server.ask(POST + head + b"Connection: close\r\n\r\nhello")
            assert answer.endswith(b"\r\n\r\nhello")


async def test_lines_of_a_body_are_none_of_the_head() -> None:
    """Folds and line feeds after the blank line are the client's own affair."""
    body = b"\n a\n\n\tb"
    async with running() as server:
        answer = await server.ask(
            POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
    assert answer.endswith(b"\r\n\r\n" + body)


async def test_a_client_that_has_said_all_gets_its_answer() -> None:
    """The end of its stream after a whole request is a disconnect, and no end of the answer."""
    told, go = trio.Event(), trio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "http.request"
        assert (await receive())["type"] == "http.disconnect"
        told.set()
        await go.wait()
        await answering()(scope, receive, send)

    async with running(App({"/slow": slow})) as server, await server.client() as client:
        await client.send(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.stream.send_eof()
        await told.wait()
        go.set()
        assert (await client.rest()).endswith(b"hello")
