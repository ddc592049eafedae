"""One piece of database work on its way from a trio task to the owner of a connection and back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar, cast

import trio

if TYPE_CHECKING:
    from asyncpg import Connection, Record

    Link: TypeAlias = Connection[Record]

T = TypeVar("T")


class Job(Generic[T]):
    """Runs once, on the asyncio side; whoever asked waits on the trio side."""

    __slots__ = ("_done", "error", "label", "since", "taken", "value", "waiters", "work")

    def __init__(self, work: Callable[[Link], Awaitable[T]], label: str) -> None:
        self.work = work
        self.label = label
        self.since = trio.current_time()
        self.taken = False
        self.waiters = 0
        self.value: T | None = None
        self.error: Exception | None = None
        self._done = trio.Event()

    @property
    def done(self) -> bool:
        """Whether a result or an error is there."""
        return self._done.is_set()

    def succeed(self, value: T) -> None:
        """Deliver the result."""
        self.value = value
        self._done.set()

    def fail(self, error: Exception) -> None:
        """Deliver an error."""
        self.error = error
        self._done.set()

    async def wait(self) -> None:
        """Wait until it is done."""
        await self._done.wait()

    def result(self) -> T:
        """Return the result or raise the error."""
        if self.error is not None:
            raise self.error
        return cast("T", self.value)


class Lookup:
    """A job that reads many keys with one statement; keys join it until it starts."""

    def __init__(self, sql: str) -> None:
        self.keys: set[str] = set()
        self.job = Job(self._read, sql)

    async def _read(self, link: Link) -> dict[str, list[Record]]:
        found: dict[str, list[Record]] = {}
        for row in await link.fetch(self.job.label, list(self.keys)):
            found.setdefault(row["key"], []).append(row)
        return found
