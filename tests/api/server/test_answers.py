"""What leaves the server: heads, framing, reason phrases, errors."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from api.server.wire import ClientGoneError
from tests.api.server.running import (
    App,
    Message,
    Receive,
    Scope,
    Send,
    answering,
    get,
    head_and_body,
    running,
)


async def test_answer_has_reason_phrase_and_date_but_no_server_header() -> None:
    """The head says `Not Found` in words, when, and not by what program."""
    async with running() as server:
        lines, body = head_and_body(await server.ask(get("/nowhere")))
    assert lines[0] == b"HTTP/1.1 404 Not Found"
    assert any(line.startswith(b"date: ") for line in lines)
    assert not any(line.lower().startswith(b"server:") for line in lines)
    assert body == b"nothing here"


@pytest.mark.parametrize(
    ("status", "line"),
    [(200, b"200 OK"), (413, b"413 Payload Too Large"), (599, b"599 ")],
)
async def test_every_status_has_its_line(status: int, line: bytes) -> None:
    """Known statuses are named, an invented one has an empty phrase."""
    async with running(App({"/": answering(status)})) as server:
        assert head_and_body(await server.ask(get("/")))[0][0] == b"HTTP/1.1 " + line


async def test_single_piece_answer_gets_its_length() -> None:
    """An answer known whole is not chunked."""
    async with running() as server:
        lines, body = head_and_body(await server.ask(get("/hello")))
    assert b"content-length: 5" in lines
    assert body == b"hello"


async def test_small_answer_leaves_in_one_send() -> None:
    """Head, body and end come out of one receive of the client."""
    async with running() as server, await server.client() as client:
        await client.send(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = await client.stream.receive_some(65536)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\nhello")


@pytest.mark.parametrize("headers", [[(b"content-length", b"5")], []])
async def test_head_is_answered_without_body(headers: list[tuple[bytes, bytes]]) -> None:
    """HEAD gets the head of GET with its length, and the connection lives on."""
    async with (
        running(App({"/": answering(headers=headers)})) as server,
        await server.client() as client,
    ):
        await client.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"content-length: 5\r\n" in await client.until(b"\r\n\r\n")
        await client.send(get("/hello"))
        assert (await client.rest()).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_method_is_taken_as_it_is_written() -> None:
    """`hEAD` is another method than HEAD, for the framing as for the application."""
    app = App()
    async with running(app) as server:
        answer = await server.ask(get("/hello", method="hEAD"))
    assert answer.endswith(b"hello")
    assert app.scopes[0]["method"] == "hEAD"


@pytest.mark.parametrize("status", [204, 304])
async def test_status_without_body_has_neither_body_nor_length(status: int) -> None:
    """204 and 304 are heads only, whatever the application sends."""
    async with running(App({"/": answering(status, b"surplus")})) as server:
        lines, body = head_and_body(await server.ask(get("/")))
    assert body == b""
    assert not any(line.startswith(b"content-length") for line in lines)


async def test_first_piece_of_a_stream_is_not_held_back() -> None:
    """The client has the first event while the application still works on the second."""
    seen = []

    async def stream(_scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await receive()
        seen.append(await receive())

    async with running(App({"/": stream})) as server, await server.client() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        head = await client.until(b"5\r\nfirst\r\n")
        assert b"transfer-encoding: chunked\r\n" in head.lower()
    assert seen == [{"type": "http.disconnect"}]


async def test_empty_first_piece_sends_the_head() -> None:
    """A stream that has nothing to say yet shows its head."""

    async def stream(_scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        await receive()
        await receive()

    async with running(App({"/": stream})) as server, await server.client() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await client.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")


async def test_http_1_0_stream_is_ended_by_close() -> None:
    """A client that knows no chunks gets none."""

    async def stream(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one ", "more_body": True})
        await send({"type": "http.response.body", "body": b"two"})

    async with running(App({"/": stream})) as server:
        lines, body = head_and_body(await server.ask(b"GET / HTTP/1.0\r\n\r\n"))
    assert body == b"one two"
    assert b"connection: close" in [line.lower() for line in lines]


async def test_large_pieces_arrive_whole_and_in_order() -> None:
    """A download in 1 MiB pieces is the file."""
    piece = bytes(range(256)) * 4096

    async def stream(_scope: Scope, _receive: Receive, send: Send) -> None:
        length = b"%d" % (3 * len(piece))
        headers = [(b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for number in range(3):
            await send({"type": "http.response.body", "body": piece, "more_body": number < 2})

    async with running(App({"/": stream})) as server:
        assert head_and_body(await server.ask(get("/")))[1] == piece * 3


@pytest.mark.parametrize(
    "events",
    [
        [],
        [{"type": "http.response.start", "status": 200, "headers": []}],
        [{"type": "http.response.body", "body": b""}],
        [{"type": "http.response.start", "status": 200, "headers": [(b"a", b"b\r\nc: d")]}] * 2,
        [
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]},
            {"type": "http.response.body", "body": b"five."},
        ],
    ],
)
async def test_application_that_answers_wrongly_becomes_500(events: list[Message]) -> None:
    """As long as nothing has left, a failing application is a clean 500."""

    async def wrong(_scope: Scope, _receive: Receive, send: Send) -> None:
        for event in events:
            await send(event)

    with capture_logs():
        async with running(App({"/": wrong})) as server:
            lines, body = head_and_body(await server.ask(get("/")))
    assert lines[0] == b"HTTP/1.1 500 Internal Server Error"
    assert body == b'{"error":"Internal Server Error"}'


async def test_crash_is_logged_answered_and_contained() -> None:
    """A bug in one request is one log line and a 500; other connections live on."""
    with capture_logs() as logs:
        async with running() as server, await server.client() as other:
            await other.send(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
            await other.until(b"hello")
            answer = await server.ask(get("/crash"))
            await other.send(get("/hello"))
            assert (await other.rest()).endswith(b"hello")
    assert answer.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert [(line["event"], line["path"]) for line in logs] == [("request crashed", "/crash")]


async def test_crash_in_mid_answer_breaks_the_answer_off() -> None:
    """A client can tell an answer that was cut: its last chunk never comes."""

    async def wrong(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"part", "more_body": True})
        raise ValueError("a bug")

    with capture_logs():
        async with running(App({"/": wrong})) as server:
            assert (await server.ask(get("/"))).endswith(b"4\r\npart\r\n")


async def test_send_to_a_client_that_left_raises() -> None:
    """A stream learns from `send` that nobody listens, and that is no crash."""
    raised = []

    async def stream(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
        except ClientGoneError as error:
            raised.append(error)
            raise

    with capture_logs() as logs:
        async with running(App({"/": stream})) as server, await server.client() as client:
            await client.send(get("/"))
            await client.until(b"x")
    assert len(raised) == 1
    assert logs == []


async def test_client_that_takes_nothing_is_given_up() -> None:
    """A stalled download ends after `send_stall_seconds`."""

    async def stream(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": b"x" * 1048576, "more_body": True})

    async with (
        running(App({"/": stream}), send_stall_seconds=0.1) as server,
        await server.client() as client,
    ):
        await client.send(get("/"))
        server.shutdown.set()
        await server.ended.wait()
