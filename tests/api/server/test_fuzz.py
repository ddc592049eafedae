"""Broken requests by the thousand: afterwards the server serves, and nothing is left of them."""

from __future__ import annotations

import os
import random
import socket
import struct
from contextlib import suppress
from pathlib import Path

import trio
from structlog.testing import capture_logs

from tests.api.server.running import (
    App,
    Receive,
    Running,
    Scope,
    Send,
    answering,
    get,
    running,
)

CONNECTIONS = int(os.environ.get("FUZZ_CONNECTIONS", "1500"))
AT_ONCE = 20
UPGRADE = b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: "
HEADS = [
    b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n",
    b"HEAD /hello HTTP/1.0\r\n\r\n",
    b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET http://[::1/ HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /\xff\xfe%zz HTTP/1.1\r\nHost: a\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0\0\0\4\1\5\0\0\0\1\x82\x86\x84\x41",
    UPGRADE + b"h2c\r\nHTTP2-Settings: AAM\r\n\r\n",
    UPGRADE + b"websocket\r\n\r\n\x81\x85abcd",
]
BODIES = [
    b"Content-Length: 5\r\n\r\nhello",
    b"Content-Length: 50\r\n\r\nshort",
    b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;a=b\r\nyou\r\n0\r\nT: x\r\n\r\n",
    b"Expect: 100-continue\r\nContent-Length: 100000\r\n\r\n" + b"z" * 100,
    b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
]
POSTS = [
    b"POST %b HTTP/1.1\r\nHost: a\r\n%b" % (path, body)
    for path in (b"/echo", b"/listen", b"/early")
    for body in BODIES
]


async def stream(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer in pieces."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for number in range(5):
        body = b"x" * 5000
        await send({"type": "http.response.body", "body": body, "more_body": number < 4})


async def listen(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer while another task of the same request listens."""

    async def hear() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async with trio.open_nursery() as nursery:
        nursery.start_soon(hear)
        await trio.lowlevel.checkpoint()
        await answering()(scope, receive, send)


def mangled(rng: random.Random) -> bytes:
    """Make one to three requests in a row, damaged in up to five places."""
    data = bytearray(b"".join(rng.choices(HEADS + POSTS, k=rng.choice([1, 1, 1, 2, 3]))))
    for _ in range(rng.choice([0, 0, 1, 2, 5])):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(3):
            case 0:
                data[at : at + 1] = rng.randbytes(1)
            case 1:
                del data[at : at + rng.randrange(1, 20)]
            case _:
                data[at:at] = rng.randbytes(rng.randrange(1, 12))
    return bytes(data)


async def attack(server: Running, rng: random.Random) -> None:
    """Send one mangled conversation in two pieces and leave it in one of five ways."""
    data = mangled(rng)
    cut = rng.randrange(len(data) + 1)
    leave = rng.choice(["reset", "eof", "read", "close", "close"])
    async with await server.client() as client:
        with suppress(trio.BrokenResourceError), trio.move_on_after(0.02):
            await client.send(data[:cut])
            if rng.random() < 0.5:
                await trio.lowlevel.checkpoint()
            await client.send(data[cut:])
            if leave == "reset":
                hard = struct.pack("ii", 1, 0)
                client.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, hard)
            elif leave != "close":
                if leave == "eof":
                    await client.stream.send_eof()
                await client.rest()


def open_descriptors() -> int:
    """How many descriptors this process has."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_mangled_requests_leave_a_serving_server_and_nothing_else() -> None:
    """No crash, no log line, no connection, no task and no descriptor remains."""
    seed = int(os.environ.get("FUZZ_SEED") or random.SystemRandom().randrange(2**32))
    print(f"FUZZ_SEED={seed}")
    rng = random.Random(seed)
    app = App({"/stream": stream, "/listen": listen, "/early": answering(413)})

    async def attacker(count: int) -> None:
        for _ in range(count):
            await attack(server, rng)

    with capture_logs() as logs:
        async with running(app, linger_seconds=0.2) as server:
            await server.ask(get("/hello"))
            await server.emptied()
            before = open_descriptors(), trio.lowlevel.current_statistics().tasks_living
            async with trio.open_nursery() as nursery:
                for _ in range(AT_ONCE):
                    nursery.start_soon(attacker, CONNECTIONS // AT_ONCE)
            assert (await server.ask(get("/hello"))).endswith(b"hello")
            await server.emptied()
            after = open_descriptors(), trio.lowlevel.current_statistics().tasks_living
    assert logs == []
    assert after == before
