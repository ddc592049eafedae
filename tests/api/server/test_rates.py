"""Slow senders and crowds: cut off, without hurting those that wait or work."""

from __future__ import annotations

import pytest
import trio

from api.server.roster import Roster
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
POST = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_below_the_least_rate_is_408(*, chunked: bool) -> None:
    """Bytes that trickle do not keep an upload alive; silence alone would last longer."""
    head = (
        POST
        if not chunked
        else POST.replace(b"Content-Length: 1000000", b"Transfer-Encoding: chunked")
    )
    async with (
        running(body_rate_seconds=0.2, min_body_rate=1000) as server,
        await server.client() as client,
    ):
        await client.send(head)
        answer = b""
        while not answer:
            await client.send(b"1\r\nx\r\n" if chunked else b"x")
            with trio.move_on_after(0.02):
                answer = await client.rest()
    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")


async def test_a_body_that_slows_down_is_found_as_well() -> None:
    """What came fast before does not pay for what comes slowly now."""
    async with (
        running(body_rate_seconds=0.2, min_body_rate=1000) as server,
        await server.client() as client,
    ):
        await client.send(POST + bytes(900_000))
        answer = b""
        while not answer:
            await client.send(b"x")
            with trio.move_on_after(0.02):
                answer = await client.rest()
    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")


async def test_the_time_of_a_slow_application_is_not_the_clients() -> None:
    """Who keeps the client waiting cannot blame it."""

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        size = 0
        while True:
            message = await receive()
            size += len(message["body"])
            await trio.sleep(0.05)
            if not message["more_body"]:
                break
        await answering(body=b"%d" % size)(scope, receive, send)

    app = App({"/slow": slow})
    async with running(app, body_rate_seconds=0.1, min_body_rate=100_000_000) as server:
        answer = await server.ask(
            get("/slow", b"Content-Length: 1000000", method="POST"), bytes(10**6)
        )
    assert answer.endswith(b"1000000")


async def test_no_minimum_is_no_minimum() -> None:
    """0 turns it off."""
    async with (
        running(body_rate_seconds=0.01, min_body_rate=0) as server,
        await server.client() as client,
    ):
        await client.send(get("/echo", b"Content-Length: 3", method="POST"))
        for _ in range(3):
            await trio.sleep(0.03)
            await client.send(b"x")
        assert (await client.rest()).endswith(b"xxx")


async def test_a_held_request_has_no_rate() -> None:
    """A poll that waits for work sends nothing, and is not asked to."""
    go = trio.Event()

    async def held(scope: Scope, receive: Receive, send: Send) -> None:
        assert await read_body(receive) == b""
        await go.wait()
        await answering()(scope, receive, send)

    async with (
        running(App({"/held": held}), body_rate_seconds=0.01) as server,
        await server.client() as client,
    ):
        await client.send(get("/held"))
        await trio.sleep(0.1)
        go.set()
        assert (await client.rest()).endswith(b"hello")


async def test_a_crowd_from_one_address_is_429() -> None:
    """Told when to come back and closed; the others stay, and there is room when one leaves."""
    async with (
        running(max_connections_per_address=2) as server,
        await server.client() as first,
        await server.client() as second,
    ):
        for client in (first, second):
            await client.send(HELLO)
            await client.until(b"hello")
        answer = await server.ask(HELLO)
        assert answer.startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
        assert b"\r\nretry-after: 2\r\n" in answer
        assert answer.endswith(b'{"error":"Too Many Requests"}')
        await second.send(HELLO)
        await second.until(b"hello")
        await first.stream.aclose()
        while server.connections != 1:
            await server.server._service.roster._left.park()
        assert (await server.ask(get("/hello"))).endswith(b"hello")


class _Member:
    """A connection that never leaves."""

    def leave_if_idle(self) -> bool:
        """Stay."""
        return False


def test_neighbours_of_ipv6_count_together() -> None:
    """Whoever has one address of a /64 has them all."""
    roster, members = Roster(100, 1), [_Member() for _ in range(5)]
    hosts = ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "10.0.0.1", "10.0.0.2"]
    welcome: list[bool] = []
    for member, host in zip(members, hosts, strict=True):
        roster.expect()
        welcome.append(roster.add(member, host))
    assert welcome == [True, False, True, True, True]
    for member in members:
        roster.discard(member)
    assert not roster._from
