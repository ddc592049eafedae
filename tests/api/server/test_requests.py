"""What the application is given: scopes, bodies, the news that the client left."""

from __future__ import annotations

import socket

import pytest
import trio
import trio.testing

from api.server.listen import bind
from tests.api.server.running import (
    App,
    Client,
    Receive,
    Scope,
    Send,
    answering,
    get,
    read_body,
    running,
)

HELLO = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /echo HTTP/1.1\r\nHost: a\r\n"


async def test_scope_tells_request_and_both_ends() -> None:
    """Path decoded and raw, query, lower-case headers, client, server, state of the lifespan."""
    app = App()
    async with running(app) as server, await server.client() as client:
        ends = client.stream.socket.getsockname(), client.stream.socket.getpeername()
        await client.send(get("/a%20b/%C3%A4?x=1&y", b"X-Key: V"))
        await client.rest()
    (scope,) = app.scopes
    assert (scope["method"], scope["path"], scope["raw_path"]) == (
        "GET",
        "/a b/ä",
        b"/a%20b/%C3%A4",
    )
    assert (scope["query_string"], scope["scheme"]) == (b"x=1&y", "http")
    assert (scope["http_version"], scope["root_path"]) == ("1.1", "")
    assert (b"x-key", b"V") in scope["headers"]
    assert (scope["client"], scope["server"]) == ends
    assert scope["state"] == {"started": True}


@pytest.mark.parametrize(
    ("target", "path"),
    [("http://host/x?q", "/x"), ("HTTPS://host:1", "/"), ("http://[::1/x", "/x"), ("//x", "//x")],
)
async def test_absolute_target_is_reduced_to_its_path(target: str, path: str) -> None:
    """A client that talks as if to a proxy is served all the same."""
    app = App()
    async with running(app) as server:
        await server.ask(get(target))
    assert app.scopes[0]["path"] == path


async def test_lifespan_surrounds_the_service() -> None:
    """The application starts before the first request and ends after the last."""
    app = App()
    async with running(app) as server:
        assert app.lifespan == ["startup"]
        await server.ask(get("/hello"))
    assert app.lifespan == ["startup", "shutdown"]


