"""A door to the database that tests look through: it counts, stops statements, and goes away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

import pytest
import trio

from actors.store import database as door_module
from actors.store import queue
from actors.store.bridge import on_asyncio
from actors.store.builds import _SQL as BUILDS
from actors.store.database import JOB_SECONDS, ConnectOptions, Database

if TYPE_CHECKING:
    from actors.store.job import Link

T = TypeVar("T")
E = TypeVar("E")

_NAMES = {
    sql: name for table in (queue._SQL, queue._WORKERS, BUILDS) for name, sql in table.items()
}


class Events(list[object]):
    """What was emitted, and a way to wait for more of it."""

    def __init__(self) -> None:
        super().__init__()
        self._news = trio.Event()

    def __call__(self, event: object) -> None:
        """Take an event."""
        self.append(event)
        news, self._news = self._news, trio.Event()
        news.set()

    def of(self, kind: type[E]) -> list[E]:
        """Return the events of a kind so far."""
        return [event for event in self if isinstance(event, kind)]

    async def seen(self, kind: type[E], count: int = 1) -> E:
        """Wait until there are `count` such events; return the last of them."""
        while len(self.of(kind)) < count:
            await self._news.wait()
        return self.of(kind)[count - 1]


class Stop:
    """A place where a statement waits: before it is sent, or between commit and answer."""

    def __init__(self, *, after: bool) -> None:
        self.after = after
        self.reached = trio.Event()
        self.go = trio.Event()

    async def pass_by(self) -> None:
        """Say that a statement is here, and wait until it may go on."""
        self.reached.set()
        await self.go.wait()


class WatchedDatabase(Database):
    """Knows its statements by name (`claim`, `append_logs`, ...); `ran` lists them in order."""

    def __init__(self, options: ConnectOptions, emit: Callable[[object], None]) -> None:
        super().__init__(emit)
        self.ran: list[str] = []
        self.options = options
        self._stops: dict[str, Stop] = {}
        self._failures: dict[str, Exception] = {}
        self._owners = trio.CancelScope()
        self._news = trio.Event()

    def stop(self, name: str, *, after: bool = False) -> Stop:
        """Have the next statement of this name wait."""
        return self._stops.setdefault(name, Stop(after=after))

    def fail(self, name: str, error: Exception) -> None:
        """Have the next statement of this name fail after it was committed."""
        self._failures[name] = error

    def count(self, name: str) -> int:
        """How often a statement was asked for."""
        return self.ran.count(name)

    async def asked(self, name: str, count: int) -> None:
        """Wait until a statement was asked for so often."""
        while self.count(name) < count:
            await self._news.wait()

    async def run(
        self, work: Callable[[Link], Awaitable[T]], label: str, *, seconds: float = JOB_SECONDS
    ) -> T:
        """Run as the door does, past the stops."""
        name = _NAMES.get(label, label)
        self.ran.append(name)
        news, self._news = self._news, trio.Event()
        news.set()
        stop = self._stops.pop(name, None)
        if stop is not None and not stop.after:
            await stop.pass_by()
        answer = await super().run(work, label, seconds=seconds)
        if stop is not None and stop.after:
            await stop.pass_by()
        if name in self._failures:
            raise self._failures.pop(name)
        return answer

    # -- connections ----------------------------------------------------------------------------

    async def hold_connections(self, count: int) -> None:
        """Keep connections until `away`."""
        with trio.CancelScope() as self._owners:
            async with trio.open_nursery() as nursery:
                for _ in range(count):
                    nursery.start_soon(on_asyncio(self.own), self.options)

    async def away(self) -> None:
        """Lose every connection; jobs that run are interrupted."""
        self._owners.cancel()
        while self.open:
            await trio.lowlevel.checkpoint()


@asynccontextmanager
async def _door(options: ConnectOptions) -> AsyncIterator[tuple[WatchedDatabase, trio.Nursery]]:
    async with trio.open_nursery() as nursery:
        door = WatchedDatabase(options, Events())
        nursery.start_soon(door.hold_connections, 2)
        yield door, nursery
        nursery.cancel_scope.cancel()


class Outlet:
    """A watched database that can be unplugged, and the plug."""

    def __init__(self, door: WatchedDatabase, nursery: trio.Nursery) -> None:
        self.db = door
        self._nursery = nursery

    async def unplug(self) -> None:
        """Lose every connection."""
        await self.db.away()

    def plug_in(self) -> None:
        """Connect again."""
        self._nursery.start_soon(self.db.hold_connections, 2)


@pytest.fixture
async def outlet(
    database_options: ConnectOptions, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Outlet]:
    """Open a door to a fresh database that can go away; its patience with that is short."""
    async with _door(database_options) as (door, nursery):
        await door.fetchval("select 1")
        monkeypatch.setattr(door_module, "OUTAGE_PATIENCE", 0.05)
        door.ran.clear()
        yield Outlet(door, nursery)
