"""How a life of the server ends, and that the next one finds what waits."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import trio
import trio.testing
from structlog.testing import capture_logs

from api.server.listen import bind
from tests.api.server.running import App, Receive, Scope, Send, answering, get, running

HELLO = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"


class Gate:
    """A handler that waits to be let through."""

    def __init__(self) -> None:
        self.entered = trio.Event()
        self.go = trio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer once `go` is set."""
        self.entered.set()
        await self.go.wait()
        await answering(body=b"done")(scope, receive, send)


def descriptors() -> list[str]:
    """List what this process has open, as the system tells it."""
    return sorted(
        entry.readlink().name for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()
    )


async def test_idle_is_closed_at_once_and_busy_is_answered() -> None:
    """The idle one goes first; the busy one gets its answer, with `Connection: close`."""
    gate = Gate()
    app = App({"/": gate})
    async with running(app) as server, await server.client() as idle, await server.client() as busy:
        await idle.send(HELLO)
        await idle.until(b"hello")
        await busy.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await gate.entered.wait()
        server.shutdown.set()
        assert await idle.is_closed()
        assert not server.ended.is_set()
        assert app.lifespan == ["startup"]
        gate.go.set()
        answer = await busy.rest()
        await server.ended.wait()
    assert b"connection: close\r\n" in answer
    assert answer.endswith(b"done")
    assert app.lifespan == ["startup", "shutdown"]


async def test_request_that_has_arrived_at_shutdown_is_still_answered() -> None:
    """A connection whose next request is already in the socket is not idle."""
    async with running() as server, await server.client() as client:
        await client.send(HELLO)
        await client.until(b"hello")
        with socket.socket(fileno=os.dup(client.stream.socket.fileno())) as raw:
            raw.send(HELLO)
        server.shutdown.set()
        assert (await client.rest()).endswith(b"hello")


async def test_request_sent_ahead_is_not_begun_after_the_shutdown() -> None:
    """The answer in hand says close, and what was pipelined behind it is left to a retry."""
    gate = Gate()
    async with running(App({"/": gate})) as server, await server.client() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + HELLO)
        await gate.entered.wait()
        server.shutdown.set()
        await trio.testing.wait_all_tasks_blocked()
        gate.go.set()
        assert (await client.rest()).endswith(b"done")


async def test_busy_beyond_the_grace_is_dropped() -> None:
    """After `graceful_seconds` nothing is waited for; the lifespan still ends in order."""
    gate = Gate()
    app = App({"/": gate})
    async with running(app, graceful_seconds=0.05) as server, await server.client() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await gate.entered.wait()
        server.shutdown.set()
        await server.ended.wait()
        assert await client.is_closed()
    assert app.lifespan == ["startup", "shutdown"]


async def test_crash_while_dropped_does_not_end_the_server_badly() -> None:
    """An application that fails in its cleanup is logged; the shutdown goes on."""
    entered = trio.Event()

    async def messy(_scope: Scope, _receive: Receive, _send: Send) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            try:
                entered.set()
                await trio.sleep_forever()
            finally:
                raise ValueError("a bug in cleanup")

    app = App({"/": messy})
    with capture_logs() as logs:
        async with running(app, graceful_seconds=0.05) as server, await server.client() as client:
            await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await entered.wait()
            server.shutdown.set()
            await server.ended.wait()
    assert [line["event"] for line in logs] == ["request crashed"]
    assert app.lifespan == ["startup", "shutdown"]


async def test_cancel_drops_everything_at_once() -> None:
    """A kill waits for no grace, whatever is in hand."""
    gate = Gate()
    async with (
        running(App({"/": gate}), graceful_seconds=1000) as server,
        await server.client() as client,
    ):
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await gate.entered.wait()
        server.scope.cancel()
        with trio.CancelScope(shield=True):
            assert await client.is_closed()


async def test_next_life_serves_what_waited_in_the_backlog() -> None:
    """Clients that connect and ask while no server runs are answered by the next one."""
    sockets = bind("127.0.0.1", 0)
    async with running(sockets=sockets) as first:
        assert (await first.ask(get("/hello"))).endswith(b"hello")
    clients = [await first.client() for _ in range(20)]
    for client in clients:
        await client.send(get("/hello"))
    async with running(sockets=sockets):
        for client in clients:
            assert (await client.rest()).endswith(b"hello")
            await client.stream.aclose()
    sockets[0].close()


async def test_life_leaves_no_descriptor_behind() -> None:
    """Sockets of listeners and connections are closed with the server."""
    sockets = bind("127.0.0.1", 0)
    before = descriptors()
    for _ in range(3):
        async with running(sockets=sockets) as server, await server.client() as idle:
            await idle.send(HELLO)
            await idle.until(b"hello")
            await server.ask(get("/hello"))
    assert descriptors() == before
    assert os.get_blocking(sockets[0].fileno()) is False
    sockets[0].close()
