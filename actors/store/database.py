"""The door to PostgreSQL: jobs from trio tasks, run by one owner task per connection in asyncio.

The door outlives the connections: the supervised child `repo` opens them and may be restarted at
any time. Jobs that wait while no connection is up are run when one is; a job that was cut off
fails with `InterruptedJobError`, because nobody knows whether it was committed.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg
import trio

from actors.domain.errors import InterruptedJobError, UnavailableError
from actors.domain.events import DatabaseFound, DatabaseLost
from actors.store.failures import AGAIN, OUTAGES
from actors.store.job import Job, Lookup

if TYPE_CHECKING:
    from asyncpg import Record

    from actors.store.job import Link

T = TypeVar("T")

JOB_SECONDS = 15.0
OUTAGE_PATIENCE = 2.0
"""How long a request waits for a database that is known to be away, before its 503."""
_TRIES = 4
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectOptions:
    """Where the database is: `where` is for people (no password), `arguments` for asyncpg."""

    where: str
    arguments: Mapping[str, Any] = field(repr=False)

    async def connect(self) -> Link:
        """Open one connection; asyncio side."""
        settings = {
            "application_name": "expo-controller",
            "statement_timeout": "30s",
            "idle_in_transaction_session_timeout": "30s",
            "timezone": "UTC",
            "jit": "off",
            "plan_cache_mode": "force_generic_plan",
        }
        return await asyncpg.connect(**self.arguments, timeout=10, server_settings=settings)


class Database:
    """Shared by everyone who reads or writes; safe to call while the database is away."""

    def __init__(self, emit: Callable[[object], None]) -> None:
        self._emit = emit
        self._jobs: deque[Job[Any]] = deque()
        self._running: set[Job[Any]] = set()
        self._idle: deque[asyncio.Future[None]] = deque()
        self._lookups: dict[str, Lookup] = {}
        self._lost_at: float | None = None
        self.open = 0
        self.was_up = False

    # -- trio side ------------------------------------------------------------------------------

    async def run(
        self, work: Callable[[Link], Awaitable[T]], label: str, *, seconds: float = JOB_SECONDS
    ) -> T:
        """Run `work` on some connection and return its result.

        Lost races (deadlock, serialisation, a unique index) are repeated a few times. Raises
        `UnavailableError` (never ran), `InterruptedJobError` (unknown), or what `work` raised.
        """
        for _ in range(_TRIES - 1):
            try:
                return await self._once(work, label, seconds)
            except AGAIN:
                continue
        return await self._once(work, label, seconds)

    async def fetch(self, sql: str, *args: object) -> list[Record]:
        """Run one statement and return its rows."""
        return await self.run(lambda link: link.fetch(sql, *args), sql)

    async def fetchrow(self, sql: str, *args: object) -> Record | None:
        """Run one statement and return its first row."""
        return await self.run(lambda link: link.fetchrow(sql, *args), sql)

    async def fetchval(self, sql: str, *args: object) -> Any:  # noqa: ANN401 - a column of any type
        """Run one statement and return the first column of its first row."""
        return await self.run(lambda link: link.fetchval(sql, *args), sql)

    async def execute(self, sql: str, *args: object) -> None:
        """Run one statement for its effect."""
        await self.run(lambda link: link.execute(sql, *args), sql)

    async def rows_of(self, sql: str, key: str) -> list[Record]:
        """Return the rows of one key; who asks while no connection is free is read together.

        `sql` takes an array of keys and returns their rows with a column `key`.
        """
        lookup = self._lookups.get(sql)
        if lookup is None or lookup.job.taken or not lookup.job.waiters:
            lookup = self._lookups[sql] = Lookup(sql)
            self._enqueue(lookup.job)
        lookup.keys.add(key)
        return (await self._join(lookup.job, JOB_SECONDS)).get(key, [])

    def describe(self) -> Mapping[str, object]:
        """Facts for the tree: connections, what waits, the oldest job that runs."""
        now = trio.current_time()
        oldest = max((now - job.since for job in self._running), default=0.0)
        return {
            "connections": self.open,
            "waiting": len(self._jobs),
            "running": len(self._running),
            "oldest": f"{oldest:.3f}s",
        }

    def in_flight(self) -> list[tuple[str, float]]:
        """Return what runs on the asyncio side: its label, and for how long its caller waits."""
        now = trio.current_time()
        found = [(job.label, now - job.since) for job in self._running]
        return sorted(found, key=lambda one: -one[1])

    async def _once(self, work: Callable[[Link], Awaitable[T]], label: str, seconds: float) -> T:
        job = Job(work, label)
        self._enqueue(job)
        return await self._join(job, seconds)

    def _enqueue(self, job: Job[Any]) -> None:
        self._jobs.append(job)
        self._wake()

    async def _join(self, job: Job[T], seconds: float) -> T:
        """Wait for a job, maybe with others; one that everybody left before its start is off."""
        job.waiters += 1
        try:
            await self._wait(job, seconds)
        finally:
            job.waiters -= 1
            if not job.taken and not job.waiters:
                self._jobs.remove(job)
        if job.done:
            return job.result()
        if job.taken:
            raise InterruptedJobError(f"no answer from the database in {seconds:g} s")
        raise UnavailableError("the database is not available")

    async def _wait(self, job: Job[Any], seconds: float) -> None:
        """Wait for the job; less long while no connection is there that could take it."""
        end = trio.current_time() + seconds
        while not job.done and (left := end - trio.current_time()) > 0:
            with trio.move_on_after(min(left, OUTAGE_PATIENCE)):
                await job.wait()
            if not job.taken and not self.open:
                return

    def _wake(self) -> None:
        while self._idle:
            future = self._idle.popleft()
            if not future.done():
                future.set_result(None)
                return

    # -- asyncio side ---------------------------------------------------------------------------

    async def own(self, options: ConnectOptions) -> None:
        """Keep one connection and run jobs on it, for ever; reconnects with growing pauses."""
        pause = _FIRST_PAUSE
        while True:
            try:
                link = await options.connect()
            except OUTAGES as error:
                self._note_lost(error)
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
                pause = min(pause * 2, _LONGEST_PAUSE)
                continue
            pause = _FIRST_PAUSE
            await self._serve_until_lost(link)

    async def _serve_until_lost(self, link: Link) -> None:
        self.open += 1
        self._note_found()
        try:
            await self._serve(link)
        except OUTAGES as error:
            self._note_lost(error)
        finally:
            self.open -= 1
            link.terminate()

    async def _serve(self, link: Link) -> None:
        while True:
            job = await self._next(link)
            if link.is_closed():
                self._jobs.appendleft(job)
                self._wake()  # another connection may do it sooner
                raise ConnectionResetError("the connection was closed while idle")
            self._running.add(job)
            try:
                await self._carry_out(job, link)
            finally:
                self._running.discard(job)

    async def _next(self, link: Link) -> Job[Any]:
        while not self._jobs:
            future = asyncio.get_running_loop().create_future()

            def wake(*_: object, future: asyncio.Future[None] = future) -> None:
                if not future.done():
                    future.set_result(None)

            self._idle.append(future)
            link.add_termination_listener(wake)
            try:
                await future
            finally:
                link.remove_termination_listener(wake)
            if link.is_closed():
                self._wake()  # this owner cannot take the job it was woken for
                raise ConnectionResetError("the connection was closed")
        return self._jobs.popleft()

    async def _carry_out(self, job: Job[Any], link: Link) -> None:
        job.taken = True
        try:
            job.succeed(await job.work(link))
        except asyncio.CancelledError:
            job.fail(InterruptedJobError("the connection pool was stopped"))
            raise
        except asyncpg.QueryCanceledError as error:
            job.fail(InterruptedJobError(str(error)))
        except OUTAGES as error:
            job.fail(InterruptedJobError(str(error) or type(error).__name__))
            raise
        except Exception as error:  # whoever asked decides, by crashing if need be
            if link.is_closed():
                job.fail(InterruptedJobError(str(error)))
                raise ConnectionResetError(str(error)) from error
            job.fail(error)

    # -- outage, told once ----------------------------------------------------------------------

    def _note_lost(self, error: BaseException) -> None:
        if self._lost_at is None and self.was_up:
            self._lost_at = trio.current_time()
            self._emit(DatabaseLost(f"{type(error).__name__}: {error}"))

    def _note_found(self) -> None:
        if not self.was_up or self._lost_at is not None:
            away = 0.0 if self._lost_at is None else trio.current_time() - self._lost_at
            self._lost_at = None
            self.was_up = True
            self._emit(DatabaseFound(away))


def columns(rows: Sequence[Sequence[object]], width: int) -> list[list[object]]:
    """Turn rows into `width` columns, the shape that `unnest` takes."""
    return [[row[i] for row in rows] for i in range(width)]