@pytest.mark.parametrize("waits", [False, True])
async def test_application_without_lifespan_is_served(*, waits: bool) -> None:
    """One that returns from the lifespan scope, at once or a little later, is fine."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await answering()(scope, receive, send)
        elif waits:
            await trio.lowlevel.checkpoint()

    async with running(app) as server:
        assert (await server.ask(get("/"))).endswith(b"hello")


async def test_keep_alive_serves_one_after_the_other() -> None:
    """A connection is reused without limit, each request counted."""
    async with running() as server, await server.client() as client:
        for _ in range(50):
            await client.send(HELLO)
            await client.until(b"\r\n\r\nhello")
        assert server.server.describe()["requests"] == 50


async def test_pipelined_requests_are_answered_in_order() -> None:
    """Requests sent in one go, bodies between them, are each answered, in order."""
    posts = b"".join(POST + b"Content-Length: 2\r\n\r\n%02d" % n for n in range(20))
    async with running() as server:
        answer = await server.ask(posts + get("/hello"))
    bodies = [part[-2:] for part in answer.split(b"HTTP/1.1 200 OK")[1:-1]]
    assert bodies == [b"%02d" % n for n in range(20)]
    assert answer.endswith(b"hello")


async def test_body_arrives_however_it_is_cut() -> None:
    """Length or chunks, in one packet or byte by byte: the same body."""
    framed = [
        b"Content-Length: 11\r\n\r\nhello world",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nA: b\r\n\r\n",
    ]
    async with running() as server:
        for body in framed:
            request = POST + b"Connection: close\r\n" + body
            assert (await server.ask(request)).endswith(b"hello world")
            cut = [request[n : n + 1] for n in range(len(request))]
            assert (await server.ask(*cut)).endswith(b"hello world")


async def test_many_tiny_chunks_are_merged() -> None:
    """One turn takes many chunks at once, so that tiny ones cost the others little."""
    pieces: list[int] = []

    async def count(scope: Scope, receive: Receive, send: Send) -> None:
        while (message := await receive())["more_body"]:
            pieces.append(len(message["body"]))
        await answering()(scope, receive, send)

    body = b"1\r\nx\r\n" * 5000 + b"0\r\n\r\n"
    async with running(App({"/": count})) as server:
        await server.ask(get("/", b"Transfer-Encoding: chunked", method="POST") + body)
    assert sum(pieces) in range(4000, 5001)
    assert len(pieces) < 500


async def test_expecting_client_is_told_to_go_on_when_the_body_is_wanted() -> None:
    """`100 Continue` comes with the first read of the body, once."""
    async with running() as server, await server.client() as client:
        await client.send(POST + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert await client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send(b"12345")
        assert (await client.until(b"12345")).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_expecting_client_that_is_not_wanted_gets_its_answer_at_once() -> None:
    """An early answer replaces `100 Continue` and closes."""
    async with running() as server, await server.client() as client:
        await client.send(
            b"POST /no HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        )
        answer = await client.rest()
    assert answer.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert b"connection: close" in answer.lower()


async def test_connection_survives_a_small_body_that_nobody_read() -> None:
    """A body that has arrived by the time of the answer is no reason to close."""
    asked = trio.Event()

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        await asked.wait()
        await answering()(scope, receive, send)

    async with running(App({"/late": late})) as server, await server.client() as client:
        await client.send(b"POST /late HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n")
        while server.server.describe()["requests"] != 1:
            await trio.lowlevel.checkpoint()
        await client.send(b"abc")
        asked.set()
        assert b"connection: close" not in (await client.until(b"hello")).lower()
        await client.send(HELLO)
        await client.until(b"hello")


async def test_slow_application_slows_its_client() -> None:
    """Nothing reads a body that is not asked for: the client cannot send on."""
    go = trio.Event()
    sizes: list[int] = []

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await go.wait()
        while (message := await receive()).get("more_body"):
            sizes.append(len(message["body"]))
        await answering()(scope, receive, send)

    total = 64 * 1024 * 1024
    async with running(App({"/": slow})) as server, await server.client() as client:
        await client.send(get("/", b"Content-Length: %d" % total, method="POST"))
        assert await client.fill() < total
        go.set()
        await client.stream.send_eof()
        await client.rest()
    assert sizes
    assert max(sizes) <= 512 * 1024


async def test_client_gone_during_a_long_handler_is_news_to_it() -> None:
    """A long poll that listens hears `http.disconnect` when the client closes."""
    waiting, heard = trio.Event(), trio.Event()

    async def poll(_scope: Scope, receive: Receive, _send: Send) -> None:
        await read_body(receive)
        waiting.set()
        assert await receive() == {"type": "http.disconnect"}
        heard.set()

    async with running(App({"/": poll})) as server:
        async with await server.client() as client:
            await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await waiting.wait()
        await heard.wait()


async def test_receive_after_the_answer_says_disconnect_and_wakes_a_waiting_one() -> None:
    """An application that listens beside its work is let go when the answer is out."""

    async def both(scope: Scope, receive: Receive, send: Send) -> None:
        await read_body(receive)

        async def listen() -> None:
            assert await receive() == {"type": "http.disconnect"}

        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            await trio.testing.wait_all_tasks_blocked()
            await answering()(scope, receive, send)
        await listen()

    async with running(App({"/": both})) as server, await server.client() as client:
        for _ in range(3):
            await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await client.until(b"hello")


async def test_what_is_sent_ahead_of_a_waiting_handler_is_kept() -> None:
    """The next request, arriving while one listens, is served after it."""

    async def both(scope: Scope, receive: Receive, send: Send) -> None:
        await read_body(receive)
        with trio.move_on_after(0.05):
            await receive()
        await answering(body=b"first")(scope, receive, send)

    async with running(App({"/": both})) as server, await server.client() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.send(HELLO)
        await client.until(b"first")
        await client.until(b"hello")


async def test_every_socket_is_served_and_tells_the_family_of_its_client() -> None:
    """On all interfaces an IPv4 client keeps its plain address, whatever else is listened on."""
    app = App()
    sockets = bind("", 0)
    async with running(app, sockets=sockets) as server:
        for listener in sockets:
            loopback = "127.0.0.1" if listener.family == socket.AF_INET else "::1"
            async with Client(await trio.open_tcp_stream(loopback, server.port)) as client:
                await client.send(get("/hello"))
                assert (await client.rest()).endswith(b"hello")
            assert app.scopes[-1]["client"][0] == loopback
    for listener in sockets:
        listener.close()


async def test_half_closed_client_still_gets_its_answer() -> None:
    """A client that says it sends no more is not one that left."""
    async with running() as server, await server.client() as client:
        await client.send(HELLO)
        await client.stream.send_eof()
        assert (await client.rest()).endswith(b"hello")
