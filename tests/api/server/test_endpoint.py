"""The server as a child of a tree."""

from __future__ import annotations

import trio

from api.server.endpoint import endpoint_spec
from api.server.limits import ServerLimits
from api.server.listen import bind
from supervisors.exits import KILLED, SHUTDOWN, Crash
from supervisors.process import Process, Runtime
from tests.api.server.running import App, Client, Receive, Scope, Send, answering, get

LIMITS = ServerLimits(graceful_seconds=3)


async def ask(port: int) -> bytes:
    """Return the whole answer to one request."""
    async with Client(await trio.open_tcp_stream("127.0.0.1", port)) as client:
        await client.send(get("/hello"))
        return await client.rest()


async def test_child_starts_serves_tells_and_stops() -> None:
    """The handle describes the server; asked to stop, it ends with what was asked."""
    (listener,) = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    spec = endpoint_spec(App, [listener], LIMITS)
    process = Process("root/endpoint", Runtime())
    with listener, trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(process.run, spec.start)
            await process.up()
            assert (await ask(port)).endswith(b"hello")
            assert process.handle.describe() == {
                "connections": 0,
                "requests": 1,
                "addresses": [f"127.0.0.1:{port}"],
            }
            process.shutdown()
            assert await process.join() is SHUTDOWN
    assert spec.id == "endpoint"
    assert spec.stop_limit == 8


async def test_kill_ends_requests_in_hand_and_the_next_life_serves() -> None:
    """A killed endpoint leaves its sockets listening; each life gets a fresh application."""
    (listener,) = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    entered = trio.Event()
    lives: list[App] = []

    async def hang(_scope: Scope, _receive: Receive, _send: Send) -> None:
        entered.set()
        await trio.sleep_forever()

    def factory() -> App:
        lives.append(App({"/hello": answering() if lives else hang}))
        return lives[-1]

    spec = endpoint_spec(factory, [listener], LIMITS)
    first, second = (Process("root/endpoint", Runtime(), generation) for generation in (1, 2))
    with listener, trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(first.run, spec.start)
            async with Client(await trio.open_tcp_stream("127.0.0.1", port)) as client:
                await client.send(get("/hello"))
                await entered.wait()
                first.kill()
                assert await first.join() is KILLED
                assert await client.is_closed()
            nursery.start_soon(second.run, spec.start)
            assert (await ask(port)).endswith(b"hello")
            second.shutdown()
    assert len(lives) == 2


async def test_application_that_cannot_start_is_a_crash_of_the_child() -> None:
    """A failing lifespan is the supervisor's to judge, not a server that hangs."""

    async def broken(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    (listener,) = bind("127.0.0.1", 0)
    process = Process("root/endpoint", Runtime())
    with listener, trio.fail_after(10):
        await process.run(endpoint_spec(lambda: broken, [listener], LIMITS).start)
    assert isinstance(process.exit, Crash)
    assert "no database" in repr(process.exit.primary)
