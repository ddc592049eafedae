"""Every wait of the server ends, and how; early refusals reach clients that still send."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from tests.api.server.running import (
    App,
    Receive,
    Scope,
    Send,
    answering,
    get,
    read_body,
    running,
)

HELLO = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"


async def test_idle_connection_is_closed_after_keep_alive_seconds() -> None:
    """Silence between requests ends a connection without a word."""
    async with running(keep_alive_seconds=0.05) as server, await server.client() as client:
        await client.send(HELLO)
        await client.until(b"hello")
        assert await client.is_closed()


async def test_new_connection_that_says_nothing_is_closed() -> None:
    """The first byte has the time of a head."""
    async with running(header_seconds=0.05) as server, await server.client() as client:
        assert await client.is_closed()


async def test_slow_head_is_408() -> None:
    """Bytes that trickle do not extend the time of a head."""
    async with running(header_seconds=0.2) as server, await server.client() as client:
        answer = b""
        for byte in [b"G"] * 1000:
            await client.send(byte)
            with trio.move_on_after(0.01):
                answer = await client.rest()
                break
    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert answer.endswith(b'{"error":"Request Timeout"}')


async def test_second_head_has_its_own_time() -> None:
    """A head cut short behind a pipelined request is 408 as well."""
    async with running(header_seconds=0.3) as server:
        answer = await server.ask(HELLO + b"GET /he")
    assert b"hello" in answer
    assert b"HTTP/1.1 408 Request Timeout\r\n" in answer


async def test_stalled_body_is_408_and_a_disconnect() -> None:
    """The application that waits for a stalled body is let go, the client told."""
    heard = trio.Event()

    async def wait(_scope: Scope, receive: Receive, _send: Send) -> None:
        with pytest.raises(EOFError):
            await read_body(receive)
        heard.set()

    async with running(App({"/": wait}), body_stall_seconds=0.05) as server:
        answer = await server.ask(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123")
        await heard.wait()
    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")


async def test_stall_counts_silence_not_the_length_of_an_upload() -> None:
    """A body that keeps coming takes the time it takes; so does the work after it."""

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive)
        await trio.sleep(0.6)
        await answering(body=body)(scope, receive, send)

    async with (
        running(App({"/": slow}), body_stall_seconds=0.5) as server,
        await server.client() as client,
    ):
        await client.send(get("/", b"Content-Length: 10", method="POST"))
        for _ in range(10):
            await trio.sleep(0.1)
            await client.send(b"x")
        assert (await client.rest()).endswith(b"x" * 10)


@pytest.mark.parametrize("chunked", [False, True])
async def test_early_413_reaches_a_client_that_sends_its_whole_body_first(*, chunked: bool) -> None:
    """2 MB go down the drain, the refusal comes up."""
    app = App({"/": answering(413, b'{"error":"too large"}')})
    size = 2_000_000
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % size
    body = b"%x\r\n%b\r\n" % (size, bytes(size)) if chunked else bytes(size)
    async with running(app) as server, await server.client() as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\n" + framing + b"\r\n\r\n")
        await client.send(body)
        answer = await client.rest()
    assert answer.startswith(b"HTTP/1.1 413 Payload Too Large\r\n")
    assert b"connection: close" in answer.lower()
    assert answer.endswith(b'{"error":"too large"}')


@pytest.mark.parametrize("limit", [{"linger_bytes": 300_000}, {"linger_seconds": 0.05}])
async def test_lingering_is_bounded(limit: dict[str, float]) -> None:
    """A client that will not stop, or will not go, is cut off."""
    async with (
        running(App({"/": answering(413)}), **limit) as server,
        await server.client() as client,
    ):
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n")
        await client.until(b"hello")
        await client.flood()


async def test_full_server_sends_an_idle_client_away_for_a_new_one() -> None:
    """At `max_connections` the newcomer is served in place of one that does nothing."""
    async with (
        running(max_connections=2) as server,
        await server.client() as first,
        await server.client() as second,
    ):
        for client in (first, second):
            await client.send(HELLO)
            await client.until(b"hello")
        assert (await server.ask(get("/hello"))).endswith(b"hello")
        assert await first.is_closed()
        await second.send(HELLO)
        await second.until(b"hello")


async def test_full_server_leaves_newcomers_waiting_while_all_are_busy() -> None:
    """With no idle connection, a new one waits in the backlog and is served in its turn."""
    entered, go = trio.Event(), trio.Event()

    async def busy(scope: Scope, receive: Receive, send: Send) -> None:
        entered.set()
        await go.wait()
        await answering(body=b"done")(scope, receive, send)

    async with running(App({"/": busy}), max_connections=1) as server, await server.client() as one:
        await one.send(get("/"))
        await entered.wait()
        async with await server.client() as other:
            await other.send(get("/hello"))
            await trio.testing.wait_all_tasks_blocked(0.02)
            assert server.server.describe()["requests"] == 1
            go.set()
            assert (await one.rest()).endswith(b"done")
            assert (await other.rest()).endswith(b"hello")
