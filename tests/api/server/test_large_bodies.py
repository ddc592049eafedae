"""Bodies that go past the parser: the same bytes, the same endings, the same next request."""

from __future__ import annotations

import random

import pytest
import trio

from api.server.body import READ_BYTES
from tests.api.server.running import App, Receive, Scope, Send, answering, read_body, running

LARGE = 5 * READ_BYTES + 7
HELLO = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"


def post(path: str, size: int, *headers: bytes, version: bytes = b"1.1") -> bytes:
    """Head of a large POST."""
    start = b"POST %b HTTP/%b" % (path.encode(), version)
    return b"\r\n".join([start, b"Host: a", b"Content-Length: %d" % size, *headers, b"", b""])


async def read_some(receive: Receive) -> bytes:
    """Read until more than the parser would hold has come."""
    taken = b""
    while len(taken) <= 2 * READ_BYTES:
        taken += (await receive())["body"]
    return taken


async def test_large_body_arrives_however_it_is_cut() -> None:
    """Byte for byte, and the connection carries the next request, even one that was sent ahead."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    cuts = random.Random(seed)
    async with running() as server, await server.client() as client:
        for _ in range(8):
            body = cuts.randbytes(READ_BYTES + cuts.randint(-5, LARGE))
            sent = post("/echo", len(body)) + body + HELLO
            at = 0
            while at < len(sent):
                step = cuts.choice([1, 100, 70_000, len(sent)])
                await client.send(sent[at : at + step])
                at += step
            answer = await client.until(b"\r\n\r\nhello")
            head, _, rest = answer.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK"), head
            assert rest[: len(body)] == body
        assert server.server.describe()["requests"] == 16


@pytest.mark.parametrize(
    ("headers", "version", "kept"),
    [
        ([], b"1.1", True),
        ([b"Connection: close"], b"1.1", False),
        ([b"Connection: Upgrade", b"Upgrade: websocket"], b"1.1", True),
        ([], b"1.0", False),
    ],
)
async def test_what_the_head_said_still_holds(
    headers: list[bytes], version: bytes, *, kept: bool
) -> None:
    """Whether the connection is kept is decided as for a small body."""
    async with running() as server, await server.client() as client:
        await client.send(post("/echo", LARGE, *headers, version=version) + b"x" * LARGE)
        await client.until(b"\r\n\r\n")
        if kept:
            await client.send(HELLO)
            assert (await client.until(b"hello")).endswith(b"\r\n\r\nhello")
        else:
            assert await client.rest() == b"x" * LARGE


async def test_expecting_client_is_told_to_go_on_once() -> None:
    """`100 Continue` comes before the body, not again behind it."""
    async with running() as server, await server.client() as client:
        await client.send(post("/echo", LARGE, b"Expect: 100-continue"))
        assert await client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send(b"x" * LARGE)
        assert (await client.until(b"x" * LARGE)).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(("how", "status"), [("cut", 400), ("stalled", 408)])
async def test_body_that_ends_early_is_refused(how: str, status: int) -> None:
    """The application hears of a disconnect, the client what was wrong."""
    heard = trio.Event()

    async def wait(_scope: Scope, receive: Receive, _send: Send) -> None:
        with pytest.raises(EOFError):
            await read_body(receive)
        heard.set()

    app = App({"/": wait})
    async with running(app, body_stall_seconds=0.2) as server, await server.client() as client:
        await client.send(post("/", LARGE) + b"x" * (LARGE - 1))
        if how == "cut":
            await client.stream.send_eof()
        assert (await client.rest()).startswith(b"HTTP/1.1 %d " % status)
        await heard.wait()


async def test_answer_in_the_middle_closes() -> None:
    """The rest of the body is never taken for another request, whoever reads on or does not."""

    async def refuse(_scope: Scope, receive: Receive, send: Send) -> None:
        await read_some(receive)
        await answering(413)(_scope, receive, send)

    async def stream(_scope: Scope, receive: Receive, send: Send) -> None:
        await read_some(receive)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"early", "more_body": True})
        await read_body(receive)
        await send({"type": "http.response.body", "body": b" late"})

    app = App({"/refuse": refuse, "/stream": stream})
    async with running(app) as server:
        for path, end in (("/refuse", b"hello"), ("/stream", b"late")):
            async with await server.client() as client:
                size = 100_000 * len(HELLO)  # more than may have come by the time of the answer
                await client.send(post(path, size) + HELLO * 100_000)
                answer = await client.rest()
            assert b"connection: close" in answer.lower()
            assert answer.count(b"HTTP/1.1") == 1, answer
            assert end in answer


async def test_a_slow_application_holds_one_read() -> None:
    """The client cannot send on while nobody asks."""
    go = trio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await read_some(receive)
        await go.wait()
        await answering()(scope, receive, send)

    async with running(App({"/": slow})) as server, await server.client() as client:
        await client.send(post("/", 10**12))
        assert await client.fill() < 50_000_000
        go.set()
        await client.until(b"hello")
