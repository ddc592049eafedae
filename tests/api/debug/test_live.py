"""Server-sent events: the tree and its changes, what happens, and the end of all streams."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from actors.domain.events import BuildSubmitted, RequestServed
from api.debug import window as windows
from api.debug.live import Differences, Wanted
from api.debug.window import BUFFERED, KEPT, TooManyWatchersError, Window
from supervisors.snapshot import picture
from supervisors.supervisor import supervisor
from tests.support.farm import Farm, good, refused
from tests.support.tree import Probe, grown, quiet, virtual_time

QUEUE = "orchestration/queue_manager"


class Watcher:
    """Reads one stream from a socket of its own: a reader that may leave in the middle."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._text = b""
        self._name = ""

    async def ask(self, farm: Farm, query: str) -> None:
        """Send the request; the answer must be a stream."""
        head = f"GET /debug/events{query} HTTP/1.1\r\nHost: x\r\nX-API-Key: {farm.api_key}\r\n"
        await self._stream.send_all(f"{head}Accept: text/event-stream\r\n\r\n".encode())
        assert await self._line() == "HTTP/1.1 200 OK"

    async def next(self, name: str) -> Any:
        """Return the data of the next event of a name; None at the end of the stream."""
        while (line := await self._line()) != "0":
            field, _, value = line.partition(": ")
            if field == "event":
                self._name = value
            elif field == "data" and self._name == name:
                return json.loads(value)
        return None

    async def _line(self) -> str:
        """Return the next line; one of chunk sizes is a line, too, and no piece splits another."""
        while b"\n" not in self._text:
            piece = await self._stream.receive_some()
            assert piece
            self._text += piece
        line, self._text = self._text.split(b"\n", 1)
        return line.decode().rstrip("\r")


@asynccontextmanager
async def watching(farm: Farm, query: str = "") -> AsyncIterator[Watcher]:
    """Watch for the length of the block."""
    async with await trio.open_tcp_stream("127.0.0.1", farm.port) as stream:
        watcher = Watcher(stream)
        await watcher.ask(farm, query)
        yield watcher


async def test_a_watcher_gets_the_whole_tree_then_what_changes(farm: Farm) -> None:
    """A restart comes as an event and as the changed node, with its reason."""
    async with watching(farm) as watcher:
        whole = await watcher.next("tree")
        assert {"", QUEUE, "endpoint"} <= {node["path"] for node in whole["changed"]}
        assert whole["order"][0] == ""
        farm.kill(QUEUE)
        told = await watcher.next("told")
        assert told["name"] == "tree.child_terminated"
        assert told["fields"]["reason"] == "killed"
        changed: dict[str, Any] = {}
        while changed.get("restarts") != 1:
            news = await watcher.next("tree")
            changed = next((node for node in news["changed"] if node["path"] == QUEUE), {})
        assert changed["why"] == ["it ended (killed)"]


async def test_frequent_events_come_only_when_asked_for(farm: Farm) -> None:
    """By `all`, or by their name; a name without any stays silent."""
    async with watching(farm, "?under=http") as watcher:
        await farm.get("/live")
        told = await watcher.next("told")
        while told["fields"]["route"] != "GET /live":
            told = await watcher.next("told")
        assert told["name"] == "http.request_served"
    assert Wanted().takes(BuildSubmitted("b", "ios"))
    assert not Wanted().takes(RequestServed("GET", "x", 200, 0.1))
    assert Wanted(everything=True).takes(RequestServed("GET", "x", 200, 0.1))
    assert not Wanted(under="http").takes(BuildSubmitted("b", "ios"))
    assert Wanted(under="build").takes(BuildSubmitted("b", "ios"))


async def test_without_a_stream_asked_for_recent_events_are_given(farm: Farm) -> None:
    """The history at page load; oldest first."""
    build = await farm.submit()
    events = good(await farm.get("/debug/events?under=build"))["events"]
    assert [event["fields"]["build_id"] for event in events] == [build["id"]]
    names = [event["name"] for event in good(await farm.get("/debug/events"))["events"]]
    assert "http.request_served" not in names
    assert names.index("tree.child_started") < names.index("build.submitted")


async def test_a_watcher_that_leaves_is_forgotten(farm: Farm) -> None:
    """Nothing is kept for it."""
    async with watching(farm) as watcher:
        await watcher.next("tree")
        assert farm.parts.window.watching == 1
    while farm.parts.window.watching:
        await trio.testing.wait_all_tasks_blocked(0.001)


async def test_there_is_room_for_so_many_watchers(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One more gets 503."""
    monkeypatch.setattr("api.debug.looks.WATCHERS", 1)
    async with watching(farm) as watcher:
        await watcher.next("tree")
        answer = await farm.get("/debug/events", accept="text/event-stream")
        assert refused(answer)[0] == 503


async def test_draining_ends_every_stream(farm: Farm) -> None:
    """In order, with the last piece: the stop does not wait for them."""
    async with watching(farm) as watcher:
        await watcher.next("tree")
        farm.root.shutdown()
        assert await watcher.next("nothing of this name") is None


async def test_a_slow_watcher_misses_the_oldest_and_is_told_how_many() -> None:
    """The program does not wait for it, and keeps so many recent ones."""
    window = Window()
    with window.watch() as stream:
        for number in range(BUFFERED + 5):
            window.note(BuildSubmitted(str(number), "ios"))
        assert (len(stream), stream.dropped) == (BUFFERED, 5)
    assert len(window.recent) == KEPT


def test_watchers_are_counted_and_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who left make room."""
    monkeypatch.setattr(windows, "WATCHERS", 1)
    window = Window()
    for _ in range(3):
        with window.watch(), pytest.raises(TooManyWatchersError), window.watch():
            raise AssertionError
    assert window.watching == 0


@virtual_time
async def test_differences_are_what_changed_and_what_is_gone() -> None:
    """Time alone is no change; an order is sent only when it is another one."""
    a = Probe("a", [])
    async with grown(supervisor("root", [a.spec()])) as tree:
        known = Differences()
        first: Any = known.to(picture(tree.root))
        assert first["order"] == ["", "a"]
        await trio.sleep(100)
        assert known.to(picture(tree.root)) is None
        a.crash()
        await quiet()
        second: Any = known.to(picture(tree.root))
        assert [node["path"] for node in second["changed"]] == ["", "a"]
        assert "order" not in second
        await tree.sup().terminate_child("a")
        await tree.sup().delete_child("a")
        third: Any = known.to(picture(tree.root))
        assert (third["gone"], third["order"]) == (["a"], [""])
